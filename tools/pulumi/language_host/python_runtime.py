"""
Python processes that the engine asked for, run in the interpreter that the project's options name.

Promise: a process never outlives the call it was started for: when the call is cancelled it gets
SIGTERM, and SIGKILL five seconds later.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import grpc
from pulumi.runtime.proto import language_pb2

PATIENCE_SECONDS = 5


class OptionsError(Exception):
    """The runtime options in ``Pulumi.yaml`` ask for what this host does not do."""


@dataclass(frozen=True)
class Python:
    """One interpreter, and the virtual environment that the options name, if any."""

    command: str
    environment: Path | None

    @classmethod
    def of(cls, info: language_pb2.ProgramInfo) -> "Python":
        """
        Return the interpreter for a program: the virtual environment its options name, else PATH's.

        Raises:
            OptionsError: An option is unknown, the toolchain is not pip, or there is no interpreter.
        """
        options = {key: value.string_value for key, value in info.options.fields.items()}
        if unknown := options.keys() - {"virtualenv", "toolchain", "typechecker"}:
            raise OptionsError(f"unknown runtime option {', '.join(sorted(unknown))}")
        if options.get("typechecker", "none") != "none":
            raise OptionsError("this language host runs no type checker; check with mypy beforehand")
        if options.get("toolchain", "pip") != "pip":
            raise OptionsError(f"toolchain {options['toolchain']!r}: this language host knows pip only")
        if named := options.get("virtualenv"):
            environment = Path(info.root_directory or info.program_directory) / named
            return cls(str(environment / "bin" / "python"), environment)
        wanted = os.environ.get("PULUMI_PYTHON_CMD")
        found = next(filter(None, map(shutil.which, [wanted] if wanted else ["python3", "python"])), None)
        if found is None:
            raise OptionsError(f"no {wanted or 'python3'} on PATH")
        return cls(found, None)

    def start(
        self, *words: str, folder: str, env: Mapping[str, str] | None = None, capture: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Start the interpreter with `words`; uncaptured output goes where the host's own goes."""
        full = dict(os.environ if env is None else env)
        if self.environment:
            full["VIRTUAL_ENV"] = str(self.environment)
            full["PATH"] = os.pathsep.join([str(self.environment / "bin"), full.get("PATH", "")])
            full.pop("PYTHONHOME", None)
        pipe = subprocess.PIPE if capture else None
        return subprocess.Popen(
            [self.command, "-u", *words],
            cwd=folder,
            env=full,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )


def run_until_done(process: "subprocess.Popen[bytes]", context: grpc.ServicerContext) -> int:
    """Wait for a process; a cancelled call ends it."""
    context.add_callback(lambda: _end(process))
    return process.wait()


def output_of(
    process: "subprocess.Popen[bytes]", context: grpc.ServicerContext
) -> Iterator[tuple[str, bytes]]:
    """Yield ``("stdout" or "stderr", bytes)`` as they come, to the end; a cancelled call ends the process."""
    context.add_callback(lambda: _end(process))
    pieces: SimpleQueue[tuple[str, bytes]] = SimpleQueue()

    def drain(name: str) -> None:
        pipe = getattr(process, name)
        while piece := os.read(pipe.fileno(), 65536):
            pieces.put((name, piece))
        pipe.close()
        pieces.put((name, b""))

    for name in ("stdout", "stderr"):
        threading.Thread(target=drain, args=(name,), daemon=True).start()
    open_ = 2
    while open_:
        name, piece = pieces.get()
        if piece:
            yield name, piece
        else:
            open_ -= 1


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
