"""
Renewing leases in the background, over connections of its own.

Promise: raises nothing while the run lives; what went wrong stands in `lost`, and whoever needs the
freeze looks for himself (`migrate.freeze.require_held`). A broken connection is made anew.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from fabric import Connection

from migrate.errors import MigrationError
from migrate.lease import Lease, LeaseLost

_AGAIN_SECONDS = 1.0
"""After a renewal that did not get through."""


@dataclass(frozen=True)
class Renewed:
    """A lease, and how a connection of its own is made to its host."""

    lease: Lease
    connect: Callable[[], Connection]


class Renewal:
    """
    Renews leases while it is open (a context manager), one thread a host, four times within each.

    Args:
        after_seconds: Before the first renewal, where there was one just now: what ends sooner makes no
            connection.
    """

    def __init__(self, leases: Sequence[Renewed], *, after_seconds: float = 0.0) -> None:
        self._after_seconds = after_seconds
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._renew, args=(one,), daemon=True) for one in leases]
        self.lost: dict[str, str] = {}
        """Hosts whose lease could not be renewed for good, and what they said."""

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _renew(self, one: Renewed) -> None:
        connection: Connection | None = None
        pause = self._after_seconds
        while not self._stop.wait(pause):
            try:
                if connection is None:
                    connection = one.connect()
                seen = replace(one.lease, connection=connection).renew()
                if seen.state == "committed":
                    break
                pause = seen.seconds / 4
            except LeaseLost as error:
                self.lost[one.lease.host] = error.what
                break
            except (MigrationError, OSError):
                pause = _AGAIN_SECONDS
                with suppress(OSError, EOFError):
                    if connection is not None:
                        connection.close()
                connection = None
        if connection is not None:
            connection.close()
