"""
What a running program talks to: the resource monitor and the engine's log, over gRPC.

Promise: a request that needs something this double does not do ends the update with that said,
instead of being half done.
"""

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from engine_double import NotToldOfError, steps
from engine_double.deployment import Deployment
from engine_double.plugin import ProviderError
from engine_double.state import Resource
from engine_double.values import Properties, plain, struct

_Answer = TypeVar("_Answer")

_FEATURES = [
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
]
_NOT_DONE = {
    *("importId", "aliases", "aliasURNs", "transforms", "replace_with", "replacement_trigger", "packageRef"),
    *("remote", "hooks", "envVarMappings", "version", "pluginDownloadURL"),
}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._registered: set[str] = set()
        self._lock = threading.Lock()
        self.program_done = threading.Event()
        """Set when the program has registered everything."""
        self.shutdown = threading.Event()
        """To be set when the deployment is over, so that the program may end."""

    def SupportsFeature(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        name = "RESOURCE_MONITOR_FEATURE_" + re.sub(r"([A-Z])", r"_\1", request.id).upper()
        return resource_pb2.SupportsFeatureResponse(
            hasSupport=resource_pb2.ResourceMonitorFeature.Value(name) in _FEATURES
        )

    def GetDeploymentInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        mine = self._deployment
        return resource_pb2.DeploymentInfo(
            project=mine.project.name,
            stack=mine.stack,
            organization="organization",
            dryRun=mine.dry_run,
            parallel=16,
            supportedFeatures=_FEATURES,
        )

    def RegisterResource(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return self._answered(context, lambda: self._register(request))

    def RegisterResourceOutputs(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        def outputs() -> Empty:
            resource = self._deployment.new[request.urn]
            resource.outputs = plain(request.outputs)
            self._deployment.save()
            return Empty()

        return self._answered(context, outputs)

    def ReadResource(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        def read() -> Any:
            if request.type == "pulumi:pulumi:StackReference":
                raise NotToldOfError("stack references")
            resource = Resource(
                urn=self._new_urn(request),
                type=request.type,
                custom=True,
                id=request.id,
                inputs=plain(request.properties),
                parent=request.parent,
                external=True,
                dependencies=sorted(request.dependencies),
                provider=request.provider,
                additionalSecretOutputs=list(request.additionalSecretOutputs),
            )
            found = steps.read(self._deployment, resource)
            return resource_pb2.ReadResourceResponse(urn=found.urn, properties=struct(found.outputs))

        return self._answered(context, read)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        def invoke() -> Any:
            _, provider = self._deployment.provider(request.provider, request.tok)
            try:
                answer = provider.invoke(request.tok, plain(request.args), preview=self._deployment.dry_run)
            except ProviderError as error:
                self._deployment.fail(f"invocation of {request.tok} returned an error: {error}")
                raise steps.StepFailedError from error
            response = resource_pb2.ResourceInvokeResponse(failures=answer.failures)
            getattr(response, "return").CopyFrom(getattr(answer, "return"))
            return response

        return self._answered(context, invoke)

    def SignalAndWaitForShutdown(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.program_done.set()
        self.shutdown.wait()
        return Empty()

    # --- how -----------------------------------------------------------------------------------------

    def _register(self, request: Any) -> Any:
        used = {field.name for field, _ in request.ListFields()} & _NOT_DONE
        if not request.hooks.ListFields():
            used.discard("hooks")  # the SDK sends an empty one with every resource
        if used:
            raise NotToldOfError(f"{', '.join(sorted(used))} of a resource ({request.type} {request.name})")
        resource = Resource(
            urn=self._new_urn(request),
            type=request.type,
            custom=request.custom,
            inputs=plain(request.object),
            parent=request.parent,
            protect=request.protect,
            dependencies=sorted(request.dependencies),
            propertyDependencies={
                k: sorted(v.urns) for k, v in request.propertyDependencies.items() if v.urns
            },
            provider=request.provider,
            additionalSecretOutputs=list(request.additionalSecretOutputs),
            retainOnDelete=request.retainOnDelete,
            deletedWith=request.deletedWith,
        )
        if not request.custom:
            made = self._component(resource)
        elif request.type.startswith("pulumi:providers:"):
            made = self._provider(resource)
        else:
            times = request.customTimeouts
            made = steps.register(
                self._deployment,
                steps.Goal(
                    resource,
                    list(request.ignoreChanges),
                    list(request.replaceOnChanges),
                    request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
                    _seconds(times.create),
                    _seconds(times.update),
                    _seconds(times.delete),
                ),
            )
        return resource_pb2.RegisterResourceResponse(
            urn=made.urn,
            id=made.id,
            object=struct(made.outputs if made.custom else made.inputs),
            result=resource_pb2.Result.SUCCESS,
        )

    def _component(self, resource: Resource) -> Resource:
        old = self._deployment.old.get(resource.urn)
        if old is None:
            self._deployment.counts["create"] += 1
            self._deployment.display.row("create", resource)
        else:
            self._deployment.counts["same"] += 1
            resource.outputs = old.outputs
        self._deployment.keep(resource)
        return resource

    def _provider(self, resource: Resource) -> Resource:
        old = self._deployment.old.get(resource.urn)
        op = "create" if old is None else "same" if old.inputs == resource.inputs else "update"
        self._deployment.counts[op] += 1
        if op != "same":
            self._deployment.display.row(op, resource)
        resource.id = old.id if old else str(uuid.uuid4())
        try:
            self._deployment.running(resource)
        except ProviderError as error:
            self._deployment.fail(str(error), resource.urn)
            raise steps.StepFailedError from error
        resource.outputs = dict(resource.inputs)
        self._deployment.keep(resource)
        return resource

    def _new_urn(self, request: Any) -> str:
        urn = self._deployment.urn(request.parent, request.type, request.name)
        with self._lock:
            if urn in self._registered:
                self._deployment.fail(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn)
                raise steps.StepFailedError
            self._registered.add(urn)
        return urn

    def _answered(self, context: grpc.ServicerContext, work: Callable[[], _Answer]) -> _Answer:
        if self._deployment.stopped.is_set():
            _shut(context)
        try:
            return work()
        except NotToldOfError as refusal:
            self._deployment.refuse(refusal)
            _shut(context)
        except steps.StepFailedError:
            _shut(context)
        except Exception as error:
            self._deployment.fail(f"the double itself failed: {error!r}")
            raise


class EngineLog(engine_pb2_grpc.EngineServicer):
    """The engine's side for logs and the root resource."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._root = ""

    def Log(self, request: Any, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        # After a failed step the program only learns that the monitor is gone: that is no cause to show.
        if request.severity == engine_pb2.ERROR and "Resource monitor has terminated" not in request.message:
            self._deployment.fail(request.message.strip(), request.urn)
        elif request.severity == engine_pb2.WARNING:
            self._deployment.display.line(f"warning: {request.message.strip()}")
        elif request.severity == engine_pb2.INFO:
            self._deployment.display.line(request.message.rstrip())
        return Empty()

    def GetRootResource(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


@contextmanager
def served(deployment: Deployment) -> Iterator[Monitor]:
    """Serve monitor and engine on a loopback port, named in ``deployment.address``, while inside."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=_GRPC_CHANNEL_OPTIONS)
    monitor = Monitor(deployment)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(EngineLog(deployment), server)
    deployment.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield monitor
    finally:
        monitor.shutdown.set()
        server.stop(grace=1).wait()


def _shut(context: grpc.ServicerContext) -> NoReturn:
    context.abort(
        grpc.StatusCode.UNAVAILABLE, "resource monitor shut down while waiting on step's done channel"
    )
    raise AssertionError("abort raises")


def _seconds(text: str) -> float:
    """Return a Go duration such as ``1m30s`` in seconds; an empty one is 0."""
    units = {"h": 3600, "m": 60, "s": 1}
    parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", text)
    if "".join(f"{n}{u}" for n, u in parts) != text:
        raise NotToldOfError(f"a timeout like {text!r}")
    return sum(float(number) * units[unit] for number, unit in parts)


def root_outputs(deployment: Deployment) -> Properties:
    """Return the stack's outputs as the program registered them."""
    root = deployment.checkpoint().root()
    return root.outputs if root else {}
