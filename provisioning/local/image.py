"""
The host image: the Python environment that local hosts are made from (supervisor and what
applications import), readable by the account that hosts run as.

Promise: one image per locked content, made whole or not at all, and never changed afterwards; a
running host keeps the image that it was made from.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from provisioning.errors import SiteError
from provisioning.local.operator import SYSTEM_HOME, SYSTEM_USER, Operator, operator

_ROOT = Path(__file__).resolve().parents[2]
_PYTHON = "/usr/bin/python3"
"""Debian's, since a Python below some home cannot be executed by another user."""
_SYNC = ("sync", "--no-install-project", "--compile-bytecode", "--quiet")
"""Compiled here, since the account that hosts run as cannot write bytecode into the image."""


def path() -> Path:
    """
    Return the image that the present lock file asks for.

    Raises:
        SiteError: Set-up has not made it.
    """
    made = _made(operator())
    if made is None:
        raise SiteError("the host image of this version is not made yet", next_step="make setup")
    return made


def ensure() -> Path:
    """
    Make the system user (when root) and the image, where they are missing; return the image's path.

    Raises:
        SiteError: They could not be made; the last lines of what failed are in the text.
    """
    if os.geteuid() == 0:
        _ensure_user()
    account = operator()
    made, link = _made(account), _link(account.images)
    if made is not None:
        return made
    _run(*account.switch, "mkdir", "-p", str(account.home / "hosts"))
    link.parent.mkdir(parents=True, exist_ok=True)
    with (account.images / ".making").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two set-ups at once make it once
        wanted = _run(*_uv("export", "--no-emit-project", "--no-header", "--quiet"))
        image = account.images / _digest(wanted.encode())
        if not (image / "complete").exists():
            shutil.rmtree(image, ignore_errors=True)
            _run(*_uv(*_SYNC), UV_PROJECT_ENVIRONMENT=str(image))
            (image / "complete").touch()
        link.unlink(missing_ok=True)
        link.symlink_to(image)
    return image


def _link(images: Path) -> Path:
    """Which image a lock file asks for is remembered per lock file, so that looking it up costs no uv."""
    return images / "of-lock" / _digest((_ROOT / "uv.lock").read_bytes())


def _digest(wanted: bytes) -> str:
    """A name for what is in an image and how it was made."""
    return hashlib.sha256(wanted + " ".join(_SYNC).encode()).hexdigest()[:12]


def _made(account: Operator) -> Path | None:
    """Return the image that the lock file asks for: the account's, or the one that root made for all."""
    for images in (account.images, SYSTEM_HOME / "image"):
        if (_link(images) / "complete").exists():
            return _link(images).resolve()
    return None


def _uv(verb: str, *options: str) -> list[str]:
    beside = Path(sys.prefix) / "bin" / "uv"
    uv = shutil.which("uv") or (str(beside) if beside.exists() else None)
    if uv is None:
        raise SiteError("uv is not on PATH", next_step="make setup")
    return [uv, verb, "--frozen", "--no-default-groups", "--only-group", "host", *options]


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own words
        command,
        cwd=_ROOT,
        env={**os.environ, "UV_PYTHON": _PYTHON, "UV_LINK_MODE": "copy", **environment},
        text=True,
        capture_output=True,
        check=False,
        umask=0o022,  # readable by the account that hosts run as
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise SiteError(
            f"{command[0]} {command[1]} ended with {done.returncode}:\n{tail}", next_step="make setup"
        )
    return done.stdout


def _ensure_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        # '*' is no password, yet not "locked": sshd without PAM refuses locked accounts.
        _run(
            *("useradd", "--system", "--user-group", "--create-home", "--home-dir", str(SYSTEM_HOME)),
            *("--shell", "/bin/bash", "--password", "*", SYSTEM_USER),
        )


if __name__ == "__main__":
    print(ensure())
