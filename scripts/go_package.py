"""
Go, where the engine has to be built and the machine has none: the distribution's own, if it is new enough.

Promise: nothing is installed that could not build the engine; where nothing can be, what is said names what
the distribution has, and what to type.
"""

import re
import subprocess

from scripts import packages
from scripts.commands import SetUpError
from tools.pulumi.setting import WayClosedError

PACKAGE = "golang-go"
OLDEST = (1, 21)
"""The first that fetches the toolchain which a module asks for."""


def ensure() -> None:
    """
    Install the distribution's Go.

    Raises:
        WayClosedError: It has none, or an older one, or nobody here may install it.
    """
    asked = subprocess.run(
        ["apt-cache", "policy", PACKAGE],  # noqa: S607 - Debian's own
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        text=True,
        capture_output=True,
        check=False,
    )
    version = offered(asked.stdout)
    if version is None or version < OLDEST:
        has = (
            f"this distribution's is {'.'.join(map(str, version))}"
            if version
            else "this distribution has none"
        )
        raise WayClosedError(f"no `go` of 1.21 or newer on PATH, and {has}", is_definite=False)
    try:
        packages.install([PACKAGE])
    except SetUpError as error:
        raise WayClosedError(f"no `go` on PATH; {error}", is_definite=False) from error


def offered(policy: str) -> tuple[int, int] | None:
    """Return major and minor version of what ``apt-cache policy`` would install; None for nothing."""
    found = re.search(r"^ *Candidate: (?:\d+:)?(\d+)\.(\d+)", policy, re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else None
