"""
The verdict inside the freeze: only what is open is compared, and it is about every row.

Promise: what is not open was seen equal on both sides and has not changed since, as both sides' streams tell;
what is open, what has no stream, sequences, touched large objects, definitions and rights are compared now,
at one declared position on each side. The time depends on what is open, not on the size of the database.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from migrate.compare import changes
from migrate.compare.closing import batches
from migrate.compare.definitions import Roles, definitions, differing_definitions, differing_rights
from migrate.compare.digests import Digest, Hasher, digest
from migrate.compare.ledger import SIDES, Ledger, Side
from migrate.compare.narrow import SHOWN, differing_rows, with_values
from migrate.compare.objects import differing, differing_objects, sequence_values
from migrate.compare.pairs import Pair, make_ready
from migrate.compare.relations import Key, Relation, relations
from migrate.compare.rows import Differing, differing_of_keys
from migrate.compare.run import not_compared
from migrate.compare.verdict import DatabaseComparison, Difference, RowDifference, TableResult
from migrate.databases import Session
from migrate.errors import ComparisonError

SESSIONS = 3
"""On either side; with fewer, things that could be read at once are read one after the other."""


def compare_changed(
    store: Path,
    source: Sequence[Session],
    target: Sequence[Session],
    *,
    name: str,
    source_position: str,
    target_position: str,
    roles: Roles | None = None,
) -> DatabaseComparison:
    """
    Compare what changed since the last `compare_live` with this store; nobody may write on either side.

    Args:
        source: Open sessions, best `SESSIONS` of them, opened before the fence.
        target: As many.
        source_position: What the fenced source had written when the target had applied it all.
        target_position: What the target had written then.
        roles: Hold owners and grants on the target to the rule of the site.

    Raises:
        ComparisonError: There was no comparison before, it is not complete, or a stream was lost since.
    """
    began_at = time.monotonic()
    with Ledger(store) as ledger, ThreadPoolExecutor(2 * len(source)) as readers:
        if ledger.fact("identity") is None or ledger.unplanned() or ledger.chunks():
            raise ComparisonError(
                f"{name}: the comparison beside running work is not complete",
                state="Nothing was changed.",
                next_step="fab compare, which reads every row now",
            )
        pairs = [Pair(one, other, readers) for one, other in zip(source, target, strict=True)]
        try:
            return _Freeze(ledger, pairs, name, began_at).verdict(source_position, target_position, roles)
        except psycopg.Error as error:
            raise ComparisonError(
                f"{name} could not be compared in the freeze: {error.diag.message_primary or error}",
                state="Nothing was changed.",
                next_step="fab run",
            ) from error


class _Freeze:
    """One comparison inside a freeze; each pair of sessions has a row of tasks of its own."""

    def __init__(self, ledger: Ledger, pairs: Sequence[Pair], name: str, began_at: float) -> None:
        self._ledger, self._pairs, self._name, self._began_at = ledger, pairs, name, began_at
        self._held: Mapping[Side, Mapping[str, Relation]] = {side: ledger.relations(side) for side in SIDES}

    def verdict(self, source_position: str, target_position: str, roles: Roles | None) -> DatabaseComparison:
        for pair in self._pairs:
            pair.both(make_ready, make_ready)
        hasher = Hasher.between(self._pairs[0].source, self._pairs[0].target)
        with ThreadPoolExecutor(len(self._pairs)) as tasks:
            rows = tasks.submit(self._rows, self._pairs[0], hasher, source_position, target_position)
            made = tasks.submit(self._definitions, self._pairs[1 % len(self._pairs)], roles)
            others = tasks.submit(self._others, self._pairs[2 % len(self._pairs)])
            results, (definitions_, apart) = rows.result(), made.result()
            sequences, objects, found = others.result()
        return DatabaseComparison(
            name=self._name,
            source_position=source_position,
            target_position=target_position,
            tables=tuple(sorted(results, key=lambda result: result.name)),
            definitions=definitions_,
            sequences=sequences,
            large_objects=objects,
            differences=(*apart, *found),
            not_compared=tuple(not_compared(self._held["source"])),
            seconds=round(time.monotonic() - self._began_at, 3),
            written_on_target=self._ledger.written_on_target(),
        )

    def _rows(
        self, pair: Pair, hasher: Hasher, source_position: str, target_position: str
    ) -> list[TableResult]:
        """Read the last changes, then compare what is open, and what was never watched."""
        ledger = self._ledger
        pair.both(
            lambda session: changes.pump(session, ledger, "source", upto=source_position, frozen=True),
            lambda session: changes.pump(session, ledger, "target", upto=target_position, frozen=True),
        )
        now = dict(zip(SIDES, pair.both(relations, relations), strict=True))
        opened = ledger.open_keys()
        whole = [name for name in _readable(now) if self._is_whole(name, now)]
        keyed = [name for name in self._ledger.ways() if name in now["source"] and name not in whole]
        found = self._keyed(pair, hasher, {name: opened.get(name, []) for name in keyed})
        return found + [_whole(pair, hasher, name, now) for name in whole]

    def _is_whole(self, name: str, now: Mapping[Side, Mapping[str, Relation]]) -> bool:
        """Whether a table must be read whole: not watched, open as such, new, or not what it was."""
        if self._ledger.ways().get(name, "freeze") == "freeze" or name in self._ledger.open_tables():
            return True
        return any(not _is_same(self._held[side].get(name), now[side].get(name)) for side in SIDES)

    def _keyed(self, pair: Pair, hasher: Hasher, opened: Mapping[str, Sequence[Key]]) -> list[TableResult]:
        """Compare the open rows of every watched table: all digests in one go, and then what differs."""
        jobs = [(name, batch) for name, keys in opened.items() for batch in batches(keys)]
        left, right = pair.both(
            lambda session: self._digests(session, "source", hasher, jobs),
            lambda session: self._digests(session, "target", hasher, jobs),
        )
        sums = {name: [Digest(), Digest()] for name in opened}
        apart: dict[str, list[Key]] = {}
        for (name, batch), one, other in zip(jobs, left, right, strict=True):
            sums[name] = [sums[name][0] + one, sums[name][1] + other]
            if one != other:
                apart.setdefault(name, []).extend(batch)
        rows = {side: self._ledger.rows(side) for side in SIDES}
        return [
            TableResult(
                name=name,
                source_rows=rows["source"][name],
                target_rows=rows["target"][name],
                source_digest=str(sums[name][0]),
                target_digest=str(sums[name][1]),
                differing=self._differing(pair, hasher, name, apart.get(name, ())),
                changed_rows=len(opened[name]),
            )
            for name in opened
        ]

    def _digests(
        self, session: Session, side: Side, hasher: Hasher, jobs: Sequence[tuple[str, Sequence[Key]]]
    ) -> list[Digest]:
        """Ask for many digests without waiting for each answer."""
        with session.pipeline():
            asked = []
            for name, batch in jobs:
                relation = self._held[side][name]
                asked.append(session.execute(hasher.statement(relation, rows=relation.rows_of(batch))))
        return [Digest(*map(int, cursor.fetchone() or ())) for cursor in asked]

    def _differing(
        self, pair: Pair, hasher: Hasher, name: str, keys: Sequence[Key]
    ) -> tuple[RowDifference, ...]:
        """Return the first of these rows that differ, with their values."""
        source, target = self._held["source"][name], self._held["target"][name]
        found: Differing = {}
        for batch in batches(keys):
            found |= differing_of_keys(pair, source, target, hasher, batch)
            if len(found) >= SHOWN:
                break
        shown = dict(list(found.items())[:SHOWN])
        return with_values(pair.source, pair.target, source, hasher, shown)

    def _definitions(self, pair: Pair, roles: Roles | None) -> tuple[int, list[Difference]]:
        before, after = pair.both(definitions, definitions)
        found = differing_definitions(before, after)
        if roles:
            found += differing_rights(pair.source, pair.target, roles)
        return len(before), found

    def _others(self, pair: Pair) -> tuple[int, int, list[Difference]]:
        left, right = pair.both(sequence_values, sequence_values)
        objects, found = differing_objects(pair, self._ledger)
        return len(left), objects, differing("sequence value", left, right) + found


def _readable(now: Mapping[Side, Mapping[str, Relation]]) -> list[str]:
    """Return what holds rows on either side now."""
    known = {**now["source"], **now["target"]}
    return [name for name, relation in known.items() if relation.kind != "foreign" and relation.is_readable]


def _is_same(before: Relation | None, now: Relation | None) -> bool:
    """Whether a table is still the one whose changes were told."""
    if before is None or now is None:
        return False
    return (before.columns, before.types, before.key) == (now.columns, now.types, now.key)


def _whole(pair: Pair, hasher: Hasher, name: str, now: Mapping[Side, Mapping[str, Relation]]) -> TableResult:
    """Compare every row of a table, which one side may lack."""
    source, target = now["source"].get(name), now["target"].get(name)
    left, right = pair.both(
        lambda session: digest(session, hasher.statement(source)) if source else None,
        lambda session: digest(session, hasher.statement(target)) if target else None,
    )
    result = TableResult(
        name=name,
        source_rows=left.rows if left else None,
        target_rows=right.rows if right else None,
        source_digest=str(left) if left else None,
        target_digest=str(right) if right else None,
    )
    if result.agrees or source is None or target is None or source.columns != target.columns:
        return result
    return result.model_copy(update={"differing": differing_rows(pair.source, pair.target, source, hasher)})
