"""
Who local hosts run as, and where they lie.

Promise: nothing of a host ever runs as root. Started by root, all of it belongs to the system user
``bascule``; started by anybody else, to that person. Nothing else differs.
"""

import os
import pwd
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from provisioning.errors import SiteError

SYSTEM_USER = "bascule"
SYSTEM_HOME = Path("/var/lib/bascule")


@dataclass(frozen=True)
class Operator:
    """The account that hosts run as. `home` holds images, hosts and final backups."""

    name: str
    home: Path
    switch: tuple[str, ...]
    """Words before a command that make it run as this account."""

    def host_folder(self, workspace: str, stack: str) -> Path:
        """Where the host of a stack lies; `workspace` is `Workspace.identity`."""
        return self.home / "hosts" / workspace / stack

    @property
    def images(self) -> Path:
        return self.home / "image"


@cache
def operator() -> Operator:
    """
    Return the account for hosts that this process makes.

    Raises:
        SiteError: This is root, and set-up has not made the system user yet.
    """
    if os.geteuid() != 0:
        person = pwd.getpwuid(os.geteuid())
        return Operator(person.pw_name, Path(person.pw_dir) / ".local" / "state" / "bascule", ())
    try:
        system = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise SiteError(
            f"there is no user {SYSTEM_USER}, which local hosts run as when root starts them",
            next_step="make setup",
        ) from None
    switch = ("setpriv", f"--reuid={system.pw_uid}", f"--regid={system.pw_gid}", "--init-groups", "--")
    return Operator(SYSTEM_USER, Path(system.pw_dir), switch)
