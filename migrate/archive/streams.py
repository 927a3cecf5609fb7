"""
Streams from and to a command on another host, of any length, in constant memory.

Promise: a stream counts only when the command ended with status 0 and, when writing, took every byte; what
the command said is in the error.
"""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shlex import quote
from typing import Any

import paramiko
from fabric import Connection

from migrate.archive.sealing import Reader, Writer
from migrate.errors import ConnectionFailed, TransferError
from migrate.remote import transport_of

_STALLED_SECONDS = 600.0
_BUFFER = 1 << 18


@contextmanager
def reading(connection: Connection, script: str, *, stdin: bytes = b"", doing: str) -> Iterator[Reader]:
    """
    Yield what a script prints.

    Raises:
        TransferError: The script failed; raised when all was read.
        ConnectionFailed: The connection broke, or nothing came for ten minutes.
    """
    with _command(connection, script, len(stdin)) as channel:
        threading.Thread(target=_feed, args=(channel, stdin), daemon=True).start()
        output = _Output(connection.host, channel)
        yield io.BufferedReader(output, _BUFFER)
        _finish(connection, channel, output.errors, doing)


@contextmanager
def writing(connection: Connection, script: str, length: int, *, doing: str) -> Iterator[Writer]:
    """
    Yield what takes exactly `length` bytes for the stdin of a script.

    Raises:
        TransferError, ConnectionFailed: As `reading`.
    """
    with _command(connection, script, length) as channel:
        sink = _Input(connection.host, channel, length)
        yield sink
        if sink.left:
            raise TransferError(f"{connection.host}: {doing}: {sink.left} bytes too few")
        output = _Output(connection.host, channel)
        while output.read(_BUFFER):
            pass
        _finish(connection, channel, output.errors, doing)


class _Output(io.RawIOBase):
    """What a command prints; its stderr is kept beside, so that neither can stop the other."""

    def __init__(self, host: str, channel: paramiko.Channel) -> None:
        self._host = host
        self._channel = channel
        self.errors = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        with _broken(self._host):
            piece = self._next(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def _next(self, most: int) -> bytes:
        channel = self._channel
        deadline = time.monotonic() + _STALLED_SECONDS
        while True:
            while channel.recv_stderr_ready():
                self.errors += channel.recv_stderr(_BUFFER)
            if channel.recv_ready():
                return channel.recv(most)
            if channel.eof_received or channel.closed:
                return b""
            if time.monotonic() > deadline:
                raise TimeoutError("nothing came for ten minutes")
            channel.status_event.wait(0.002)


class _Input:
    """What a command reads: so many bytes and no more."""

    def __init__(self, host: str, channel: paramiko.Channel, length: int) -> None:
        self._host = host
        self._channel = channel
        self.left = length

    def write(self, data: bytes, /) -> int:
        if len(data) > self.left:
            raise TransferError("more bytes than were announced")
        with _broken(self._host):
            self._channel.sendall(data)
        self.left -= len(data)
        return len(data)


@contextmanager
def _command(connection: Connection, script: str, stdin_bytes: int) -> Iterator[paramiko.Channel]:
    # The end of stdin is told by its length: see `migrate.remote`.
    run_it = f"sh -c {quote(script)}"
    whole = f"head -c {stdin_bytes} | {run_it}" if stdin_bytes else f"exec {run_it} < /dev/null"
    with _broken(connection.host):
        channel = transport_of(connection).open_session(timeout=60)
        channel.settimeout(_STALLED_SECONDS)
        channel.exec_command(whole)
    try:
        yield channel
    finally:
        channel.close()


@contextmanager
def _broken(host: str) -> Iterator[None]:
    """Tell a connection that broke as such, so that nobody takes it for an error of a disk."""
    try:
        yield
    except (EOFError, OSError, paramiko.SSHException) as error:
        raise ConnectionFailed(
            f"{host}: {error or type(error).__name__}",
            state="What was written before stays.",
            next_step="the same command again, once the host answers: it goes on where it stopped",
        ) from error


def _feed(channel: paramiko.Channel, stdin: bytes) -> None:
    with suppress(
        OSError, EOFError, paramiko.SSHException
    ):  # a script that ended without reading everything tells by its status
        channel.sendall(stdin)


def _finish(connection: Connection, channel: paramiko.Channel, errors: bytearray, doing: str) -> None:
    with _broken(connection.host):
        status = channel.recv_exit_status()
        while channel.recv_stderr_ready():
            errors += channel.recv_stderr(_BUFFER)
        if status < 0:
            raise EOFError("the connection broke, or the command was killed")
    if status:
        said = errors.decode(errors="backslashreplace").strip()[:2000] or "it said nothing"
        raise TransferError(f"{connection.host}: {doing} ended with {status}: {said}")
