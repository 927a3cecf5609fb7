"""
The program of a project, run by a language host, which is started and asked as the engine does it.

Promise: the ``pulumi-language-python`` on PATH is taken, else the one beside the double.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import struct_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from engine_double import DoubleError
from engine_double.deployment import Deployment
from engine_double.display import Display
from engine_double.process import PluginProcess

_BESIDE = Path(__file__).resolve().parent.parent / "bin" / "pulumi-language-python"


class _Host(PluginProcess):
    display: Display | None = None

    def heard(self, line: str) -> None:
        super().heard(line)
        if self.display is not None and line.strip():
            self.display.line(line)


class Program:
    """One run of the program. Used as a context manager; inside, `wait` for its end."""

    def __init__(self, deployment: Deployment) -> None:
        found = shutil.which("pulumi-language-python")
        self._deployment = deployment
        self._host = _Host(Path(found) if found else _BESIDE, deployment.address, deployment.project.root, {})
        self._host.display = deployment.display
        self._stub = language_pb2_grpc.LanguageRuntimeStub(self._host.channel)
        self._call: Any = None

    def start(self) -> "Program":
        mine = self._deployment
        options = struct_pb2.Struct()
        options.update(mine.project.runtime_options)
        info = language_pb2.ProgramInfo(
            root_directory=str(mine.project.root),
            program_directory=str(mine.project.main),
            entry_point=".",
            options=options,
        )
        try:
            self._stub.GetPluginInfo(Empty(), timeout=30, wait_for_ready=True)
            self._stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=info), timeout=30)
        except grpc.RpcError as error:
            raise DoubleError(
                f"the language host {self._host.command} does not answer: {error.details()}"
            ) from error
        self._call = self._stub.Run.future(
            language_pb2.RunRequest(
                project=mine.project.name,
                stack=mine.stack,
                organization="organization",
                pwd=str(mine.project.main),
                program=".",
                config={key: value for key, (value, _) in mine.config.items()},
                configSecretKeys=[key for key, (_, hidden) in mine.config.items() if hidden],
                dryRun=mine.dry_run,
                parallel=16,
                monitor_address=mine.address,
                info=info,
            )
        )
        return self

    def when_over(self, then: Callable[[], None]) -> None:
        self._call.add_done_callback(lambda _: then())

    def is_over(self) -> bool:
        return self._call is not None and self._call.done()

    def wait(self) -> None:
        """Wait until the program has ended; its failure becomes the deployment's."""
        try:
            answer = self._call.result()
        except grpc.RpcError as error:
            self._deployment.fail(f"the language host ended: {error.details()}")
            return
        except grpc.FutureCancelledError:
            return
        if answer.error and not self._deployment.stopped.is_set():
            self._deployment.fail(answer.error)
        elif answer.error or answer.bail:
            self._deployment.stopped.set()

    def cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()

    def __enter__(self) -> "Program":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        self._host.close()
