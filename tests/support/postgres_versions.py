"""
Servers of every PostgreSQL version: the machine's own, and those that ``make test`` sets up.

Promise: a version that is named here starts; one that was not fetched, or cannot run on this machine,
is left out, so that a test can tell which versions it was not run on.
"""

import json
import os
import re
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from tests.support.private_hosts import BINARIES

LOCKED = Path(__file__).parent / "postgres"
CONTRACT = range(10, 18)
"""Major versions that a source may have."""


@cache
def servers() -> dict[int, Path]:
    """Return folders with ``initdb`` and ``postgres`` by major version; the machine's own always."""
    found = {int(BINARIES.parent.name): BINARIES}
    for package in sorted(LOCKED.glob("node_modules/postgres-*")):
        _link(package)
        folder = package / "native" / "bin"
        if _runs(folder / "postgres"):
            found.setdefault(int(package.name.removeprefix("postgres-")), folder)
    return dict(sorted(found.items()))


def _link(package: Path) -> None:
    """Make the links between libraries, which a package of that registry cannot carry."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        # Several test processes may be here at once.
        with suppress(FileExistsError):
            target.symlink_to(os.path.relpath(package / link["source"], target.parent))


def _runs(program: Path) -> bool:
    """Whether the user that servers run as may and can start it."""
    user = "postgres" if os.geteuid() == 0 else None
    try:
        done = subprocess.run(
            [program, "--version"],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def binaries_or_skip(version: int) -> Path:
    """Return where the programs of a version lie; a test whose version is not here says so and is not run."""
    found = servers().get(version)
    if found is None:
        pytest.skip(
            f"NOT RUN: no server of PostgreSQL {version} here: see tests/support/postgres_versions.py"
        )
    return found


@cache
def _clients() -> int:
    """The version of this machine's own programs."""
    said = subprocess.run(
        [BINARIES / "pg_dump", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(re.findall(r"\) (\d+)", said)[0])


def clients_or_skip(version: int) -> None:
    """Skip, and say so, where this machine's pg_dump is older than a server that it would have to read."""
    if _clients() < version:
        pytest.skip(f"NOT RUN: pg_dump {version} is not on this machine, which has {_clients()}")
