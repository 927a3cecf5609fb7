"""
Plugin processes, started and ended as the engine does it.

Promise: a plugin is its own process group with an open stdin; it gets SIGINT at the end, five seconds
to go, and then SIGKILL.
"""

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path

import grpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

from engine_double import DoubleError


class PluginProcess:
    """One running plugin, which printed its port. What else it prints is kept in `output`."""

    def __init__(self, command: Path, engine_address: str, folder: Path, env: dict[str, str]) -> None:
        if not os.access(command, os.X_OK):
            raise DoubleError(f"failed to load plugin {command}: no such executable")
        self.command = command
        self.output: list[str] = []
        self._process = subprocess.Popen(
            [str(command), engine_address],
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._readers = [threading.Thread(target=self._drain, args=("stderr",), daemon=True)]
        self._readers[0].start()
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port.isdigit():
            self.close()
            said = "\n".join(self.output)
            raise DoubleError(f"could not read plugin [{command}]: it wrote {port!r}, not a port\n{said}")
        self._readers.append(threading.Thread(target=self._drain, args=("stdout",), daemon=True))
        self._readers[1].start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=_GRPC_CHANNEL_OPTIONS)

    def heard(self, line: str) -> None:
        """Called with each line that the plugin prints."""
        self.output.append(line)

    def died(self) -> bool:
        return self._process.poll() is not None

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for reader in self._readers:
            reader.join(5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _drain(self, which: str) -> None:
        for line in getattr(self._process, which):
            self.heard(line.rstrip("\n"))
