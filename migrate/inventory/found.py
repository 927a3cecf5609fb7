"""
What an inventory finds: evidence ``inventory``, written by `migrate.inventory.taking`.

Promise: what could not be told is None and never zero or now.
"""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from provisioning.model import Model

Kind = Literal["postgresql", "mariadb", "sqlite", "dbase", "access"]


class FoundDatabase(Model):
    """One database, or a server into which nobody could look."""

    id: str
    """Kind, host and place, such as ``sqlite serveur:files/caisse.db``: what a decision is about."""
    kind: Kind
    host: str
    port: int | None = None
    """Of a server; None for a file."""
    name: str
    """Of the database, or the file's path below its tree; empty where nobody could look."""
    tree: str = ""
    """Of a file: the name under legacy.files or inventory.folders."""
    bytes: int | None = None
    """None where the login may not ask."""
    written_at: AwareDatetime | None = None
    """When it was last written to: what its age of last use is told by. None where that cannot be told."""
    owner: str = ""

    @property
    def is_file(self) -> bool:
        return self.port is None

    @property
    def is_closed(self) -> bool:
        """Whether there is a server, and no login to look into it."""
        return not self.is_file and not self.name

    def idle_days(self, now: datetime) -> int | None:
        """Days since it was last written to."""
        return None if self.written_at is None else max(0, (now - self.written_at).days)


class FoundDatabases(Model):
    """Evidence ``inventory``."""

    taken_at: AwareDatetime
    databases: tuple[FoundDatabase, ...]
    unreadable: dict[str, int]
    """Files that the login may not read, by folder: what they are nobody could tell."""
