"""
Closing what is open: rows that changed are compared again, until both sides were seen equal.

Promise: a row that differs is looked at again and again before it counts: it may be on its way. It counts as
different when neither side's stream told a change of it all that while; one that changes is left open
and compared later, at the latest in the freeze.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from migrate.compare import changes
from migrate.compare.digests import Digest, Hasher
from migrate.compare.ledger import Ledger, Side
from migrate.compare.narrow import SHOWN, differing_keys, with_values
from migrate.compare.pairs import Pair, Pairs
from migrate.compare.relations import Key, Relation
from migrate.compare.rows import Differing, differing_of_keys, digests_of_keys, digests_of_whole
from migrate.compare.verdict import TableResult

BATCH_KEYS = 2000
_PACE_SECONDS = (0.02, 0.5)
"""At first, at most: most rows that differ are on their way, and there a moment later."""


@dataclass(frozen=True)
class Work:
    """What every part of a comparison beside running work needs."""

    pairs: Pairs
    ledger: Ledger
    hasher: Hasher
    held: Mapping[Side, Mapping[str, Relation]]
    pace: Callable[[], None]
    """Called before each reading; returns when the source may be asked again."""

    def sides(self, name: str) -> tuple[Relation, Relation]:
        """What a table is on the source and on the target."""
        return self.held["source"][name], self.held["target"][name]

    def pump(self) -> None:
        """Record what changed on both sides up to now."""
        self.pairs.run(
            lambda pair: pair.both(
                lambda session: changes.pump(session, self.ledger, "source"),
                lambda session: changes.pump(session, self.ledger, "target"),
            )
        )


def close_open(work: Work, *, patience_seconds: float | None) -> list[TableResult]:
    """
    Compare what is open again, and return the tables that differ although nothing changed in them.

    Args:
        patience_seconds: How long a row may be on its way from source to target; None for one look only,
            after which what differs is left open for the verdict in the freeze.
    """
    ledger = work.ledger
    work.pump()
    before = ledger.next_generation()
    deadline = time.monotonic() + (patience_seconds or 0)
    pace, longest = _PACE_SECONDS
    while True:
        for name, keys in ledger.open_keys(before).items():
            _close_keys(work, name, keys, before)
        for name in ledger.open_tables(before):
            work.pace()
            left, right = _whole(work, name)
            if left == right:
                ledger.close_table(name, before)
        if patience_seconds is None:
            return []
        is_late = time.monotonic() >= deadline
        # What changed while it was read is open anew, and so excused.
        work.pump()
        tables, keyed = ledger.open_tables(before), ledger.open_keys(before)
        if not tables and not keyed:
            return []
        if is_late:
            found = [_different_keys(work, name, keys) for name, keys in keyed.items() if name not in tables]
            found += [_different_whole(work, name) for name in tables]
            return [result for result in found if not result.agrees]
        time.sleep(pace)
        pace = min(2 * pace, longest)


def batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Divide keys, sorted so that neighbours are read together."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), BATCH_KEYS):
        yield ordered[start : start + BATCH_KEYS]


def _close_keys(work: Work, name: str, keys: Sequence[Key], before: int) -> None:
    """Compare rows of one table again, and close those that are equal."""
    source, target = work.sides(name)

    def differing(batch: Sequence[Key]) -> Differing:
        def ask(pair: Pair) -> Differing:
            left, right = digests_of_keys(pair, source, target, work.hasher, batch)
            return {} if left == right else differing_of_keys(pair, source, target, work.hasher, batch)

        return work.pairs.run(ask)

    for batch in batches(keys):
        work.pace()
        found = differing(batch)
        work.ledger.close_keys(name, [key for key in batch if key not in found], before)


def _whole(work: Work, name: str) -> tuple[Digest, Digest]:
    return work.pairs.run(lambda pair: digests_of_whole(pair, *work.sides(name), work.hasher))


def _different_keys(work: Work, name: str, keys: Sequence[Key]) -> TableResult:
    """Return what these rows are on either side, the first of them with their values."""
    source, target = work.sides(name)
    shown = sorted(keys)[:SHOWN]

    def ask(pair: Pair) -> TableResult:
        left, right = digests_of_keys(pair, source, target, work.hasher, keys)
        found = differing_of_keys(pair, source, target, work.hasher, shown)
        return TableResult(
            name=name,
            source_rows=left.rows,
            target_rows=right.rows,
            source_digest=str(left),
            target_digest=str(right),
            differing=with_values(pair.source, pair.target, source, work.hasher, found),
            changed_rows=len(keys),
        )

    return work.pairs.run(ask)


def _different_whole(work: Work, name: str) -> TableResult:
    source, target = work.sides(name)

    def ask(pair: Pair) -> TableResult:
        left, right = digests_of_whole(pair, source, target, work.hasher)
        found = differing_keys(pair.source, pair.target, source, work.hasher, SHOWN)
        return TableResult(
            name=name,
            source_rows=left.rows,
            target_rows=right.rows,
            source_digest=str(left),
            target_digest=str(right),
            differing=with_values(pair.source, pair.target, source, work.hasher, found),
        )

    return work.pairs.run(ask)
