"""
Comparing two databases while both are at work: every row once, and again what changed since.

Promise: the source is asked by a few sessions, in pieces of some megabytes, and only when `pace` lets it; a
kill loses at most the piece that was being read; a server that goes away is waited for. Rows that
change meanwhile are told by both sides' streams and compared again, never guessed about. Reads only, but
for a slot and a publication on either side, which `changes.end` removes.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from psycopg import sql

from migrate.compare import changes
from migrate.compare.closing import Work, close_open
from migrate.compare.digests import Hasher
from migrate.compare.ledger import SIDES, Chunk, Ledger, Side
from migrate.compare.objects import differing_objects
from migrate.compare.pairs import Pair, Pairs
from migrate.compare.relations import Key, Relation, relations
from migrate.compare.rows import differing_in_range, digests_of_range
from migrate.compare.run import Told, not_compared
from migrate.compare.verdict import BaseComparison, TableResult, TableState
from migrate.databases import Database, Session
from migrate.errors import ComparisonError

CHUNK_BYTES = 8 * 1024 * 1024
CHUNK_ROWS = (200, 80_000)
"""At least, at most."""
SAMPLED_ROWS = 1000
"""So many of a chunk's rows are looked at to find where it ends: all of a small one's."""
WORKERS = 2
PATIENCE_SECONDS = 60.0
_PUMP_SECONDS = 15.0
"""So often the servers may forget the log that was read."""
DIFFERING_ROWS = 10_000
"""With more in one piece a table counts as different as a whole, instead of row by row."""


def compare_live(
    name: str,
    source: Database,
    target: Database,
    *,
    tenant: str,
    store: Path,
    workers: int = WORKERS,
    pace: Callable[[], None] | None = None,
    patience_seconds: float | None = PATIENCE_SECONDS,
    told: Told | None = None,
) -> BaseComparison:
    """
    Compare every row while both sides are at work; called again, go on, and compare what changed since.

    Args:
        name: As the manifest calls the database; with `tenant`, names the streams.
        source: Logged in as a role that may make a slot and a publication, such as a superuser.
        target: Likewise.
        store: The file that keeps what was compared. Begun anew where a stream was lost meanwhile.
        workers: Pieces at once; each asks both sides at the same time.
        pace: Called before each piece; returns when the source may be asked again.
        patience_seconds: How long a row may be on its way before a difference counts; None to leave what
            differs open for the verdict in the freeze, which is soon.
        told: Progress, by pieces.

    Raises:
        ComparisonError: The source holds no table, or a side cannot tell its changes.
        ConnectionFailed: A server was away for too long.
    """
    began_at = datetime.now(UTC)
    with Ledger(store) as ledger, Pairs(source, target, workers) as pairs:
        identity = f"{tenant}\n{name}\n" + "\n".join(
            f"{d.endpoint.host}:{d.endpoint.port}/{d.endpoint.dbname}" for d in (source, target)
        )
        if not _goes_on(pairs, ledger, identity):
            pairs.run(lambda pair: _begin(pair, ledger, identity, tenant, name))
        hasher = pairs.run(lambda pair: Hasher.between(pair.source, pair.target))
        held: Mapping[Side, Mapping[str, Relation]] = {side: ledger.relations(side) for side in SIDES}
        work = Work(pairs, ledger, hasher, held, pace or (lambda: None))
        with ThreadPoolExecutor(workers) as readers, _ended_early(readers):
            list(readers.map(lambda table: _plan(work, table), ledger.unplanned()))
            chunks = ledger.chunks()
            _, count, _ = ledger.progress()
            done = count - len(chunks)
            pumped_at = monotonic()
            for chunk in readers.map(lambda chunk: _compare(work, chunk), chunks):
                done += 1
                (told or (lambda *_: None))(chunk.name, done, count)
                if monotonic() - pumped_at > _PUMP_SECONDS:
                    work.pump()
                    pumped_at = monotonic()
        different = close_open(work, patience_seconds=patience_seconds)
        pairs.run(lambda pair: differing_objects(pair, ledger))
        return _state(name, work, began_at, different)


def _goes_on(pairs: Pairs, ledger: Ledger, identity: str) -> bool:
    """Whether the ledger is about these two databases, and both streams still tell all that it lacks."""
    if ledger.fact("identity") != identity:
        return False
    return pairs.run(
        lambda pair: all(
            pair.both(
                lambda session: changes.is_whole(session, ledger, "source"),
                lambda session: changes.is_whole(session, ledger, "target"),
            )
        )
    )


def _begin(pair: Pair, ledger: Ledger, identity: str, tenant: str, name: str) -> None:
    """Make both streams, then record what there is to compare, and how."""
    sessions: Mapping[Side, Session] = {"source": pair.source, "target": pair.target}
    held = {side: relations(session) for side, session in sessions.items()}
    if not [r for r in held["source"].values() if r.kind != "foreign"]:
        raise ComparisonError(
            f"{pair.source.info.dbname} holds no table, so agreement would prove nothing",
            next_step="correct legacy.databases in the manifest",
        )
    streams = {side: changes.stream_name(side, tenant, name) for side in SIDES}
    starts = {side: changes.start(session, streams[side], held[side]) for side, session in sessions.items()}
    facts = {"identity": identity, **{f"{side} stream": stream for side, stream in streams.items()}}
    facts |= {f"{side} position": str(changes.number(at)) for side, at in starts.items()}
    ways = {
        name: _way(relation, held["target"].get(name))[0]
        for name, relation in held["source"].items()
        if relation.kind != "foreign"
    }
    ledger.begin(held, ways, facts)


def _way(source: Relation, target: Relation | None) -> tuple[str, str]:
    """Return how a table is compared, and if only in the freeze, why."""
    if target is None or source.columns != target.columns:
        return "freeze", "the target has no such table, or with other columns"
    if source.kind == "materialized view":
        return "freeze", "it is filled anew in the freeze"
    if not (source.is_watchable and target.is_watchable):
        return "freeze", "its changes are in no log, or cannot be published without a key"
    return ("ranges" if source.key and source.is_sorted_like(target) else "whole"), ""


def _plan(work: Work, name: str) -> None:
    """Count a table on both sides, and divide it into ranges of its key at the source."""
    work.pace()
    source, target = work.sides(name)
    way = work.ledger.ways()[name]

    def ask(pair: Pair) -> None:
        counted, there = pair.both(lambda s: _count(s, source), lambda s: _count(s, target))
        bounds = _bounds(pair.source, source, counted[0]) if way == "ranges" else []
        work.ledger.plan(name, {"source": counted, "target": there}, bounds)

    work.pairs.run(ask)


def _count(session: Session, relation: Relation) -> tuple[int, str]:
    """Return the rows of a table, and which transactions the count saw."""
    statement = sql.SQL("SELECT count(*), txid_current_snapshot()::text FROM {}").format(relation.own_rows)
    ((rows, seen),) = session.execute(statement).fetchall()
    return int(rows), str(seen)


def _bounds(session: Session, relation: Relation, rows: int) -> list[Key]:
    """Return the keys at which the chunks of a table end, as a sample of its blocks has them: about alike."""
    row_bytes = max(1, relation.bytes // max(1, rows))
    size = min(max(CHUNK_BYTES // row_bytes, CHUNK_ROWS[0]), CHUNK_ROWS[1])
    if rows <= size:
        return []
    share = min(1.0, SAMPLED_ROWS / size)
    names = [sql.Identifier(f"k{n}") for n in range(len(relation.key))]
    columns = [
        sql.SQL("{} AS {}").format(sql.Identifier("t", column), name)
        for column, name in zip(relation.key, names, strict=True)
    ]
    statement = sql.SQL(
        "SELECT ARRAY[{}]::text[] FROM (SELECT {}, row_number() OVER (ORDER BY {}) AS n"
        " FROM {} TABLESAMPLE SYSTEM ({}) REPEATABLE (1)) AS numbered WHERE mod(n, {}) = 0 ORDER BY n"
    ).format(
        sql.SQL(", ").join(sql.SQL("concat({})").format(name) for name in names),
        sql.SQL(", ").join(columns),
        relation.order,
        relation.own_rows,
        sql.Literal(100 * share),
        sql.Literal(max(1, round(size * share))),
    )
    return [tuple(key) for (key,) in session.execute(statement).fetchall()]


def _compare(work: Work, chunk: Chunk) -> Chunk:
    """Compare one chunk, and record it; what differs is open until it was looked at again."""
    work.pace()
    source, target = work.sides(chunk.name)

    def ask(pair: Pair) -> None:
        left, right = digests_of_range(pair, source, target, work.hasher, chunk)
        if left == right:
            work.ledger.done(chunk, left.rows, ())
        elif chunk.lower is None and chunk.upper is None and not source.is_sorted_like(target):
            work.ledger.done(chunk, left.rows, (), as_whole="its rows have no key that both sides sort alike")
        else:
            found = differing_in_range(pair, source, target, work.hasher, chunk)
            is_much = len(found) > DIFFERING_ROWS
            why = f"more than {DIFFERING_ROWS} rows of it differ" if is_much else ""
            work.ledger.done(chunk, left.rows, () if is_much else found, as_whole=why)

    work.pairs.run(ask)
    return chunk


def _state(name: str, work: Work, began_at: datetime, different: list[TableResult]) -> BaseComparison:
    ledger = work.ledger
    rows, keys, whole = ledger.rows("source"), ledger.open_keys(), ledger.open_tables()
    counts = ledger.chunk_counts()
    tables = tuple(
        TableState.model_validate(
            {
                "name": table,
                "way": way,
                "why": _way(work.held["source"][table], work.held["target"].get(table))[1],
                "rows": rows.get(table),
                "chunks": counts.get(table, 0),
                "open_keys": len(keys.get(table, ())),
                "is_open": table in whole,
            }
        )
        for table, way in sorted(ledger.ways().items())
    )
    return BaseComparison(
        name=name,
        began_at=began_at,
        ended_at=datetime.now(UTC),
        source_position=changes.text(ledger.position("source")),
        target_position=changes.text(ledger.position("target")),
        tables=tables,
        different=tuple(different),
        large_objects=len(ledger.objects("source")),
        not_compared=tuple(not_compared(work.held["source"])),
        written_on_target=ledger.written_on_target(),
        retries=work.pairs.retries,
    )


@contextmanager
def _ended_early(readers: ThreadPoolExecutor) -> Iterator[None]:
    """Begin nothing more where something failed."""
    try:
        yield
    except BaseException:
        readers.shutdown(wait=True, cancel_futures=True)
        raise
