"""
A provider of files, just large enough to try the double of the engine on.

``tiny:index:File`` has ``path``, ``content`` and the output ``size``; a new path is a replacement.
The content "refuse" is refused when it is written; "half" is written and then fails; "wait" is
written, but its answer waits for a file ``<path>.go``; an empty one is refused by Check.

Promise: it says no more than a provider must: no secrets taken, no preview of its own values.
"""

import sys
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2


class Files(provider_pb2_grpc.ResourceProviderServicer):
    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse()

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version="1.0.0")

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        failures = []
        if not request.news["content"]:
            failures.append(provider_pb2.CheckFailure(property="content", reason="it is empty"))
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = provider_pb2.PropertyDiff
        diffs = {}
        if request.olds["path"] != request.news["path"]:
            diffs["path"] = kind(kind=kind.UPDATE_REPLACE)
        if request.olds["content"] != request.news["content"]:
            diffs["content"] = kind(kind=kind.UPDATE)
        some = provider_pb2.DiffResponse.DIFF_SOME if diffs else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some, detailedDiff=diffs, hasDetailedDiff=True, replaces=[k for k in diffs if k == "path"]
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        outputs = _write(request.properties, context)
        return provider_pb2.CreateResponse(id=str(outputs["path"]), properties=outputs)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        return provider_pb2.UpdateResponse(properties=_write(request.news, context))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        file = Path(request.id)
        if not file.exists():
            return provider_pb2.ReadResponse()
        inputs, outputs = _file(file), _file(file)
        outputs["size"] = file.stat().st_size
        return provider_pb2.ReadResponse(id=request.id, properties=outputs, inputs=inputs)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        Path(request.id).unlink(missing_ok=True)
        return empty_pb2.Empty()


def _file(file: Path) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update({"path": str(file), "content": file.read_text()})
    return made


def _write(inputs: struct_pb2.Struct, context: grpc.ServicerContext) -> struct_pb2.Struct:
    file, content = Path(str(inputs["path"])), str(inputs["content"])
    if content == "refuse":
        context.abort(grpc.StatusCode.UNKNOWN, f"{file.name}: this content is refused")
    file.write_text(content)
    outputs = _file(file)
    outputs["size"] = len(content)
    while content == "wait" and context.is_active() and not file.with_suffix(".go").exists():
        time.sleep(0.05)
    if content == "half":
        failed = provider_pb2.ErrorResourceInitFailed(id=str(file), properties=outputs, reasons=["only half"])
        detail = any_pb2.Any()
        detail.Pack(failed)
        status = status_pb2.Status(code=2, message="only half", details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, "only half")
    return outputs


def main() -> None:
    """Serve until the engine closes our standard input."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Files(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)
