"""
Comparing two MariaDB databases in what their logs name as changed.

Promise: the rows of every key that either log names are read on both sides; so is every table in which
a log cannot tell the rows. Where a side does not hold what its own log says of its keys, its table is
read as a whole. Reads only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.compare.mariadb import Rows, keyed, merged, table_results
from migrate.compare.mariadb_record import Record
from migrate.compare.verdict import TableResult
from migrate.mariadb.changes import Changes, Key, changes
from migrate.mariadb.columns import Table, digest_sums, same_engine_digest
from migrate.mariadb.session import MariaDatabase, MariaSession, formatted, name

BATCH_KEYS = 500

Digests = list[tuple[int, str]]
"""Count and digest of the rows of each batch of keys."""


@dataclass(frozen=True)
class Side:
    """One side at one moment: a snapshot, its position in the server's log, and the tables that count."""

    database: MariaDatabase
    session: MariaSession
    position: str
    tables: Mapping[str, Table]

    def changes(self, since: str) -> Changes:
        return changes(self.database, self.session, self.tables, since=since, until=self.position)


@dataclass(frozen=True)
class Changed:
    """What became of the tables since a record."""

    results: Iterator[Sequence[TableResult]]
    """
    Of every table, also of those that nobody changed. First of all those in the record, so that from then on
    they are known at the new position; then of each other one, as it is read.
    """
    written: frozenset[str]
    """Tables that were changed on the target itself."""


def compare_changed(
    source: Side,
    target: Side,
    before: Record,
    *,
    is_forward: bool,
    pace: Callable[[], None] = lambda: None,
) -> Changed:
    """
    Compare what changed since `before` on either side, both now at one position of the flow.

    Args:
        is_forward: Whether the source's changes flow to the target; else it is the other way round.
        pace: Called before each table is read; returns when the source may be asked.

    Raises:
        LogLost: A server does not have its log since then any more.
    """
    here, there = source.changes(before.source), target.changes(before.target)
    return Changed(
        _results(source, target, before, (here, there), is_forward, pace), frozenset(there.written)
    )


def _results(
    source: Side,
    target: Side,
    before: Record,
    since: tuple[Changes, Changes],
    is_forward: bool,
    pace: Callable[[], None],
) -> Iterator[Sequence[TableResult]]:
    here, there = since
    whole = here.whole | there.whole | {*before.open}
    more = (here if is_forward else there).rows
    results: list[TableResult] = []
    for table in before.rows:
        if table not in source.tables:
            continue
        pace()
        keys = [*{**here.keys.get(table, {}), **there.keys.get(table, {})}]
        if table in target.tables and table not in whole:
            left, right = (_digests(side, table, keys) for side in (source, target))
            rows = before.rows[table] + more.get(table, 0)
            found = _by_keys(source, target, table, keys, rows, left, right)
            is_sure = _is_as_told(source, table, here, keys, left) and _is_as_told(
                target, table, there, keys, right
            )
            if is_sure or not found.agrees:
                results.append(found)
                continue
        results += _whole(source, target, [table])
    yield results
    unread = [one for one in source.tables if one not in before.rows]
    unread += [one for one in target.tables if one not in source.tables]
    for result in _whole(source, target, unread, pace):
        yield [result]


def _whole(
    source: Side, target: Side, names: Sequence[str], pace: Callable[[], None] = lambda: None
) -> Iterator[TableResult]:
    known, held = (
        {one: side.tables[one] for one in names if one in side.tables} for side in (source, target)
    )
    return table_results(source.session, target.session, known, held, pace=pace)


def _by_keys(
    source: Side, target: Side, table: str, keys: Sequence[Key], rows: int, left: Digests, right: Digests
) -> TableResult:
    """Judge the rows of these keys on both sides; `rows` is how many the source has all together."""
    found = TableResult(
        name=table,
        source_rows=rows,
        target_rows=rows + sum(n for n, _ in right) - sum(n for n, _ in left),
        source_digest=" ".join(digest for _, digest in left),
        target_digest=" ".join(digest for _, digest in right),
        changed_rows=len(keys),
    )
    if found.agrees:
        return found
    return found.model_copy(
        update={"differing": merged(_rows(source, table, keys), _rows(target, table, keys))}
    )


def _is_as_told(side: Side, table: str, told: Changes, read: Sequence[Key], found: Digests) -> bool:
    """
    Whether as many rows are there as the side's own log left there: else the keys are not the rows'.

    Args:
        read: The keys of which `found` was read there; mostly they are the log's own.
    """
    keys = told.keys.get(table, {})
    of_own = found if len(keys) == len(read) else _digests(side, table, [*keys])
    return sum(n for n, _ in of_own) == sum(keys.values())


def _digests(side: Side, table: str, keys: Sequence[Key]) -> Digests:
    """Count and digest of the rows of each batch of keys."""
    of = side.tables[table]
    found = []
    for batch in _batches(keys):
        rows = f"{formatted(name(table))} WHERE {_condition(of, batch)}"
        statement = digest_sums(formatted(same_engine_digest(of)), rows)
        (row,) = side.session.run(statement, *(part for key in batch for part in key))
        found.append((int(row["n"]), str(row["digest"])))
    return found


def _rows(side: Side, table: str, keys: Sequence[Key]) -> Rows:
    """Key and digest of each row of these keys, in the order of the keys' bytes."""
    of = side.tables[table]
    rows = [
        row
        for batch in _batches(keys)
        for row in keyed(side.session, of, _condition(of, batch), *(part for key in batch for part in key))
    ]
    yield from sorted(rows, key=lambda row: row[0].encode())


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), BATCH_KEYS):
        yield keys[start : start + BATCH_KEYS]


def _condition(table: Table, batch: Sequence[Key]) -> str:
    """One that an index answers, with a place for every part of every key."""
    if len(table.key) == 1:
        return f"{formatted(name(table.key[0]))} IN ({', '.join(['%s'] * len(batch))})"
    one = " AND ".join(f"{formatted(name(part))} = %s" for part in table.key)
    return " OR ".join([f"({one})"] * len(batch))
