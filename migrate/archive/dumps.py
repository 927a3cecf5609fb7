"""
The dump of a database that goes into an archive: a job beside its server, and the folder that it leaves.

Promise: a dump belongs to the archive that it was made for. It is clear data, so it lies where only the job's
user reads, and goes when the archive is done. What an engine writes into the folder is its own business.
"""

from pathlib import PurePosixPath

from migrate import remote
from migrate.archive.sending import Place
from migrate.engines import AnyDatabase
from migrate.errors import TransferError
from migrate.remote_jobs import Job

FOLDER = "data"
"""In the job's folder: all that goes into the archive, a table of contents among it, ``toc.*``."""
HEADROOM_BYTES = 64 * 1024 * 1024
STATE = "Nothing was written of this database; legacy is as it was."


def job(name: str, database: AnyDatabase) -> Job:
    """The job that dumps a database, on the host that it is reached from."""
    return Job(database.through, f"stage-{name}")


def made(name: str, database: AnyDatabase, archive: str) -> bool:
    """Tell whether the dump for an archive is there, or under way."""
    seen = job(name, database).look(measure=f"ls {FOLDER}/toc.* 2>/dev/null")
    return seen.spec == archive and (
        seen.state == "running" or (seen.state == "finished" and seen.status == 0 and seen.measured != "")
    )


def forget(name: str, database: AnyDatabase, archive: str) -> None:
    """Remove the dump that was made for an archive; another's stays."""
    if job(name, database).look().spec == archive:
        job(name, database).discard()


def place(name: str, database: AnyDatabase) -> Place:
    """Where the dump of a database lies."""
    return Place(database.through, str(PurePosixPath(job(name, database).folder) / FOLDER))


def require_room(database: AnyDatabase, data_bytes: int) -> None:
    """
    Refuse a dump that the host's disk could not hold.

    Args:
        data_bytes: What is dumped, without indexes; compressed it is less.

    Raises:
        TransferError: Says how much room is missing.
    """
    host = database.through
    free = remote.free_bytes(host)
    needed = data_bytes + HEADROOM_BYTES
    if free < needed:
        raise TransferError(
            f"{host.host} has {free // 1024**2} MiB free in the login folder, the dump of {database.name} "
            f"needs up to {needed // 1024**2} MiB",
            state=STATE,
            next_step=f"free {(needed - free) // 1024**2 + 1} MiB there, or link .bascule to a larger disk",
        )
