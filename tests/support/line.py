"""
A line to a server of a test's own that can be cut and mended, as a network does it.

Promise: what is cut is cut both ways at once, and nobody new gets through until it is mended.
"""

import socket
import threading
from contextlib import suppress

from tests.support.private_hosts import PrivateHost


class Line:
    """A way to a server that can be cut: what passes is dropped, and nobody gets through."""

    def __init__(self, host: PrivateHost) -> None:
        self._to = (host.address, host.pg_port)
        self._server = socket.create_server((host.address, 0))
        self.port = int(self._server.getsockname()[1])
        self._ends: list[socket.socket] = []
        self.is_cut = False
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self.is_cut = True
        self._drop()

    def mend(self) -> None:
        self.is_cut = False

    def close(self) -> None:
        self.cut()
        self._server.close()

    def _drop(self) -> None:
        for one in self._ends:
            # Both ways at once: whoever waits for the other side hears of it.
            with one, suppress(OSError):  # it had ended by itself
                one.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return  # closed
            if self.is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(self._to)
            except OSError:
                near.close()
                continue  # the server is down just now
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Until either end is closed, broken or cut; the other then hears of it."""
    with suppress(OSError):
        while piece := one.recv(65536):
            other.sendall(piece)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
