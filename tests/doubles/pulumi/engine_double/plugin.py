"""
Provider plugins, spoken to over gRPC as the engine does it.

Promise: values keep their secrets and references only where the plugin said that it takes them; what
a plugin answers instead of a result becomes a `ProviderError`.
"""

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from engine_double import DoubleError, NotToldOfError
from engine_double.process import PluginProcess
from engine_double.values import (
    UNKNOWN,
    Properties,
    annotate_secrets,
    holds,
    plain,
    struct,
    without_references,
    without_secrets,
)


class ProviderError(Exception):
    """What a provider answered instead of a result."""


class InitError(ProviderError):
    """The resource exists, but did not come up; its state must be kept."""

    def __init__(self, failed: provider_pb2.ErrorResourceInitFailed) -> None:
        super().__init__("; ".join(failed.reasons))
        self.id = failed.id
        self.outputs: Properties = plain(failed.properties)
        self.reasons = list(failed.reasons)


@dataclass
class Difference:
    """What a provider says of an old state and new inputs."""

    changes: bool
    replace: bool = False
    delete_before_replace: bool = False
    kinds: dict[str, str] = field(default_factory=dict)
    """``+``, ``-`` or ``~`` by property path."""
    of_inputs: set[str] = field(default_factory=set)
    """Paths whose old value stands in the old inputs, not in the outputs."""


