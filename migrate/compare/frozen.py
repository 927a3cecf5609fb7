"""
The verdict inside the freeze: only what is open is compared, and it is about every row.

Promise: what is not open was seen equal on both sides and has not changed since, as both sides' streams tell;
what is open, what has no stream, sequences, touched large objects, definitions and rights are compared now,
at one declared position on each side. The time depends on what is open, not on the size of the database.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import psycopg

from migrate.compare import changes
from migrate.compare.closing import batches
from migrate.compare.definitions import (
    Definitions,
    Roles,
    definitions,
    differing_definitions,
    differing_rights,
)
from migrate.compare.digests import Digest, Hasher, digest
from migrate.compare.ledger import SIDES, Ledger, Side
from migrate.compare.narrow import SHOWN, differing_rows, with_values
from migrate.compare.objects import differing, differing_objects, sequence_values
from migrate.compare.pairs import Pair, make_ready
from migrate.compare.relations import Key, Relation, relations
from migrate.compare.rows import Differing, differing_of_keys
from migrate.compare.run import not_compared
from migrate.compare.tally import Tally
from migrate.compare.verdict import DatabaseComparison, Difference, RowDifference, TableResult
from migrate.compare.views import excused, reasons
from migrate.compare.wording import in_words_of
from migrate.databases import Database, Session, query
from migrate.errors import ComparisonError

SESSIONS = 3
"""On either side; with fewer, things that could be read at once are read one after the other."""


@contextmanager
def standing_by(
    store: Path, name: str, source: Database, target: Database, *, roles: Roles | None = None
) -> Iterator["Standby"]:
    """
    Connect to both sides and read all that can be read before the fence; give what makes the verdict inside.

    Args:
        store: Where `compare_live` keeps what it compared.
        roles: Hold owners and grants on the target to the rule of the site.

    Raises:
        ComparisonError: There was no comparison before, it is not complete, or a stream was lost since.
    """
    with (
        source.opened_many(SESSIONS) as left,
        target.opened_many(SESSIONS) as right,
        Ledger(store) as ledger,
        ThreadPoolExecutor(2 * SESSIONS) as readers,
    ):
        pairs = [Pair(one, other, readers) for one, other in zip(left, right, strict=True)]
        with _told(name):
            standby = Standby(ledger, pairs, name, roles)
        yield standby


def compare_changed(
    store: Path,
    source: Sequence[Session],
    target: Sequence[Session],
    *,
    name: str,
    source_position: str,
    target_position: str,
    is_return: bool = False,
    roles: Roles | None = None,
) -> DatabaseComparison:
    """
    Give the verdict as `Standby.verdict` does, over sessions that are open already, without having stood by.

    Args:
        source: Best `SESSIONS` of them.
        target: As many.
    """
    with Ledger(store) as ledger, ThreadPoolExecutor(2 * len(source)) as readers:
        pairs = [Pair(one, other, readers) for one, other in zip(source, target, strict=True)]
        with _told(name):
            standby = Standby(ledger, pairs, name, roles)
        return standby.verdict(source_position, target_position, is_return=is_return)


class _Version(NamedTuple):
    """Two values that change with every change of what they are of."""

    definitions: str
    rights: str


@dataclass(frozen=True)
class _Catalogue:
    """What one side is made of, and the version of its catalogues when that was read."""

    version: _Version
    definitions: Definitions
    relations: Mapping[str, Relation]


class Standby:
    """What is known before the fence, and sessions on both sides; each pair has a row of tasks of its own."""

    def __init__(self, ledger: Ledger, pairs: Sequence[Pair], name: str, roles: Roles | None) -> None:
        if ledger.fact("identity") is None or ledger.unplanned() or ledger.chunks():
            raise ComparisonError(
                f"{name}: the comparison beside running work is not complete",
                state="Nothing was changed.",
                next_step="fab compare, which reads every row now",
            )
        self._ledger, self._pairs, self._name, self._roles = ledger, pairs, name, roles
        for pair in pairs:
            pair.both(make_ready, make_ready)
        self._hasher = Hasher.between(pairs[0].source, pairs[0].target)
        self._ways = ledger.ways()
        self._held: Mapping[Side, Mapping[str, Relation]] = {side: ledger.relations(side) for side in SIDES}
        self._catalogues = _catalogues(pairs[0])
        self._rights = differing_rights(pairs[0].source, pairs[0].target, roles) if roles else []

    def verdict(
        self, source_position: str, target_position: str, *, is_return: bool = False
    ) -> DatabaseComparison:
        """
        Compare what changed since it was last compared; nobody may write on either side.

        Args:
            source_position: What the fenced source had written when the target had applied it all.
            target_position: What the target had written then.
            is_return: The move goes back: the target was fenced, and the source has applied it all.

        Raises:
            ComparisonError: A stream was lost, or a server refuses.
        """
        began_at = monotonic()
        pairs = self._pairs
        with _told(self._name), ThreadPoolExecutor(len(pairs)) as tasks:
            others = tasks.submit(self._others, pairs[-1])
            made = tasks.submit(self._made_of, pairs[len(pairs) // 2])
            last = tasks.submit(self._last, pairs[0], (source_position, target_position))
            before, after, apart = made.result()
            now: Mapping[Side, Mapping[str, Relation]] = {
                "source": before.relations,
                "target": after.relations,
            }
            results = self._rows(pairs[0], now, last.result(), is_return)
            sequences, objects, found = others.result()
        written = {name for name in last.result()["target"].written if name in now["target"]}
        return DatabaseComparison(
            name=self._name,
            source_position=source_position,
            target_position=target_position,
            tables=tuple(sorted(results, key=lambda result: result.name)),
            definitions=len(before.definitions),
            sequences=sequences,
            large_objects=objects,
            differences=(*apart, *found),
            not_compared=(*not_compared(now["source"]), *reasons(results)),
            seconds=round(monotonic() - began_at, 3),
            written_on_target=tuple(sorted({*self._ledger.written_on_target(), *written})),
        )

    def _last(self, pair: Pair, positions: tuple[str, str]) -> Mapping[Side, Tally]:
        """Read the last changes of both streams."""

        def read(session: Session, side: Side, upto: str) -> Tally:
            known = {(r.schema, r.name): r for r in self._held[side].values()}
            return changes.last(session, self._ledger, side, known, upto)

        source, target = pair.both(
            lambda session: read(session, "source", positions[0]),
            lambda session: read(session, "target", positions[1]),
        )
        return {"source": source, "target": target}

    def _made_of(self, pair: Pair) -> tuple[_Catalogue, _Catalogue, list[Difference]]:
        """Return what both sides are made of, and what differs; read anew only where something changed."""
        now = pair.both(_version, _version)
        before = [catalogue.version for catalogue in self._catalogues]
        if any(old.definitions != new.definitions for old, new in zip(before, now, strict=True)):
            self._catalogues = _catalogues(pair)
        # The fence takes rights, so these change where the definitions do not.
        if self._roles and any(old.rights != new.rights for old, new in zip(before, now, strict=True)):
            self._rights = differing_rights(pair.source, pair.target, self._roles)
        source, target = self._catalogues
        return source, target, differing_definitions(source.definitions, target.definitions) + self._rights

    def _others(self, pair: Pair) -> tuple[int, int, list[Difference]]:
        left, right = pair.both(sequence_values, sequence_values)
        objects, found = differing_objects(pair, self._ledger)
        return len(left), objects, differing("sequence value", left, right) + found

    def _rows(
        self,
        pair: Pair,
        now: Mapping[Side, Mapping[str, Relation]],
        last: Mapping[Side, Tally],
        is_return: bool,
    ) -> list[TableResult]:
        """Compare what is open, and what was never watched."""
        opened = {name: set(keys) for name, keys in self._ledger.open_keys().items()}
        opened_whole = set(self._ledger.open_tables())
        for side in SIDES:
            opened_whole |= last[side].whole.keys()
            for name, keys in last[side].taken().items():
                opened.setdefault(name, set()).update(keys)
        known = {**now["source"], **now["target"]}
        whole = [
            name
            for name, relation in known.items()
            if relation.kind != "foreign"
            and relation.is_readable
            and (name in opened_whole or self._is_unwatched(name, now))
        ]
        keyed = {
            name: sorted(opened.get(name, ())) for name in self._ways if name in known and name not in whole
        }
        keyed = {name: keys for name, keys in keyed.items() if known[name].is_readable}
        rows = {side: last[side].rows for side in SIDES}
        found = self._keyed(pair, keyed, rows)
        return found + [_whole(pair, self._hasher, name, now, is_return) for name in whole]

    def _is_unwatched(self, name: str, now: Mapping[Side, Mapping[str, Relation]]) -> bool:
        """Whether nothing told of its changes, or it is new, or not what it was."""
        if self._ways.get(name, "freeze") == "freeze":
            return True
        return any(not _is_same(self._held[side].get(name), now[side].get(name)) for side in SIDES)

    def _keyed(
        self, pair: Pair, opened: Mapping[str, Sequence[Key]], rows: Mapping[Side, Mapping[str, int]]
    ) -> list[TableResult]:
        """Compare the open rows of every watched table: all digests in one go, and then what differs."""
        jobs = [(name, batch) for name, keys in opened.items() for batch in batches(keys)]
        left, right = pair.both(
            lambda session: self._digests(session, "source", jobs),
            lambda session: self._digests(session, "target", jobs),
        )
        sums = {name: (Digest(), Digest()) for name in opened}
        apart: dict[str, list[Key]] = {}
        for (name, batch), one, other in zip(jobs, left, right, strict=True):
            sums[name] = (sums[name][0] + one, sums[name][1] + other)
            if one != other:
                apart.setdefault(name, []).extend(batch)
        return [
            TableResult(
                name=name,
                source_rows=rows["source"][name],
                target_rows=rows["target"][name],
                source_digest=str(one),
                target_digest=str(other),
                differing=self._differing(pair, name, apart.get(name, ())),
                changed_rows=len(opened[name]),
            )
            for name, (one, other) in sums.items()
        ]

    def _digests(
        self, session: Session, side: Side, jobs: Sequence[tuple[str, Sequence[Key]]]
    ) -> list[Digest]:
        """Ask for many digests without waiting for each answer."""
        with session.pipeline():
            asked = []
            for name, batch in jobs:
                relation = self._held[side][name]
                statement = self._hasher.statement(relation, rows=relation.rows_of(batch))
                asked.append(session.execute(statement))
        return [Digest(*map(int, cursor.fetchone() or ())) for cursor in asked]

    def _differing(self, pair: Pair, name: str, keys: Sequence[Key]) -> tuple[RowDifference, ...]:
        """Return the first of these rows that differ, with their values."""
        source, target = self._held["source"][name], self._held["target"][name]
        found: Differing = {}
        for batch in batches(keys):
            found |= differing_of_keys(pair, source, target, self._hasher, batch)
            if len(found) >= SHOWN:
                break
        shown = dict(list(found.items())[:SHOWN])
        return with_values(pair.source, pair.target, source, self._hasher, shown)


def _catalogues(pair: Pair) -> tuple[_Catalogue, _Catalogue]:
    """Both sides' catalogues, the source's in the words of the target's server."""
    before, after = pair.both(_catalogue, _catalogue)
    worded = in_words_of(pair.target, pair.source, before.definitions, after.definitions)
    return replace(before, definitions=worded), after


