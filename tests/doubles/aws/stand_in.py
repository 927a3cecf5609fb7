"""
A stand-in for the provider `aws`: its cloud is a JSON file, named by ``BASCULE_TEST_CLOUD``, that a test
can change.

Promise: inputs are held against the installed pulumi-aws wheel; ids, ARNs and the few outputs that programs
use are computed, always the same for the same resource but for keys, of which each is a new one; what AWS
makes anew instead of changing it is made anew, and what it keeps from deletion is kept; functions that it
does not know are refused. It proves our program and its state; it proves nothing about AWS.
"""

import fcntl
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import grpc
from computed import computed
from pulumi.runtime.proto import provider_pb2
from wheel import faults

from provisioning.errors import SiteError
from provisioning.local.plugin.glue import Inputs, Kind, Provider, State, serve
from provisioning.local.plugin.wire import decode, encode, secret_names

CLOUD = Path(os.environ["BASCULE_TEST_CLOUD"])


_SEEN: dict[tuple[int, int], dict[str, Any]] = {}
"""The content that was read last, by the file's time and size: most calls find it unchanged."""


@contextmanager
def cloud(*, changing: bool = False) -> Iterator[dict[str, Any]]:
    """
    ``{"account": 12 digits, "resources": {id: properties}}``, held, and written back after a change.

    ``host_key``, where a test put one, is what hosts report once an auto scaling group has started them;
    ``snapshots`` lists the final snapshots of deleted databases.
    """
    with CLOUD.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        content = _SEEN.get(_stamp())
        if content is None:
            content = json.loads(CLOUD.read_text())
        # Left out while it is changed: a call that fails half-way changed nothing.
        _SEEN.clear()
        yield content
        if changing:
            CLOUD.write_text(json.dumps(content))
        _SEEN[_stamp()] = content


def _stamp() -> tuple[int, int]:
    now = CLOUD.stat()
    return now.st_mtime_ns, now.st_size


_MADE_ANEW: dict[str, frozenset[str]] = {
    "aws:efs/fileSystem:FileSystem": frozenset({"encrypted", "kmsKeyId"}),
    "aws:rds/instance:Instance": frozenset({"dbName", "kmsKeyId", "storageEncrypted", "username"}),
    "aws:s3/bucketObjectv2:BucketObjectv2": frozenset({"bucket", "key"}),
    "aws:secretsmanager/secretVersion:SecretVersion": frozenset({"secretString"}),
}
_RENEWED: dict[str, frozenset[str]] = {
    "aws:ec2/launchTemplate:LaunchTemplate": frozenset({"latestVersion"}),
}


_ASKED = threading.local()
"""``id`` of the resource that the call at hand is about."""


class Thing(Kind[Inputs]):
    """One resource of any type; made anew for each call, since what it is comes from its URN."""

    def __init__(self, urn: str) -> None:
        self.type = urn.split("::")[2].rsplit("$", 1)[-1]
        self.urn, self.name = urn, urn.split("::")[3]
        self.key = hashlib.sha256(urn.encode()).hexdigest()[:16]
        # Of this very thing: each call has one of its own.
        self.replaced_by = _MADE_ANEW.get(self.type, frozenset())  # type: ignore[misc] # see above
        self.renewed = _RENEWED.get(self.type, frozenset())  # type: ignore[misc] # see above

    def declared(self, properties: Any) -> Any:
        return dict(properties)

    def create(self, inputs: Any) -> tuple[str, State]:
        with cloud(changing=True) as content:
            if self.type == "aws:kms/key:Key":
                content["keys"] = content.get("keys", 0) + 1
                self.key = hashlib.sha256(f"{self.urn}{content['keys']}".encode()).hexdigest()[:16]
            if self.type == "aws:autoscaling/group:Group" and "host_key" in content:
                _report_host_key(content)
            identity, outputs = computed(self.type, self.name, self.key, inputs, content["account"])
            content["resources"][identity] = {
                "type": self.type,
                "name": self.name,
                "is": {**inputs, **outputs},
            }
        return identity, outputs

    def read(self, inputs: Any, state: State) -> State | None:
        with cloud() as content:
            found = content["resources"].get(_ASKED.id)
        return deepcopy(found["is"]) if found else None

    def update(self, inputs: Any, state: State) -> State:
        renewed = {name: state[name] + 1 for name in self.renewed}
        with cloud(changing=True) as content:
            if _ASKED.id in content["resources"]:
                content["resources"][_ASKED.id]["is"] |= {**inputs, **renewed}
        return renewed

    def delete(self, inputs: Any, state: State) -> None:
        with cloud(changing=True) as content:
            if inputs.get("deletionProtection"):
                raise SiteError(f"{self.name} is protected from deletion by AWS")
            if snapshot := inputs.get("finalSnapshotIdentifier"):
                content.setdefault("snapshots", []).append(snapshot)
            content["resources"].pop(_ASKED.id, None)


def _report_host_key(content: dict[str, Any]) -> None:
    for one in content["resources"].values():
        if one["type"] == "aws:ssm/parameter:Parameter" and one["is"]["name"].endswith("host-keys"):
            one["is"]["insecureValue"] = content["host_key"]


class Cloud(Provider):
    def _kind(self, urn: str, context: grpc.ServicerContext) -> Kind[Any]:
        return Thing(urn)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        allowed = decode(request.args).get("allowedAccountIds") or []
        allowed = json.loads(allowed) if isinstance(allowed, str) else allowed
        with cloud() as content:
            if allowed and content["account"] not in map(str, allowed):
                context.abort(
                    grpc.StatusCode.FAILED_PRECONDITION, f"AWS Account ID not allowed: {content['account']}"
                )
        return super().Configure(request, context)

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _ASKED.id = request.id
        return super().Read(request, context)

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _ASKED.id = request.id
        return super().Update(request, context)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        _ASKED.id = request.id
        return super().Delete(request, context)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        news = {key: value for key, value in decode(request.news).items() if not key.startswith("__")}
        kind = self._kind(request.urn, context)
        assert isinstance(kind, Thing)
        wrong = [
            provider_pb2.CheckFailure(property=where, reason=why) for where, why in faults(kind.type, news)
        ]
        return provider_pb2.CheckResponse(inputs=encode(news, secret_names(request.news)), failures=wrong)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        with cloud() as content:
            if request.tok not in _FUNCTIONS:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in knows no function {request.tok}")
            try:
                answer = _FUNCTIONS[request.tok](content, decode(request.args))
            except LookupError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(answer))  # a word of Python's own
        return response


def _caller(content: dict[str, Any], _: State) -> State:
    account = content["account"]
    return {
        "accountId": account,
        "arn": f"arn:aws:iam::{account}:user/test",
        "id": account,
        "userId": "T",
    }


def _parameter(content: dict[str, Any], asked: State) -> State:
    found = content["resources"].get(asked["name"])
    if found is None:
        raise LookupError(f"ParameterNotFound: {asked['name']}")
    return {**found["is"], "id": asked["name"], "value": found["is"]["insecureValue"], "version": 1}


_FUNCTIONS: dict[str, Callable[[dict[str, Any], State], State]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:ssm/getParameter:getParameter": _parameter,
}


if __name__ == "__main__":
    serve("aws", "7.51.1", [], sys.argv[-1] if len(sys.argv) > 1 else None, Cloud)