class Provider:
    """One configured provider plugin."""

    def __init__(self, process: PluginProcess, engine_address: str) -> None:
        self.process = process
        self._stub = provider_pb2_grpc.ResourceProviderStub(process.channel)
        folder = str(process.command.parent)
        self._secrets = self._references = False
        self._previews = True
        self._shook = True
        try:
            shake = self._stub.Handshake(
                provider_pb2.ProviderHandshakeRequest(
                    engine_address=engine_address,
                    root_directory=folder,
                    program_directory=folder,
                    configure_with_urn=True,
                    supports_views=False,
                    supports_refresh_before_update=False,
                    invoke_with_preview=True,
                ),
                timeout=30,
                wait_for_ready=True,
            )
            self._secrets, self._references = shake.accept_secrets, shake.accept_resources
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                raise DoubleError(f"{process.command}: {error.details()}") from error
            self._shook = False

    def configure(self, urn: str, id_: str, inputs: Properties) -> Properties:
        """Check and set the provider's configuration; return it as checked."""
        if holds(inputs, lambda part: part == UNKNOWN):
            raise NotToldOfError("a provider whose configuration is not known during preview")
        type_, name = urn.split("::")[2].split("$")[-1], urn.split("::")[3]
        checked = inputs
        try:
            answer = self._stub.CheckConfig(
                provider_pb2.CheckRequest(
                    urn=urn, name=name, type=type_, olds=struct({}), news=struct(without_secrets(inputs))
                )
            )
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                _raise(error)
        else:
            if answer.failures:
                raise ProviderError("; ".join(f"{f.property}: {f.reason}" for f in answer.failures))
            checked = plain(answer.inputs)
            annotate_secrets(checked, inputs)
        package = type_.split(":")[-1]
        clear = without_secrets(checked)
        variables = {
            f"{package}:config:{key}": str(value) for key, value in clear.items() if key != "version"
        }
        configured = self._call(
            "Configure",
            provider_pb2.ConfigureRequest(
                urn=urn,
                name=name,
                type=type_,
                id=id_,
                variables=variables,
                args=struct(checked),
                acceptSecrets=True,
                acceptResources=True,
                sends_old_inputs=True,
                sends_old_inputs_to_delete=True,
            ),
        )
        if not self._shook:
            self._secrets, self._references = configured.acceptSecrets, configured.acceptResources
            self._previews = configured.supportsPreview
        return checked

    def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, list[str]]:
        """Return the inputs as the provider wants them, and what is wrong with them."""
        request = provider_pb2.CheckRequest(
            urn=urn, olds=self._out(old), news=self._out(new), randomSeed=os.urandom(32), **_named(urn)
        )
        answer = self._call("Check", request)
        inputs: Properties = plain(answer.inputs)
        if not self._secrets:
            annotate_secrets(inputs, new)
        return inputs, [f"{f.property}: {f.reason}" if f.property else f.reason for f in answer.failures]

    def diff(
        self, urn: str, id_: str, old_inputs: Properties, old: Properties, new: Properties, ignore: list[str]
    ) -> Difference | None:
        """Return the difference, or None where the provider leaves it to the engine."""
        request = provider_pb2.DiffRequest(
            urn=urn,
            id=id_,
            olds=self._out(old),
            old_inputs=self._out(old_inputs),
            news=self._out(new),
            ignoreChanges=ignore,
            **_named(urn),
        )
        answer = self._call("Diff", request)
        if answer.changes == provider_pb2.DiffResponse.DIFF_UNKNOWN:
            return None
        kinds = {path: "+-~"[d.kind // 2] for path, d in answer.detailedDiff.items()}
        inputs = {path for path, d in answer.detailedDiff.items() if d.inputDiff}
        if not kinds:
            kinds = dict.fromkeys((*answer.diffs, *answer.replaces), "~")
        return Difference(
            changes=answer.changes == provider_pb2.DiffResponse.DIFF_SOME,
            replace=bool(answer.replaces) or any(d.kind % 2 for d in answer.detailedDiff.values()),
            delete_before_replace=answer.deleteBeforeReplace,
            kinds=kinds,
            of_inputs=inputs,
        )

    def create(
        self, urn: str, inputs: Properties, timeout: float, *, preview: bool
    ) -> tuple[str, Properties]:
        if preview and not self._previews:
            return "", inputs
        request = provider_pb2.CreateRequest(
            urn=urn, properties=self._out(inputs), timeout=timeout, preview=preview, **_named(urn)
        )
        answer = self._call("Create", request)
        if not answer.id and not preview:
            raise ProviderError(f"plugin returned empty resource.ID from create '{urn}'")
        return answer.id, self._in(answer.properties, inputs)

    def update(
        self, urn: str, id_: str, old_inputs: Properties, old: Properties, new: Properties,
        timeout: float, *, preview: bool,
    ) -> Properties:  # fmt: skip
        if preview and not self._previews:
            return new
        request = provider_pb2.UpdateRequest(
            urn=urn,
            id=id_,
            olds=self._out(old),
            old_inputs=self._out(old_inputs),
            news=self._out(new),
            timeout=timeout,
            preview=preview,
            **_named(urn),
        )
        return self._in(self._call("Update", request).properties, new)

    def read(
        self, urn: str, id_: str, inputs: Properties, outputs: Properties
    ) -> tuple[Properties, Properties] | None:
        """Return inputs and outputs as they really are, or None when the resource is gone."""
        request = provider_pb2.ReadRequest(
            urn=urn, id=id_, inputs=self._out(inputs), properties=self._out(outputs), **_named(urn)
        )
        answer = self._call("Read", request)
        if not answer.id:
            return None
        real = self._in(answer.inputs, inputs) if answer.HasField("inputs") else inputs
        return real, self._in(answer.properties, outputs)

    def delete(self, urn: str, id_: str, inputs: Properties, outputs: Properties, timeout: float) -> None:
        request = provider_pb2.DeleteRequest(
            urn=urn, id=id_, old_inputs=self._out(inputs), properties=self._out(outputs),
            timeout=timeout, **_named(urn),
        )  # fmt: skip
        self._call("Delete", request)

    def invoke(self, token: str, arguments: Properties, *, preview: bool) -> provider_pb2.InvokeResponse:
        request = provider_pb2.InvokeRequest(tok=token, args=self._out(arguments), preview=preview)
        answer: provider_pb2.InvokeResponse = self._call("Invoke", request)
        return answer

    def cancel(self) -> None:
        with contextlib.suppress(grpc.RpcError):
            self._stub.Cancel(Empty(), timeout=5)

    def _out(self, properties: Properties) -> Any:
        value = properties if self._secrets else without_secrets(properties)
        return struct(value if self._references else without_references(value))

    def _in(self, properties: Any, given: Properties) -> Properties:
        value: Properties = plain(properties)
        if not self._secrets:
            annotate_secrets(value, given)
        return value

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request)
        except grpc.RpcError as error:
            if self.process.died():
                said = "\n".join(self.process.output)
                raise ProviderError(
                    f"{self.process.command} exited prematurely; it had printed:\n{said}"
                ) from error
            _raise(error)


def _named(urn: str) -> dict[str, Any]:
    parts = urn.split("::")
    return {"name": parts[3], "type": parts[2].split("$")[-1]}


def _raise(error: Any) -> NoReturn:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                failed = provider_pb2.ErrorResourceInitFailed()
                if detail.Unpack(failed):
                    raise InitError(failed) from error
    raise ProviderError(error.details()) from error