def _catalogue(session: Session) -> _Catalogue:
    # The version first: what changes while the rest is read makes it stale.
    version = _version(session)
    return _Catalogue(version, definitions(session), relations(session))


def _version(session: Session) -> _Version:
    (found,) = session.execute(query("compare_catalogue_version")).fetchall()
    return _Version(*map(str, found))


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tell what a server refused as an error of ours."""
    try:
        yield
    except psycopg.Error as error:
        raise ComparisonError(
            f"{name} could not be compared in the freeze: {error.diag.message_primary or error}",
            state="Nothing was changed.",
            next_step="fab run",
        ) from error


def _is_same(before: Relation | None, now: Relation | None) -> bool:
    """Whether a table is still the one whose changes were told."""
    if before is None or now is None:
        return False
    told = (before.columns, before.types, before.key, before.file)
    return told == (now.columns, now.types, now.key, now.file)


def _whole(
    pair: Pair, hasher: Hasher, name: str, now: Mapping[Side, Mapping[str, Relation]], is_return: bool
) -> TableResult:
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
    moved_to = pair.source if is_return else pair.target
    result = excused(result, now["source"], now["target"], hasher, (moved_to, moved_to), is_return=is_return)
    if result.agrees or source is None or target is None or source.columns != target.columns:
        return result
    return result.model_copy(update={"differing": differing_rows(pair.source, pair.target, source, hasher)})
