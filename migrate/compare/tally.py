"""
Adding up what a stream of changes tells: which rows are open, and how many rows each table has.

Promise: a change counts once, however often the stream tells it. A table was counted by a statement that
saw some transactions and not others; only what it did not see is added to its count, so that the count is
exact at any later position.
"""

from dataclasses import dataclass, field
from typing import Self

from migrate.compare.pgoutput import Change, Committed
from migrate.compare.relations import Key


@dataclass(frozen=True)
class Seen:
    """Which transactions a statement saw, as txid_current_snapshot() tells it."""

    first_running: int
    next: int
    running: frozenset[int]

    @classmethod
    def parsed(cls, text: str) -> Self:
        first, following, running = text.split(":")
        return cls(int(first), int(following), frozenset(map(int, filter(None, running.split(",")))))

    def has(self, xid: int) -> bool:
        """Whether it saw a transaction that has committed; `xid` has 32 bits, as the log has it."""
        full = (self.next & ~0xFFFFFFFF) | xid
        if full > self.next + 0x7FFFFFFF:
            full -= 1 << 32
        elif full < self.next - 0x7FFFFFFF:
            full += 1 << 32
        return full < self.first_running or (full < self.next and full not in self.running)


@dataclass
class Tally:
    """
    What one side's stream told since `begun`.

    Args:
        begun: The position up to which everything is known already.
        rows: How many rows each counted table had there.
        seen: Which transactions the count of each of these saw.
    """

    begun: int
    rows: dict[str, int]
    seen: dict[str, Seen]
    whole: dict[str, str] = field(default_factory=dict)
    """Tables that are open as a whole, and why."""
    written: set[str] = field(default_factory=set)
    """Tables that somebody else than a replication wrote to."""
    position: int = 0
    """Behind the last transaction that was told in full."""
    keys_held: int = 0
    _keys: dict[str, set[Key]] = field(default_factory=dict)

    def add(self, change: Change | Committed) -> None:
        """Add what the stream tells next."""
        if isinstance(change, Committed):
            self.position = max(self.position, change.ends_at)
            return
        if change.committed_at < self.begun:
            return
        name = change.relation
        if not change.is_applied:
            self.written.add(name)
        if change.is_truncate or not change.keys:
            self.whole[name] = (
                "was truncated" if change.is_truncate else "has rows without a key that changed"
            )
        if name in self.seen and not self.seen[name].has(change.xid):
            self.rows[name] = 0 if change.is_truncate else self.rows[name] + change.rows
        if change.keys:
            self._keys.setdefault(name, set()).update(change.keys)
            self.keys_held += len(change.keys)

    def taken(self) -> dict[str, set[Key]]:
        """Return the open rows by table, and forget them."""
        keys, self._keys, self.keys_held = self._keys, {}, 0
        return keys
