"""
Legacy's database into the server that stands in for it: over the network, or out of an archive that arrived.

Promise: legacy is read within one snapshot and never written; rows go straight from server to server, beside
the target, as in a move, and are counted. A schema that changed meanwhile is told. Where an archive brought
it, legacy is not asked at all.
"""

from collections.abc import Mapping

from migrate import remote
from migrate.errors import TransferError
from migrate.mariadb.columns import tables
from migrate.mariadb.definitions import Made, compared, definitions
from migrate.mariadb.replication import unlogged
from migrate.mariadb.session import MariaDatabase, MariaSession, mariadb_of
from migrate.mariadb.stream import start, wait
from migrate.rehearsal.contract import STATE, require_tables
from migrate.remote_jobs import Job
from migrate.step import Progress
from migrate.transfer.contract import Estimate, Task
from migrate.transfer.mariadb_live import base, catalog
from migrate.transfer.mariadb_staged.restoring import arrived_bytes, restore

LEDGER = "rehearsal_ledger"
_MAKE_LEDGER = (
    f"CREATE TABLE {LEDGER} (client int NOT NULL, number bigint NOT NULL,"
    " written_at datetime(6) NOT NULL DEFAULT current_timestamp(6), PRIMARY KEY (client, number))"
    " ENGINE = InnoDB"
)


def job(stand_in: MariaDatabase) -> Job:
    """What streams the rows, beside both servers."""
    return Job(stand_in.through, "rehearsal-copy")


def load(task: Task, stand_in: MariaDatabase, progress: Progress) -> None:
    """
    Copy legacy's database, as it is at one moment, and give it the users' ledger.

    Args:
        task: Its source is legacy.

    Raises:
        TransferError: A row did not arrive, the schema changed meanwhile, or there is no table or no room.
    """
    legacy, working = mariadb_of(task.source), job(stand_in)
    with legacy.opened() as session:
        before, objects, found = compared(session), definitions(session), tables(session)
    require_tables(task.name, len(found))
    _require_room(stand_in, sum(table.bytes + table.index_bytes for table in found.values()))
    with stand_in.opened() as there:
        catalog.make(there, (made for key, made in objects.items() if key[0] in catalog.DATA), task.owner)
    lanes = [base.lane(table) for table in found.values()]
    working.discard()
    start(working, spec=task.attempt, source=legacy, lanes=lanes, sink=base.sink(stand_in, lanes))
    progress.start(f"{task.name}: rows for the rehearsal", sum(one.table.bytes for one in lanes), "bytes")
    try:
        wait(working, lanes, progress, state=STATE)
    finally:
        working.discard()
    with legacy.opened() as session, stand_in.opened() as there:
        base.require_same(before, compared(session), "while rows were copied for the rehearsal")
        _complete(there, objects, task.owner)
        base.carry_numbers(session, there)


def load_carried(task: Task, stand_in: MariaDatabase, progress: Progress) -> None:
    """
    Restore what arrived in an archive, and give it the users' ledger.

    Args:
        task: Its target is the server that stands in for legacy.

    Raises:
        TransferError: As `load`; or nothing arrived whole.
    """
    _require_room(stand_in, arrived_bytes(task))
    base.job(task).discard()  # of a rehearsal that was cut short, as finished: into a server that is gone
    dumped = restore(task, progress)
    with stand_in.opened() as there:
        require_tables(task.name, len(tables(there)))
        _complete(there, dumped.by_name, task.owner)


def _complete(there: MariaSession, objects: Mapping[tuple[str, str], Made], owner: str) -> None:
    """Make what acts on rows, with events as they are on legacy, and the ledger."""
    present = definitions(there).keys()
    catalog.make(there, (made for key, made in objects.items() if key not in present), owner)
    catalog.wake_events(there)
    with unlogged(there):
        there.run(_MAKE_LEDGER)


def _require_room(stand_in: MariaDatabase, size: int) -> None:
    """There must be room for the copy, for the one that is moved on, and for the log between them."""
    needed = Estimate(
        bytes=size,
        needs_free_bytes=3 * size + 2 * base.HEADROOM_BYTES,
        free_bytes=remote.free_bytes(stand_in.through),
    )
    if not needed.fits:
        raise TransferError(
            needed.lacking(stand_in.through.host, "the rehearsal"),
            state=STATE,
            next_step="free that much there, then fab rehearse",
        )
