"""
A Python language host for an engine that was built without one: the ``LanguageRuntime`` service.

The engine starts ``pulumi-language-python`` with its own address, reads one port from standard
output and then asks over gRPC. Programs are run by the SDK's own ``pulumi-language-python-exec``,
which must lie beside this file's executable (or be named by ``PULUMI_LANGUAGE_PYTHON_EXEC``).

Promise: it serves what running a program, its plugins and its policy packs needs; whatever else the
service knows (code generation, linking, packing) answers UNIMPLEMENTED, which the engine takes well.
It ends with the engine, killed or not.
"""

import importlib.metadata
import json
import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2
from python_runtime import OptionsError, Python, output_of, run_until_done

EXEC = "pulumi-language-python-exec"
SHOWN = 32
"""The exit status of ``pulumi-language-python-exec`` when it has already shown the error."""


class PythonHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves one engine. `engine_address` is where programs send their logs."""

    def __init__(self, engine_address: str, exec_path: Path) -> None:
        self._engine_address = engine_address
        self._exec_path = exec_path

    def Handshake(  # noqa: N802
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def About(  # noqa: N802
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        python = _python(request.info, context)
        return language_pb2.AboutResponse(executable=python.command, version=platform.python_version())

    def GetRequiredPackages(  # noqa: N802
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """
        Name none: the engine gets a provider once a resource asks for one that is not there.

        What is installed tells nothing of what a stack declares. Each package named here would be sought at
        its vendor's before every run, by stacks without such a resource too: seconds each time where that
        host cannot be reached.
        """
        return language_pb2.GetRequiredPackagesResponse()

    def Run(  # noqa: N802
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Run a program to its end. Its output goes to this process's own, which the engine reads."""
        python = _python(request.info, context)
        if not self._exec_path.is_file():
            return language_pb2.RunResponse(
                error=f"{EXEC} is not at {self._exec_path}; it comes with the Pulumi SDK, copy it there"
            )
        flags = {
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "organization": request.organization,
            "pwd": request.pwd,
            "dry_run": "true" if request.dryRun else "false",
            "parallel": str(request.parallel),
        }
        process = python.start(
            str(self._exec_path),
            *(word for name, value in flags.items() if value for word in (f"--{name}", value)),
            str(
                Path(
                    request.info.program_directory or request.pwd, request.info.entry_point or request.program
                )
            ),
            *request.args,
            folder=request.pwd,
            # Configuration travels in the environment because arguments are seen by every user.
            env=os.environ
            | {
                "PULUMI_CONFIG": json.dumps(dict(request.config)),
                "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
            },
        )
        status = run_until_done(process, context)
        if status in (0, SHOWN):
            return language_pb2.RunResponse(bail=status == SHOWN)
        how = (
            f"was killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
        )
        return language_pb2.RunResponse(error=f"the Python program {how}")

    def InstallDependencies(  # noqa: N802
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Install ``requirements.txt``, into the virtual environment that the options name when they do."""
        python = _python(request.info, context)
        folder = request.info.program_directory or request.directory
        commands = []
        if python.environment and not Path(python.command).exists():
            commands.append((Python(sys.executable, None), ["-m", "venv", str(python.environment)]))
        if Path(folder, "requirements.txt").is_file():
            commands.append((python, ["-m", "pip", "install", "-r", "requirements.txt"]))
        if not commands:
            yield language_pb2.InstallDependenciesResponse(
                stdout=b"No requirements.txt: nothing to install.\n"
            )
        for interpreter, words in commands:
            process = interpreter.start(*words, folder=folder, capture=True)
            for name, piece in output_of(process, context):
                yield language_pb2.InstallDependenciesResponse(**{name: piece})
            if status := process.wait():
                context.abort(grpc.StatusCode.INTERNAL, f"{' '.join(words)} exited with status {status}")

    def RunPlugin(  # noqa: N802
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a plugin that is a Python program: a policy pack (``analyzer``) or a provider."""
        python = _python(request.info, context)
        program = request.info.program_directory or request.program
        words = [program, *request.args]
        if request.kind == "analyzer":
            words = ["-m", "pulumi.policy", *request.args, program]
        env = dict(entry.split("=", 1) for entry in request.env)
        process = python.start(*words, folder=request.pwd, env=env or None, capture=True)
        for name, piece in output_of(process, context):
            out = name == "stdout"
            yield (
                language_pb2.RunPluginResponse(stdout=piece)
                if out
                else language_pb2.RunPluginResponse(stderr=piece)
            )
        yield language_pb2.RunPluginResponse(exitcode=process.wait())


def exec_beside(executable: Path) -> Path:
    """Return where ``pulumi-language-python-exec`` is expected for the host started as `executable`."""
    named = os.environ.get("PULUMI_LANGUAGE_PYTHON_EXEC")
    return Path(named) if named else executable.absolute().parent / EXEC


def main(argv: Sequence[str]) -> None:
    """Serve the engine whose address is the last word of `argv`, until it or the signal ends us."""
    words = [word for word in argv if not word.startswith("-")]
    if not words:
        sys.exit("usage: pulumi-language-python <engine address>, as the Pulumi engine starts it")
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=_GRPC_CHANNEL_OPTIONS)
    host = PythonHost(words[-1], exec_beside(Path(sys.argv[0])))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    threading.Thread(target=_until_stdin_ends, args=(over,), daemon=True).start()
    server.start()
    print(port, flush=True)
    over.wait()
    server.stop(grace=2).wait()
    os._exit(0)  # the engine waits for us, and Python's own end takes a quarter of a second


def _until_stdin_ends(over: threading.Event) -> None:
    """The engine holds our standard input open while it lives, even when it is killed with no word."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    over.set()


def _python(info: Any, context: grpc.ServicerContext) -> Python:
    try:
        return Python.of(info)
    except OptionsError as error:
        _abort(context, str(error))


def _abort(context: grpc.ServicerContext, text: str) -> NoReturn:
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
    raise AssertionError("abort raises")
