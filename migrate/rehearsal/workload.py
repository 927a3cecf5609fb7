"""
Users at work during a rehearsal or a benchmark: clients that write and keep a log of what was acknowledged.

Promise: every number is written in turn, again until somebody acknowledged it; so after a switch each one
that was acknowledged must be there exactly once, and the longest time without an acknowledgement is the
stop as users see it.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from types import TracebackType
from typing import Self

from migrate.rehearsal.contract import Connect, User
from provisioning.errors import BasculeError

RETRY_SECONDS = 0.025
"""Between two tries while nobody takes a write: no storm of connections on top of the switch."""


@dataclass
class Acknowledged:
    """What one client wrote: when each number was acknowledged, and by which side."""

    client: int
    at: list[tuple[float, int, str]] = field(default_factory=list)
    """Monotonic seconds, number, name of the database that took it."""

    @property
    def last_number(self) -> int:
        return self.at[-1][1] if self.at else 0


class Workload:
    """
    Clients that write to whichever side takes it (a context manager).

    Each goes on with the side that took its last write, and tries the others in turn while that one refuses.
    """

    def __init__(
        self,
        sides: Mapping[str, Connect],
        *,
        clients: int = 2,
        per_second: float = 20.0,
        first_client: int = 0,
    ) -> None:
        """
        Args:
            sides: How each is reached, by name; the first is where writing begins.
            clients: Sessions at once.
            per_second: Writes a second that they make together, while they are taken.
            first_client: Number of the first; each writes numbers of its own from 1.
        """
        self._sides = dict(sides)
        self._pause = clients / per_second
        self._stopped = threading.Event()
        self.logs = [Acknowledged(first_client + client) for client in range(clients)]
        self._threads = [threading.Thread(target=self._work, args=(log,), daemon=True) for log in self.logs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every client end its write and leave."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=30)

    @property
    def acknowledged(self) -> int:
        return sum(log.last_number for log in self.logs)

    def taken_by(self, side: str) -> int:
        """Return how many writes a side has acknowledged."""
        return sum(taker == side for log in self.logs for _, _, taker in log.at)

    def stops(self) -> list[float]:
        """Return how long nothing was acknowledged where the side changed, in seconds, in order."""
        every = sorted(moment for log in self.logs for moment in log.at)
        return [after[0] - before[0] for before, after in pairwise(every) if before[2] != after[2]]

    def _work(self, log: Acknowledged) -> None:
        names = list(self._sides)
        open_: dict[str, User] = {}
        turn = 0
        try:
            while not self._stopped.is_set():
                name = names[turn % len(names)]
                try:
                    if name not in open_:
                        open_[name] = self._sides[name]()
                    self._write_on(open_[name], name, log)
                except (BasculeError, OSError):
                    broken = open_.get(name)
                    if broken is not None and not broken.is_open:
                        open_.pop(name).close()
                turn += 1
                self._stopped.wait(RETRY_SECONDS)
        finally:
            for user in open_.values():
                user.close()

    def _write_on(self, user: User, name: str, log: Acknowledged) -> None:
        """Write in turn until this side refuses."""
        while not self._stopped.is_set():
            number = log.last_number + 1
            # An answer may have been lost after the commit: the number is there then, and counts once.
            user.write(log.client, number)
            log.at.append((monotonic(), number, name))
            self._stopped.wait(self._pause)


def missing(held: Mapping[int, int], logs: Sequence[Acknowledged]) -> int:
    """
    Return how many acknowledged numbers a database does not hold.

    Args:
        held: How many it has of each client; the ledger's key lets none be there twice.
    """
    return sum(max(0, log.last_number - held.get(log.client, 0)) for log in logs)
