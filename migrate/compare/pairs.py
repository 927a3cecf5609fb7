"""
Sessions on both sides of a comparison that last for hours: when one breaks, work is done again on a new one.

Promise: what is given to `Pairs.run` reads only, so it may be done twice; a server that is away is waited
for, but not for ever, and it is counted. The load on a side is as many queries as there are pairs.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

import psycopg

from migrate.databases import Database, Session
from migrate.errors import ConnectionFailed
from migrate.waiting import wait_until

_One = TypeVar("_One")
_Other = TypeVar("_Other")
_Found = TypeVar("_Found")
_AWAY_SECONDS = 300
_ATTEMPTS = 10


@dataclass(frozen=True)
class Pair:
    """One session on either side, and what lets both be asked at once."""

    source: Session
    target: Session
    readers: ThreadPoolExecutor

    def both(
        self, ask_source: Callable[[Session], _One], ask_target: Callable[[Session], _Other]
    ) -> tuple[_One, _Other]:
        """Ask both sides at the same time, and wait for both."""
        ahead = self.readers.submit(ask_target, self.target)
        try:
            found = ask_source(self.source)
        finally:
            ahead.exception()  # never leave a session to the next one while it is at work
        return found, ahead.result()


class Pairs:
    """Open as a context manager. `run` may be called from as many threads as there are pairs."""

    def __init__(
        self, source: Database, target: Database, count: int, *, away_seconds: float = _AWAY_SECONDS
    ) -> None:
        """
        Args:
            away_seconds: How long a server may be away before that is an error.
        """
        self._source, self._target, self._count = source, target, count
        self._away_seconds = away_seconds
        self._free: SimpleQueue[_Held] = SimpleQueue()
        self.retries = 0

    def __enter__(self) -> Self:
        self._readers = ThreadPoolExecutor(self._count)
        for _ in range(self._count):
            self._free.put(_Held())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._count):
            self._free.get().close()
        self._readers.shutdown()

    def run(self, work: Callable[[Pair], _Found]) -> _Found:
        """
        Do work with a pair of its own, and do it again where a connection broke.

        Raises:
            ConnectionFailed: A server was away for too long.
            psycopg.OperationalError: It broke every time.
        """
        held = self._free.get()
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    return work(held.pair or self._opened(held, attempt > 0))
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    held.close()
                    if attempt == _ATTEMPTS - 1:
                        raise
                    self.retries += 1
            raise AssertionError  # the loop returns or raises
        finally:
            self._free.put(held)

    def _opened(self, held: "_Held", is_repeat: bool) -> Pair:
        """Connect to both sides; the first time at once or not at all."""
        if not is_repeat:
            return held.open(self._source, self._target, self._readers)
        failed: list[ConnectionFailed] = []

        def is_there() -> bool:
            try:
                held.open(self._source, self._target, self._readers)
            except ConnectionFailed as error:
                failed.append(error)
                return False
            return True

        if not wait_until(is_there, deadline_seconds=self._away_seconds, pace_seconds=0.5):
            raise failed[-1]
        assert held.pair is not None  # noqa: S101 - it was opened just now
        return held.pair


class _Held:
    """A pair that may not be open."""

    def __init__(self) -> None:
        self.pair: Pair | None = None
        self._stack = ExitStack()

    def open(self, source: Database, target: Database, readers: ThreadPoolExecutor) -> Pair:
        """Connect to both sides at the same time."""
        self.close()
        with ExitStack() as stack:
            ahead = readers.submit(stack.enter_context, target.opened())
            try:
                session = stack.enter_context(source.opened())
            finally:
                ahead.exception()  # what it opened is closed with the rest
            pair = Pair(session, ahead.result(), readers)
            pair.both(make_ready, make_ready)
            self.pair, self._stack = pair, stack.pop_all()
        return pair

    def close(self) -> None:
        self.pair = None
        self._stack.close()


def make_ready(session: Session) -> None:
    """Let a session read with one process, and give way to whoever wants to change a table."""
    session.execute("SET max_parallel_workers_per_gather = 0")
    session.execute("SET lock_timeout = '20s'")
