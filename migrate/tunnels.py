"""
A tunnel: a TCP port on this machine's loopback address that ends at a port as another host sees it.

Promise: many connections at once, one paramiko channel each; closing it ends them and leaves no
thread. What passes is as safe as its own protocol makes it: databases speak TLS through it.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import paramiko
from fabric import Connection

from migrate.remote import transport_of

_PIECE = 1 << 16

End = socket.socket | paramiko.Channel


class Tunnel:
    """Open as a context manager; `port` is the local end, on 127.0.0.1."""

    def __init__(self, connection: Connection, host: str, port: int) -> None:
        """
        Args:
            connection: The host that the far end is reached from.
            host: As that host names the far end.
        """
        self._connection = connection
        self._far = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[End] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            ends = [self._listener, *self._ends]
        for end in ends:
            _close(end)
        for thread in self._threads:
            thread.join(timeout=5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, peer = self._listener.accept()
            except OSError:
                return  # closed
            try:
                transport = transport_of(self._connection)
                channel = transport.open_channel("direct-tcpip", self._far, peer, timeout=10)
            except (paramiko.SSHException, EOFError, OSError):
                near.close()  # the client sees a refused connection and says what it wanted
                continue
            with self._lock:
                if self._closed:
                    near.close()
                    channel.close()
                    return
                self._ends += [near, channel]
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._carry, near, channel)
            self._start(self._carry, channel, near)

    def _carry(self, source: End, sink: End) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while piece := source.recv(_PIECE):
                sink.sendall(piece)
        # One direction ended: PostgreSQL never goes on with the other alone.
        _close(source)
        _close(sink)


def _close(end: End) -> None:
    """Close one end, and wake whoever waits for it."""
    if isinstance(end, socket.socket):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)  # close() alone does not wake a thread in accept() or recv()
    # A channel is never shut down on its own: an end that crosses its closing on the way makes the SSH
    # server break off the whole connection. One whose connection has gone meanwhile says EOFError.
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        end.close()
