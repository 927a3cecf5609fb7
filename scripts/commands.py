"""
Running other programs during set-up, and saying clearly why one did not do its work.

Promise: a failure is told with the program's own last lines and the likely cause (a full disk, no
network), and nothing is left that a repeat of ``make setup`` would stumble over.
"""

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from provisioning.errors import BasculeError

NO_NETWORK = re.compile(
    r"name resolution|Name or service not known|resolve|dns error|Network is unreachable|No route to host"
    r"|[Cc]onnection refused|timed out|Failed to fetch|No matching distribution",
)


class SetUpError(BasculeError):
    """A part of set-up did not succeed; the parts before it stand."""


def run(
    what: str, command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """
    Run `command` and return its standard output.

    Args:
        what: What this does, for the message when it fails (``installing uv``).
        command: Program and words.
        cwd: Where to run it.
        env: Added to the environment.

    Raises:
        SetUpError: It could not be started or ended with a failure.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env=os.environ | dict(env or {}),
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        raise SetUpError(f"{what}: {command[0]} cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        raise failed(what, done.returncode, done.stderr + done.stdout)
    return done.stdout


def failed(what: str, status: int, output: str) -> SetUpError:
    """Return the error for a program that ended with `status` having said `output`."""
    tail = "\n".join("  " + line for line in output.strip().splitlines()[-8:])
    text = f"{what} ended with {status}" + (f":\n{tail}" if tail else "")
    if os.strerror(errno.ENOSPC).lower() in output.lower():
        return disk_full(text)
    if NO_NETWORK.search(output):
        return SetUpError(
            text,
            state="The network, or the server asked, did not answer.",
            next_step="make setup, once it does; what is finished is kept",
        )
    return SetUpError(text, next_step="make setup, after mending the cause above")


def disk_full(text: str) -> SetUpError:
    """Return the error for a full disk, with what is left where set-up writes."""
    here = shutil.disk_usage(Path.cwd()).free // 2**20
    home = shutil.disk_usage(Path.home()).free // 2**20
    return SetUpError(
        text,
        state=f"A disk is full: {here} MB free in this checkout, {home} MB in {Path.home()}.",
        next_step="free some 3 GB, then make setup; what is finished is kept",
    )
