"""
The parts of a manifest that say which rows are too old to move.

Promise: a rule names its table and the column that tells age; what a `Keep` holds, no `Drop` takes.
"""

from pydantic import Field

from provisioning.manifest_base import AgeRecipient, ArchivePlace, Identifier, Name
from provisioning.model import Model


class Keep(Model):
    """Rows that are kept whatever else is dropped, such as ten years of entries."""

    table: tuple[Identifier, Identifier] = Field(description="Schema (of MariaDB: database) and table.")
    by: Identifier = Field(description="Column of type date or timestamp that tells age.")
    years: int = Field(ge=1, le=100, description="Younger rows, and those without a date, are kept.")


class Drop(Model):
    """Rows that are dropped once they are old enough, with all that belongs to them by foreign key."""

    name: Name
    table: tuple[Identifier, Identifier] = Field(description="Schema (of MariaDB: database) and table.")
    by: Identifier = Field(description="Column of type date or timestamp; rows without a date stay.")
    years: int = Field(ge=1, le=100, description="Older rows are dropped.")
    where: dict[Identifier, str] = Field(
        default_factory=dict, description="Only rows with these values, such as {etat: clos}."
    )


class PurgeArchive(Model):
    """Where dropped rows go, encrypted, and who may read them beside whoever holds the site's identity."""

    to: ArchivePlace = Field(
        description="As archive.to of a transfer: a folder, a disk's device, or s3://bucket/prefix."
    )
    recipients: tuple[AgeRecipient, ...] = ()


class Purge(Model):
    """What is dropped from one of legacy's databases before it moves."""

    database: Name = Field(description="Name under legacy.databases.")
    keep: tuple[Keep, ...] = ()
    drop: tuple[Drop, ...] = Field(min_length=1)
    archive: PurgeArchive
    chunk_rows: int = Field(default=50_000, ge=1, le=1_000_000, description="Rows in a chunk at most.")
