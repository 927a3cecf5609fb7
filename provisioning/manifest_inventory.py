"""
The parts of a manifest that say where databases are looked for, beside those that are known to move.

Promise: naming a server or a folder here only has it looked at; nothing of it moves for that.
"""

from typing import Literal

from pydantic import Field

from provisioning.manifest_base import Identifier, Name, RelativePath
from provisioning.model import Model


class LookedAtServer(Model):
    """A database server of which every database is listed."""

    name: Name
    engine: Literal["postgresql", "mariadb"] = "postgresql"
    host: Name = Field(description="Name under legacy.hosts.")
    port: int = Field(default=5432, ge=1, le=65535)
    dbname: Identifier = Field(description="Where the login lands; all databases are listed from there.")
    user: Identifier
    password_file: RelativePath = Field(description="Mode 0600, relative to the workspace, one line.")
    ca_file: RelativePath = Field(description="PEM, relative to the workspace.")


class SearchedFolder(Model):
    """A folder in which databases that are files are looked for, by their content."""

    name: Name
    host: Name = Field(description="Name under legacy.hosts.")
    path: RelativePath = Field(description="Relative to the login folder of that host.")


class Inventory(Model):
    """Where databases are looked for, beside legacy.databases and legacy.files."""

    servers: tuple[LookedAtServer, ...] = ()
    folders: tuple[SearchedFolder, ...] = ()
