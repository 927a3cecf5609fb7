"""
From Pulumi's provider protocol to resource kinds: what every provider of ours has in common.

A `Kind` says what a resource is in plain Python (`facts`, `create`, `read`, `update`, `delete`);
`serve` puts a set of kinds before the engine.

Promise: what a kind's `read` saw is compared with what was declared, property by property, so that
drift is named; what arrived as a secret, or stands in `Kind.secret`, leaves this process only marked
as secret; an error reaches the engine as its text alone.
"""

import json
import os
import signal
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, ClassVar, Generic, NoReturn, TypeVar, get_args

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc
from pydantic import BaseModel, ConfigDict, ValidationError

from provisioning.errors import BasculeError
from provisioning.local.plugin.wire import UNKNOWN, decode, encode, has_unknown, secret_names

State = dict[str, Any]
"""Properties of a resource as plain JSON values."""


class Inputs(BaseModel):
    """What a program declares about a resource."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


I = TypeVar("I", bound=Inputs)  # noqa: E741 - as generic parameters are called


class Kind(ABC, Generic[I]):
    """One kind of resource. Every method may be repeated without harm, also after it ended half-way."""

    token: ClassVar[str]
    """Its type, such as ``bascule:local:Host``."""
    secret: ClassVar[frozenset[str]] = frozenset()
    """Properties that are secret, whatever the program says."""
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    """Properties whose change makes another resource of it: deleted, then made anew."""
    renewed: ClassVar[frozenset[str]] = frozenset()
    """Outputs that an update changes; a preview shows them as not known yet."""
    inputs: type[I]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in getattr(cls, "__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Inputs):
                    cls.inputs = argument  # type: ignore[assignment]  # the I of this very class

    def facts(self, inputs: I) -> State:
        """
        Return what `read` must see, beyond the inputs themselves, when all is as declared.

        Such as ``{"running": True}``. Facts stand beside the inputs in the state, so the engine names them.
        """
        return {}

    @abstractmethod
    def create(self, inputs: I) -> tuple[str, State]:
        """Make it and return its id and outputs."""

    @abstractmethod
    def read(self, inputs: I, state: State) -> State | None:
        """
        Look at the real thing and return what was seen of inputs, facts and outputs; None when it is gone.

        What cannot be seen now (a role, while its server is down) is left out: that is no drift of it.
        """

    @abstractmethod
    def update(self, inputs: I, state: State) -> State:
        """Bring it to what the inputs say, whatever it is now, and return its outputs."""

    @abstractmethod
    def delete(self, inputs: I, state: State) -> str | None:
        """Take it away; return what a person should be told about that, if anything."""

    def declared(self, properties: Mapping[str, Any]) -> I:
        """Return the inputs among a resource's properties."""
        return self.inputs.model_validate(
            {k: v for k, v in properties.items() if k in self.inputs.model_fields}
        )


def _plain(inputs: Inputs) -> State:
    return inputs.model_dump(mode="json", exclude_none=True)


