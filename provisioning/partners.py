"""
What the engine speaks with while it looks at a stack, served by this process: our program and our provider.

Promise: the program and the provider are the ones that ``pulumi preview`` would start as processes of their
own, and a workspace with another program is told by `is_ours`, so that nobody takes ours for it. One program
runs in a process at a time: Pulumi's SDK keeps what it declares in variables of its modules.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

# Not public, and pinned to the engine's version: what the Automation API runs a function as a program by.
# The API itself starts the engine twice more for each stack, and writes events, secrets among them, to disk.
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from provisioning import program
from provisioning.local.kinds import KINDS, VERSION
from provisioning.local.plugin.glue import listening
from provisioning.workspace import Workspace

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Partners:
    """Ports on loopback."""

    program_port: int
    provider_port: int

    @property
    def environment(self) -> dict[str, str]:
        """What makes the engine use this provider instead of starting one."""
        return {"PULUMI_DEBUG_PROVIDERS": f"bascule:{self.provider_port}"}

    @property
    def word(self) -> str:
        """What makes the engine run this program instead of starting one."""
        return f"--client=127.0.0.1:{self.program_port}"


def is_ours(workspace: Workspace) -> bool:
    """Tell whether the workspace's program is this package: a link to it, or the folder itself."""
    return (workspace.root / str(workspace.project.get("main", "."))).resolve() == _HERE


@contextmanager
def partners(workspace: Workspace) -> Iterator[Partners]:
    """Serve both for the time of the ``with`` block; the program finds its workspace in the environment."""
    os.environ["BASCULE_WORKSPACE"] = str(workspace.root)
    provider, provider_port = listening("bascule", VERSION, KINDS, None)
    language = grpc.server(ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(program.main), language)
    program_port = language.add_insecure_port("127.0.0.1:0")
    language.start()
    try:
        yield Partners(program_port, provider_port)
    finally:
        language.stop(grace=None).wait()
        provider.stop(grace=None).wait()
