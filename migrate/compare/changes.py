"""
What changed on either side since the comparison began, read from the servers' own streams of changes.

Promise: both sides are watched by a logical slot and publication of their own, made before the first row is
compared. The source's tells what has to be compared again; the target's too, and so it finds whoever writes
on the closed target, by hand or by a trigger that fires when it should not: nothing rests on the word of
the replication. A change is recorded before the slot lets go of it. A publication names tables, never
columns, and only those whose updates it cannot break.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256

import psycopg
from psycopg import sql

from migrate.compare.ledger import SIDES, Ledger, Side
from migrate.compare.pgoutput import changes
from migrate.compare.relations import Relation
from migrate.compare.tally import Tally
from migrate.databases import Database, Session, query, value
from migrate.errors import ComparisonError
from migrate.sessions import beside
from migrate.slots import drop_slot
from migrate.waiting import wait_until

_LETTER: Mapping[Side, str] = {"source": "c", "target": "w"}
_BATCH_CHANGES = 50_000
_LOOKS_FREELY_SINCE = {11: 20, 12: 15, 13: 11, 14: 8, 15: 3}
"""
The minor release of a major version from which a session may look at a slot any number of times. Before it
each look takes one of the ten callback places of its session for good, and no place left ends the session
(PostgreSQL's commit 861e9e48). 10 never got the correction; 16 and later always had it.
"""
_SLOT_SECONDS = 120
_FLUSH_SECONDS = 10


def stream_name(side: Side, tenant: str, name: str) -> str:
    """The one name of slot and publication on a side; no other tenant or database has it."""
    digest = sha256(f"{tenant}\n{name}".encode()).hexdigest()[:10]
    readable = re.sub(r"[^a-z0-9]+", "_", f"{tenant}_{name}".lower()).strip("_")[:36]
    return f"bascule_{_LETTER[side]}_{readable}_{digest}"


def start(session: Session, stream: str, known: Mapping[str, Relation]) -> str:
    """
    Make publication and slot anew, and return the position that changes are told from.

    Raises:
        ComparisonError: The server keeps no logical log, has no free slot, or a transaction stays open.
    """
    stop(session, stream)
    tables = [sql.SQL("ONLY {}").format(r.identifier) for r in known.values() if r.is_watchable]
    about = sql.SQL(" FOR TABLE {}").format(sql.SQL(", ").join(tables)) if tables else sql.SQL("")
    with _told(session, "cannot tell its changes"):
        session.execute(sql.SQL("SET lock_timeout = '10s'"))
        session.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(f"{_SLOT_SECONDS}s")))
        try:
            # The stream knows only what was published before its slot was made.
            session.execute(sql.SQL("CREATE PUBLICATION {}{}").format(sql.Identifier(stream), about))
            # This waits for open transactions that have written.
            made = "SELECT lsn::text FROM pg_create_logical_replication_slot(%s, 'pgoutput')"
            return str(value(session, made, stream))
        except psycopg.Error:
            with suppress(psycopg.Error):
                session.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(stream)))
            raise
        finally:
            with suppress(psycopg.Error):  # of a connection that broke
                session.execute("SET statement_timeout = 0")
                session.execute("SET lock_timeout = 0")


def stop(session: Session, stream: str) -> None:
    """Remove publication and slot, where they are."""
    with _told(session, "still holds what told its changes"):
        drop_slot(session, stream)
        session.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(stream)))


def end(tenant: str, name: str, source: Database, target: Database) -> None:
    """Remove on both sides what a comparison beside running work put there; may be repeated."""
    for side, database in zip(SIDES, (source, target), strict=True):
        with database.opened() as session:
            stop(session, stream_name(side, tenant, name))


def retained(tenant: str, name: str, source: Database, target: Database) -> tuple[int, int]:
    """Return how many bytes of log either side keeps for the comparison; 0 where nothing is watched."""
    found = []
    for side, database in zip(SIDES, (source, target), strict=True):
        with database.opened() as session:
            session.execute(
                "SELECT set_config('bascule.slot', %s, false)", (stream_name(side, tenant, name),)
            )
            row = session.execute(query("compare_retained")).fetchone()
            found.append(int(row[0]) if row else 0)
    return found[0], found[1]


def is_whole(session: Session, ledger: Ledger, side: Side) -> bool:
    """Whether the stream still tells everything from where the ledger has read up to."""
    position, log = _slot(session, str(ledger.fact(f"{side} stream")))
    return log != "lost" and 0 < position <= ledger.position(side)


def pump(session: Session, ledger: Ledger, side: Side) -> None:
    """
    Record what changed on a side up to now, and let its server forget the log of it.

    Raises:
        ComparisonError: The stream was lost, so what changed is not known any more.
    """
    stream = _stream(session, ledger, side)
    with _told(session, "does not tell its changes"):
        end = _flushed(session, None)
        known = {(r.schema, r.name): r for r in ledger.relations(side).values()}
        while True:
            messages = _peek(session, stream, end, _BATCH_CHANGES)
            is_cut = len(messages) >= _BATCH_CHANGES
            position = ledger.record(side, changes(messages, known), None if is_cut else number(end))
            _advance(session, stream, position)
            if not is_cut:
                return


def last(
    session: Session, ledger: Ledger, side: Side, known: Mapping[tuple[str, str], Relation], upto: str
) -> Tally:
    """
    Return what changed on a side since it was last recorded, up to a position, and record nothing.

    Args:
        known: What the stream is about, by schema and name.

    Raises:
        ComparisonError: The stream was lost, or the position is not reached.
    """
    stream = _stream(session, ledger, side)
    with _told(session, "does not tell its changes"):
        messages = _peek(session, stream, _flushed(session, upto), None)
        tally = ledger.tally(side)
        for change in changes(messages, known):
            tally.add(change)
        return tally


def _stream(session: Session, ledger: Ledger, side: Side) -> str:
    """Return the name of a side's stream, which still tells everything."""
    stream = str(ledger.fact(f"{side} stream"))
    if not is_whole(session, ledger, side):
        raise ComparisonError(
            f"{session.info.dbname} on {session.info.host}: the stream of changes {stream} was lost, "
            "so what has changed since the comparison began is not known",
            state="Nothing was changed; what was compared before no longer counts.",
            next_step="fab compare, which compares everything anew",
        )
    return stream


def _peek(session: Session, stream: str, end: str, most: int | None) -> list[bytes]:
    statement = (
        "SELECT data FROM pg_logical_slot_peek_binary_changes(%s, %s::pg_lsn, %s::int,"
        " 'proto_version', '1', 'publication_names', %s)"
    )
    with _looking(session) as looking, looking.cursor(binary=True) as cursor:
        cursor.execute(statement, (stream, end, most, stream))
        return [bytes(data) for (data,) in cursor]


@contextmanager
def _looking(session: Session) -> Iterator[Session]:
    """Give a session for one look at a slot: another each time where a session has only some."""
    major, minor = divmod(session.info.server_version, 10_000)
    if major >= 16 or minor >= _LOOKS_FREELY_SINCE.get(major, 10_000):
        yield session
        return
    with beside(session) as another:
        yield another


def _advance(session: Session, stream: str, position: int) -> None:
    """Let the server forget the log up to a position that was recorded."""
    at = text(position)
    if session.info.server_version >= 110000:
        session.execute(
            "SELECT pg_replication_slot_advance(slot_name, %s::pg_lsn) FROM pg_replication_slots"
            " WHERE slot_name = %s AND confirmed_flush_lsn < %s::pg_lsn",
            (at, stream, at),
        )
        return
    with _looking(session) as looking:
        looking.execute(
            "SELECT count(*) FROM pg_logical_slot_get_binary_changes(%s, %s::pg_lsn, NULL,"
            " 'proto_version', '1', 'publication_names', %s)",
            (stream, at, stream),
        )


def _flushed(session: Session, upto: str | None) -> str:
    """Return the position up to which the log is flushed, at least `upto`: only that much is told."""
    if upto is None:
        return str(value(session, "SELECT pg_current_wal_flush_lsn()"))
    if not value(session, "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", upto):
        # A commit that waits for the disk takes all before it along, such as what was applied asynchronously.
        with session.transaction():
            session.execute("SET LOCAL synchronous_commit = on")
            session.execute("SELECT pg_logical_emit_message(true, 'bascule', '')")
    reached = wait_until(
        lambda: bool(value(session, "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", upto)),
        deadline_seconds=_FLUSH_SECONDS,
        pace_seconds=0.002,
    )
    if not reached:
        raise ComparisonError(
            f"{session.info.dbname} on {session.info.host} has not written its log up to {upto}",
            next_step="see whether its disk works, then fab run",
        )
    return str(value(session, "SELECT pg_current_wal_flush_lsn()"))


def _slot(session: Session, stream: str) -> tuple[int, str]:
    """Return a slot's position and whether its log is there; ``lost`` without the slot."""
    session.execute("SELECT set_config('bascule.slot', %s, false)", (stream,))
    row = session.execute(query("compare_slot")).fetchone()
    return (number(str(row[0])), str(row[1])) if row else (0, "lost")


def number(lsn: str) -> int:
    """Return a position as a number."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def text(position: int) -> str:
    """Return a position as the server writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


@contextmanager
def _told(session: Session, what: str) -> Iterator[None]:
    """Tell what the server refused as an error of ours; a connection that broke stays what it is."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise _error(session, what, error) from error
    except psycopg.errors.QueryCanceled as error:
        raise _error(session, f"{what}: a transaction that writes stays open", error) from error
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise _error(session, what, error) from error


def _error(session: Session, what: str, error: psycopg.Error) -> ComparisonError:
    return ComparisonError(
        f"{session.info.dbname} on {session.info.host} {what}: {error.diag.message_primary or error}",
        state="Nothing was changed.",
        next_step="mend what it says, then fab run",
    )
