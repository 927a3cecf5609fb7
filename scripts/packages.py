"""
System packages: which are missing, and how they come here.

Promise: only what is missing is installed. Without root and sudo nothing is; the one line to type is
in the error instead.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.commands import SetUpError, failed

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Wanted:
    """One line of ``packages.txt``: the first alternative is what gets installed."""

    alternatives: tuple[str, ...]
    only_on: str | None = None

    @property
    def name(self) -> str:
        """What to install."""
        return self.alternatives[0]


def distribution(os_release: str) -> str:
    """Return ``debian`` or ``ubuntu`` (or whatever else) from the text of ``/etc/os-release``."""
    match = re.search(r'^ID="?([a-z]+)', os_release, re.MULTILINE)
    return match.group(1) if match else "unknown"


def wanted(text: str) -> list[Wanted]:
    """Read the package list."""
    found = []
    for line in text.splitlines():
        rule = line.split("#")[0].strip()
        if rule:
            only_on = re.search(r"\[(\w+)\]", rule)
            names = re.sub(r"\[\w+\]", "", rule).split("|")
            found.append(Wanted(tuple(name.strip() for name in names), only_on and only_on.group(1)))
    return found


def installed() -> set[str]:
    """
    Return the names of all completely installed packages.

    Raises:
        SetUpError: This machine has no dpkg.
    """
    if shutil.which("dpkg-query") is None:
        raise SetUpError(
            "this machine has no dpkg: Bascule sets itself up on Debian 12/13 and Ubuntu 24.04",
            next_step="use one of these, or a container of one",
        )
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"],  # noqa: S607 - Debian's own
        text=True,
        capture_output=True,
        check=True,
    )
    pairs = (line.split() for line in done.stdout.splitlines())
    return {name for name, status in pairs if status == "installed"}


def missing(rules: list[Wanted], present: set[str], where: str) -> list[str]:
    """Return what to install, in the list's order."""
    return [
        rule.name
        for rule in rules
        if not present.intersection(rule.alternatives) and rule.only_on in (None, where)
    ]


def left_out(rules: list[Wanted], present: set[str], where: str) -> list[str]:
    """Return what this distribution does not have as a real package, and is not here."""
    return [
        rule.name
        for rule in rules
        if rule.only_on not in (None, where) and not present.intersection(rule.alternatives)
    ]


def becoming_root() -> list[str] | None:
    """Return the words before a command that make it root's, or None if there are none."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    if sys.stdin is not None and sys.stdin.isatty():
        return [sudo]
    free = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0
    return [sudo, "-n"] if free else None


def ensure() -> str | None:
    """
    Install what is missing; return what was done, or None.

    Raises:
        SetUpError: Something is missing and cannot be installed.
    """
    rules = wanted((HERE / "packages.txt").read_text())
    where = distribution(Path("/etc/os-release").read_text())
    present = installed()
    names = missing(rules, present, where)
    if not names:
        return None
    install(names)
    said = f"{len(names)} installed"
    if omitted := left_out(rules, present, where):
        said += f"; left out: {', '.join(omitted)} ({where} has it only as a snap; its tests say NOT RUN)"
    return said


def install(names: list[str]) -> None:
    """
    Install these, and start no service of theirs.

    Raises:
        SetUpError: Nobody here may, or it failed.
    """
    root = becoming_root()
    line = f"apt-get install --no-install-recommends {' '.join(names)}"
    if root is None:
        raise SetUpError(
            f"{len(names)} system packages are missing, and this user is neither root nor may use sudo",
            next_step=f"let somebody who is root type\n\n    {line}\n",
        )
    print(f"  installing {' '.join(names)}", flush=True)
    command = [*root, sys.executable, "-B", str(HERE / "install_packages.py"), *names]
    installer = subprocess.Popen(command, text=True, stderr=subprocess.PIPE)
    complaints = _patiently(installer)
    if installer.returncode != 0:
        raise failed("installing system packages", installer.returncode, complaints)


def _patiently(installer: subprocess.Popen[str]) -> str:
    """Wait for the installer and return what it complained of; an interrupt has it end cleanly first."""
    interrupted = False
    while True:
        try:
            _, complaints = installer.communicate()
        except KeyboardInterrupt:
            interrupted = True
            print("  finishing the installation first", file=sys.stderr)
        else:
            if interrupted:
                raise KeyboardInterrupt
            return complaints
