"""
Renewing leases in the background, over connections of its own.

Promise: raises nothing while the run lives; what went wrong stands in `lost`, and whoever needs the
freeze looks for himself (`migrate.freeze.require_held`). A broken connection is made anew.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from fabric import Connection

from migrate.connections import Hosts, connect
from migrate.errors import MigrationError
from migrate.lease import Lease, LeaseLost

_AGAIN_SECONDS = 1.0
"""After a renewal that did not get through."""


class Renewal:
    """Renews the leases on some hosts while it is open (a context manager), one thread a host."""

    def __init__(self, hosts: Hosts, names: Sequence[str], tenant: str) -> None:
        self._hosts = hosts
        self._tenant = tenant
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._renew, args=(name,), daemon=True) for name in names]
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

    def _renew(self, name: str) -> None:
        connection: Connection | None = None
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                if connection is None:
                    connection = connect(*self._hosts.legacy_ssh_config(name))
                seen = Lease(connection, name, self._tenant).renew()
                if seen.state == "committed":
                    break
                pause = seen.seconds / 4
            except LeaseLost as error:
                self.lost[name] = error.what
                break
            except (MigrationError, OSError):
                pause = _AGAIN_SECONDS
                with suppress(OSError, EOFError):
                    if connection is not None:
                        connection.close()
                connection = None
        if connection is not None:
            connection.close()
