"""
PostgreSQL servers of other versions than the machine's own, which only tests need.

Promise: exactly what ``tests/support/postgres/package-lock.json`` names, none of whose own scripts is
run. Where they cannot be had that is said, and each test that needs one is named as not run: a move
is tested without them, too.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from scripts import packages
from scripts.commands import SetUpError, run


def ensure(checkout: Path) -> str | None:
    """Bring the servers to what is locked; return what was done, None when they stand or cannot be had."""
    folder = checkout / "tests" / "support" / "postgres"
    stamp = folder / "node_modules" / "bascule-set-up.stamp"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return None
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
    try:
        if shutil.which("npm") is None:
            packages.install(["npm"])
        run("fetching PostgreSQL servers", ["npm", "ci", "--ignore-scripts", *quiet, "--prefix", folder])
    except SetUpError as error:
        left_out = "Tests on other PostgreSQL versions than this machine's are not run."
        print(f"test servers     NOT AVAILABLE: {error}\n{left_out}", file=sys.stderr)
        return None
    stamp.write_text(wanted)
    return f"PostgreSQL {', '.join(_versions(folder))} for tests"


def _versions(folder: Path) -> list[str]:
    names = [package.name for package in folder.glob("node_modules/postgres-*")]
    return sorted(name.removeprefix("postgres-") for name in names)
