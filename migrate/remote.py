"""
Commands on another host, byte for byte: a POSIX shell script, what goes in, what comes out.

Promise: what is handed over as `stdin` never stands in an argument; output is returned as bytes, so
that no odd file name is lost; safe to use from several threads on one connection. Fabric's own
`run` serves text that a person reads; its stdin is too slow for files.
"""

import io
import tarfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote
from time import monotonic, time

import paramiko
from fabric import Connection

from migrate.errors import ConnectionFailed, MigrationError, TransferError

_PIECE = 1 << 16


@dataclass(frozen=True)
class Done:
    """How a script ended."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Stdout as text, without its last line end."""
        return self.stdout.decode(errors="backslashreplace").rstrip("\n")

    @property
    def errors(self) -> str:
        return self.stderr.decode(errors="backslashreplace").strip()


def attempt(connection: Connection, script: str, *, stdin: bytes = b"", timeout_seconds: float = 60) -> Done:
    """
    Run a POSIX shell script in the login folder and return how it ended, whatever its exit status.

    Raises:
        ConnectionFailed: The connection broke, or the script did not end in time.
    """
    deadline = monotonic() + timeout_seconds
    try:
        channel = transport_of(connection).open_session(timeout=timeout_seconds)
        channel.settimeout(timeout_seconds)
        try:
            channel.exec_command(_command(script, stdin))
            threading.Thread(target=_feed, args=(channel, stdin), daemon=True).start()
            stdout, stderr = bytearray(), bytearray()
            # Both are emptied in turn: a full window of one would stop the other.
            while not (channel.exit_status_ready() and (channel.eof_received or channel.closed)):
                if monotonic() > deadline:
                    raise TimeoutError(f"a command took more than {timeout_seconds:.0f} s")
                _drain(channel, stdout, stderr)
                channel.status_event.wait(0.002)
            _drain(channel, stdout, stderr)
            if (status := channel.recv_exit_status()) < 0:
                raise EOFError("the connection broke, or the command was killed")
            return Done(status, bytes(stdout), bytes(stderr))
        finally:
            channel.close()
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ConnectionFailed(
            f"{connection.host}: {error or type(error).__name__}",
            next_step="the same command again, once the host answers",
        ) from error


def run(
    connection: Connection,
    script: str,
    *,
    stdin: bytes = b"",
    timeout_seconds: float = 60,
    raising: type[MigrationError] = MigrationError,
    doing: str = "a command",
) -> Done:
    """
    As `attempt`, but a failure is an error.

    Raises:
        MigrationError: Of the kind `raising`: `doing` ended with another status than 0.
        ConnectionFailed: As `attempt`.
    """
    done = attempt(connection, script, stdin=stdin, timeout_seconds=timeout_seconds)
    if done.status != 0:
        said = done.errors or done.text or "it said nothing"
        raise raising(f"{connection.host}: {doing} ended with {done.status}: {said}")
    return done


def write_file(connection: Connection, path: str, content: bytes, *, mode: str = "600") -> None:
    """Replace a file on the host in one move; nobody else can read it before `mode` says so."""
    part = quote(f"{path}.part")
    script = f"umask 077; cat > {part} && chmod {mode} {part} && mv -f {part} {quote(path)}"
    run(connection, script, stdin=content, doing=f"writing {path}")


def write_folder(
    connection: Connection, folder: str, contents: Mapping[str, bytes], *, then: str = "", doing: str
) -> str:
    """
    Make a folder anew with these files, for its user only, and go on with `then`, all in one command.

    Args:
        then: A script that runs in the login folder when everything is written.

    Returns:
        What `then` said.

    Raises:
        MigrationError: Something of it failed.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time())
            tar.addfile(entry, io.BytesIO(content))
    here = quote(folder)
    unpack = f"umask 077; rm -rf {here} && mkdir -p {here} && tar -xof - -C {here} || exit 1\n"
    return run(connection, unpack + then, stdin=packed.getvalue(), doing=doing).text


def read_file(connection: Connection, path: str, *, timeout_seconds: float = 600) -> bytes:
    """Return a file's content."""
    done = run(connection, f"cat {quote(path)}", timeout_seconds=timeout_seconds, doing=f"reading {path}")
    return done.stdout


def free_bytes(connection: Connection) -> int:
    """
    Return what is free on the disk that holds the login folder.

    Raises:
        TransferError: The host does not say.
    """
    script = "df -PB1 . | awk 'NR == 2 {print $4}'"
    return int(run(connection, script, raising=TransferError, doing="df").text)


def transport_of(connection: Connection) -> paramiko.Transport:
    """Return the live transport of a connection, opening it anew where it was dropped."""
    transport: paramiko.Transport | None = connection.transport
    if transport is None or not transport.is_active():
        # Dropped since: opened again the way `connect` did, with the same pinned host key.
        connection.close()
        connection.open()
        transport = connection.transport
    if transport is None:
        raise paramiko.SSHException("the connection is closed")
    return transport


def _command(script: str, stdin: bytes) -> str:
    # The end of stdin is told by its length, never by closing it: an end that crosses the script's own end on
    # the way makes the SSH server break off the whole connection ("nonexistent channel").
    run_it = f"sh -c {quote(script)}"
    return f"head -c {len(stdin)} | {run_it}" if stdin else f"exec {run_it} < /dev/null"


def _feed(channel: paramiko.Channel, stdin: bytes) -> None:
    # A script that ended without reading everything is no matter; its exit status tells. Nor is a connection
    # that has gone: whoever waits for the script says so.
    with suppress(OSError, EOFError, paramiko.SSHException):
        channel.sendall(stdin)


def _drain(channel: paramiko.Channel, stdout: bytearray, stderr: bytearray) -> None:
    while channel.recv_ready():
        stdout += channel.recv(_PIECE)
    while channel.recv_stderr_ready():
        stderr += channel.recv_stderr(_PIECE)