def _paths(name: str, old: Any, new: Any) -> Iterable[tuple[str, bool, bool]]:
    """Yield (path, is in old, is in new) of each difference, one level into mappings."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield f'{name}["{key}"]', key in old, key in new
    else:
        yield name, old is not None, new is not None


def differences(kind: Kind[Any], olds: State, news: State, old_inputs: State) -> provider_pb2.DiffResponse:
    """
    Compare what is (`olds`, as last read) with what should be (`news`, checked inputs and facts).

    `old_inputs` only tells which properties were declared before and are no longer.
    """
    response = provider_pb2.DiffResponse(hasDetailedDiff=True, deleteBeforeReplace=True)
    change = provider_pb2.PropertyDiff
    for name in sorted({*news, *old_inputs}):
        old, new = olds.get(name), news.get(name)
        if old == new:
            continue
        replaced = name in kind.replaced_by
        response.diffs.append(name)
        if replaced:
            response.replaces.append(name)
        for path, was, will_be in _paths(name, old, new):
            form = ("UPDATE" if will_be else "DELETE") if was else "ADD"
            value = change.Kind.Value(f"{form}_REPLACE" if replaced else form)
            response.detailedDiff[path].CopyFrom(change(kind=value, inputDiff=False))
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    response.changes = some if response.diffs else none
    return response


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _told_as_text(method: _Method) -> _Method:
    """An error ends the call with its text; an unforeseen one also leaves its traceback on stderr."""

    @wraps(method)
    def call(self: "Provider", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except BasculeError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except Exception as error:
            if context.code() is None:  # type: ignore[attr-defined]  # not in the stubs
                traceback.print_exc(file=sys.stderr)
                context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
            raise

    return call  # type: ignore[return-value]  # the same signature


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """A provider made of kinds."""

    def __init__(self, name: str, version: str, kinds: Iterable[Kind[Any]], engine: str | None) -> None:
        self.name, self.version = name, version
        self.kinds = {kind.token: kind for kind in kinds}
        self.engine = engine

    # -- the plugin itself -------------------------------------------------------------------

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the protocol's name
        self.engine = request.engine_address or self.engine
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.engine = request.address
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self.version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        resources: dict[str, dict[str, str]] = {token: {} for token in sorted(self.kinds)}
        schema = {"name": self.name, "version": self.version, "resources": resources}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        # Stack configuration such as bascule:door reaches us as provider configuration too, since project
        # and provider share their name. No resource depends on it this way.
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return empty_pb2.Empty()  # every wait of ours has a deadline of seconds

    # -- resources ---------------------------------------------------------------------------

    def _kind(self, urn: str, context: grpc.ServicerContext) -> Kind[Any]:
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        if token not in self.kinds:
            context.abort(grpc.StatusCode.NOT_FOUND, f"provider {self.name} has no resource type {token}")
        return self.kinds[token]

    @_told_as_text
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Validate, and add the facts that follow from the inputs."""
        kind, news = self._kind(request.urn, context), decode(request.news)
        news = {key: value for key, value in news.items() if not key.startswith("__")}
        hidden = kind.secret | secret_names(request.news)
        if has_unknown(news):
            known = {key: value for key, value in news.items() if key in kind.inputs.model_fields}
            return provider_pb2.CheckResponse(inputs=encode(known, hidden))
        try:
            inputs = kind.inputs.model_validate(news)
        except ValidationError as error:
            failures = [
                provider_pb2.CheckFailure(property=".".join(map(str, fault["loc"])), reason=fault["msg"])
                for fault in error.errors()
            ]
            return provider_pb2.CheckResponse(failures=failures)
        checked = {**_plain(inputs), **kind.facts(inputs)}
        return provider_pb2.CheckResponse(inputs=encode(checked, hidden))

    @_told_as_text
    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind = self._kind(request.urn, context)
        news, old_inputs = decode(request.news), decode(request.old_inputs)
        if has_unknown(news):  # then Check could not add the facts; they are not gone for that
            old_inputs = {key: value for key, value in old_inputs.items() if key in kind.inputs.model_fields}
        ignored = set(request.ignoreChanges)
        olds = {**decode(request.olds), **{key: news[key] for key in ignored if key in news}}
        return differences(kind, olds, news, {k: v for k, v in old_inputs.items() if k not in ignored})

    @_told_as_text
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind, news = self._kind(request.urn, context), decode(request.properties)
        hidden = kind.secret | secret_names(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(news, hidden))
        identity, outputs = kind.create(kind.declared(news))
        return provider_pb2.CreateResponse(id=identity, properties=encode({**news, **outputs}, hidden))

    @_told_as_text
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind, state = self._kind(request.urn, context), decode(request.properties)
        declared = decode(request.inputs)
        if not declared and not state:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"{kind.token} cannot be imported: what is on this machine is made here",
            )
        seen = kind.read(kind.declared(declared or state), state)
        if seen is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=encode({**state, **seen}, kind.secret | secret_names(request.properties)),
            inputs=request.inputs,  # what was declared stays so; only what is real may drift
        )

    @_told_as_text
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind, olds, news = (
            self._kind(request.urn, context),
            decode(request.olds),
            decode(request.news),
        )
        outputs = {k: v for k, v in olds.items() if k not in decode(request.old_inputs)}
        if request.preview:
            outputs |= dict.fromkeys(kind.renewed, UNKNOWN)
        else:
            outputs |= kind.update(kind.declared(news), olds)
        hidden = kind.secret | secret_names(request.olds) | secret_names(request.news)
        return provider_pb2.UpdateResponse(properties=encode({**outputs, **news}, hidden))

    @_told_as_text
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        kind, state = self._kind(request.urn, context), decode(request.properties)
        told = kind.delete(kind.declared(decode(request.old_inputs) or state), state)
        if told:
            self._tell(request.urn, told)
        return empty_pb2.Empty()

    def _tell(self, urn: str, message: str) -> None:
        """Show a person a line in the engine's own output."""
        if not self.engine:
            return
        with grpc.insecure_channel(self.engine) as channel:
            try:
                engine_pb2_grpc.EngineStub(channel).Log(
                    engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn), timeout=5
                )
            except grpc.RpcError as error:
                print(f"{message} (the engine took no message: {error.code()})", file=sys.stderr)


_PATIENCE_SECONDS = 5
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def listening(
    name: str,
    version: str,
    kinds: Iterable[Kind[Any]],
    engine: str | None,
    provider: type[Provider] = Provider,
) -> tuple[grpc.Server, int]:
    """Serve on a free port of loopback, in threads of this process; return the server and its port."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=_UNLIMITED)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider(name, version, kinds, engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve(
    name: str,
    version: str,
    kinds: Iterable[Kind[Any]],
    engine: str | None,
    provider: type[Provider] = Provider,
) -> NoReturn:
    """Serve until the engine ends this process or is gone itself. Prints the port, as the engine expects."""
    parent = os.getppid()  # before the port is told: the engine may end as soon as it knows it
    server, port = listening(name, version, kinds, engine, provider)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print(port, flush=True)
        while os.getppid() == parent:
            time.sleep(0.2)
    except KeyboardInterrupt:
        # What was begun may end; at once then, since Python's own end takes a quarter of a second.
        server.stop(grace=_PATIENCE_SECONDS).wait()
        os._exit(0)
    # An engine killed with -9 could not tell us to go. At once, so that nothing half done here meets
    # the next engine's plugin; whatever is left half done, a repeat makes whole.
    os._exit(1)
