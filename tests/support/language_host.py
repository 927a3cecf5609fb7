"""
The Python language host, started and asked as the engine does it, with what a program talks to.

Promise: the host that `language_host` starts has ended when its ``with`` ends.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format, struct_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

REPOSITORY = Path(__file__).resolve().parents[2]
HOST = REPOSITORY / "tools" / "pulumi" / "language_host" / "pulumi-language-python"
STAND_IN_EXEC = REPOSITORY / "tests" / "doubles" / "pulumi" / "bin" / "pulumi-language-python-exec"


class Engine(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """Takes down what a program registers, exports and logs."""

    def __init__(self) -> None:
        self.outputs: dict[str, Any] = {}
        self.registered: list[str] = []
        self.logged: list[str] = []
        self.changed = threading.Condition()
        self.address = ""

    def GetDeploymentInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return resource_pb2.DeploymentInfo()

    def RegisterResource(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with self.changed:
            self.registered.append(request.type)
            self.changed.notify_all()
        return resource_pb2.RegisterResourceResponse(urn=f"urn:pulumi:s::p::{request.type}::{request.name}")

    def RegisterResourceOutputs(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.outputs = json_format.MessageToDict(request.outputs)
        return Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return Empty()

    def Log(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.logged.append(request.message)
        return Empty()


@contextmanager
def engine() -> Iterator[Engine]:
    """Serve an `Engine` while inside."""
    mine = Engine()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(mine, server)
    engine_pb2_grpc.add_EngineServicer_to_server(mine, server)
    mine.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield mine
    finally:
        server.stop(None).wait()


@dataclass
class Host:
    """A running language host."""

    process: "subprocess.Popen[str]"
    channel: grpc.Channel
    said: list[str] = field(default_factory=list)
    """What it and its programs printed after the port."""

    @property
    def stub(self) -> Any:
        return language_pb2_grpc.LanguageRuntimeStub(self.channel)


@contextmanager
def language_host(engine_address: str, **env: str) -> Iterator[Host]:
    """Start the host as the engine does: its address as argument, one port on standard output."""
    process = subprocess.Popen(
        [str(HOST), engine_address],
        env=os.environ
        | {
            "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]]),
            "PULUMI_LANGUAGE_PYTHON_EXEC": str(STAND_IN_EXEC),
        }
        | env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    channel = grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}")
    host = Host(process, channel)
    reader = threading.Thread(target=lambda: host.said.extend(process.stdout or ()))
    reader.start()
    try:
        yield host
    finally:
        channel.close()
        if not process.stdin.closed:
            process.stdin.close()
        process.wait(30)
        reader.join()
        process.stdout.close()


def program_info(folder: Path, **options: str) -> language_pb2.ProgramInfo:
    """Name a program folder as the engine does, with the ``runtime.options`` of its project."""
    given = struct_pb2.Struct()
    given.update(options)
    return language_pb2.ProgramInfo(
        root_directory=str(folder), program_directory=str(folder), entry_point=".", options=given
    )


def run_request(folder: Path, monitor: str, **settings: Any) -> language_pb2.RunRequest:
    """Ask for the program in `folder` to be run against the monitor at an address."""
    return language_pb2.RunRequest(
        project="p", stack="s", organization="organization", pwd=str(folder), program=".", parallel=4,
        monitor_address=monitor, info=program_info(folder), **settings,
    )  # fmt: skip
