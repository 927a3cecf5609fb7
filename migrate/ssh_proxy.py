"""
The way to a host through a command, as OpenSSH's ProxyCommand: Session Manager, or another machine.

Promise: a real socket, so that a proxy which ended is seen at once and no byte is waited for; the command
ends with its socket. (paramiko's own goes on reading from a command that is gone.)
"""

import contextlib
import socket
import subprocess
import tempfile
import threading

from fabric import Connection

_ENDS_WITHIN_SECONDS = 5


class ProxiedSocket(socket.socket):
    """Our end of a running proxy command."""

    def __init__(self, command: str) -> None:
        """Start `command`, a line for the shell, as it stands in an ssh_config, its tokens replaced."""
        ours, theirs = socket.socketpair()
        super().__init__(fileno=ours.detach())
        self._ending = threading.Lock()
        with theirs:
            self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the socket
            self._process = subprocess.Popen(  # noqa: S603 - of an ssh_config that our own program made
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._stderr,
            )

    said = ""
    """The last line that the command wrote to standard error, once it is closed."""

    def close(self) -> None:
        """End the command too."""
        super().close()
        with self._ending:  # paramiko closes from more than one thread
            if not self._stderr.closed:
                self._end()

    def _end(self) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDS_WITHIN_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        with self._stderr:
            self._stderr.seek(0)
            lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        self.said = lines[-1] if lines else ""


class ProxiedConnection(Connection):  # type: ignore[misc] # fabric ships no types
    """As Fabric's; a ProxyCommand of its ssh_config is run by `ProxiedSocket`."""

    proxy: ProxiedSocket | None = None

    def open_gateway(self) -> ProxiedSocket:
        """As Fabric's; called for each time that the connection is opened."""
        made = ProxiedSocket(self.gateway)
        self._set("proxy", made)
        return made
