"""
A stand-in for the provider `aws`: its cloud is a JSON file, named by ``BASCULE_TEST_CLOUD``, that a test
can change.

Promise: inputs are held against the installed pulumi-aws wheel; ids, ARNs and the few outputs that programs
use are computed, always the same for the same resource; functions that it does not know are refused. It
proves our program and its state; it proves nothing about AWS.
"""

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2
from wheel import faults, outputs_of

from provisioning.local.plugin.glue import Inputs, Kind, Provider, State, serve
from provisioning.local.plugin.wire import decode, encode, secret_names

CLOUD = Path(os.environ["BASCULE_TEST_CLOUD"])


@contextmanager
def cloud() -> Iterator[dict[str, Any]]:
    """``{"account": 12 digits, "resources": {id: properties}}``, held and written back."""
    with CLOUD.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        content = json.loads(CLOUD.read_text())
        yield content
        CLOUD.write_text(json.dumps(content, indent=1, sort_keys=True))


_COMPUTED: dict[str, Callable[[State, str], State]] = {
    "aws:acm/certificate:Certificate": lambda inputs, _: {
        "domainValidationOptions": [
            {
                "domainName": inputs["domainName"],
                "resourceRecordName": f"_proof.{inputs['domainName']}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_value.acm-validations.aws.",
            }
        ]
    },
    "aws:lb/loadBalancer:LoadBalancer": lambda _, key: {
        "dnsName": f"alb-{key}.elb.amazonaws.com",
        "zoneId": "Z0ELB",
        "arnSuffix": f"app/alb/{key}",
    },
    "aws:route53/zone:Zone": lambda _, key: {
        "zoneId": f"Z{key.upper()}",
        "nameServers": [f"ns-{number}.awsdns.example" for number in range(4)],
    },
    "aws:route53/record:Record": lambda inputs, _: {"fqdn": inputs["name"].rstrip(".")},
    "aws:ec2/vpcEndpoint:VpcEndpoint": lambda _, key: {"prefixListId": f"pl-{key}"},
    "aws:kms/key:Key": lambda _, key: {"keyId": key},
}


class Thing(Kind[Inputs]):
    """One resource of any type; made anew for each call, since its id comes from its URN."""

    def __init__(self, urn: str) -> None:
        self.type = urn.split("::")[2].rsplit("$", 1)[-1]
        self.urn, self.name = urn, urn.split("::")[3]
        self.key = hashlib.sha256(urn.encode()).hexdigest()[:16]

    def declared(self, properties: Any) -> Any:
        return dict(properties)

    def create(self, inputs: Any) -> tuple[str, State]:
        with cloud() as content:
            service = self.type.split(":")[1].split("/")[0]
            arn = f"arn:aws:{service}:eu-central-2:{content['account']}:{self.name}/{self.key}"
            named = ("name", "bucket")
            computed = {"arn": arn, **dict.fromkeys(named, f"{self.name}-{self.key[:7]}")}
            outputs = {
                name: value for name, value in computed.items() if name in outputs_of(self.type) - set(inputs)
            }
            if self.type in _COMPUTED:
                outputs |= _COMPUTED[self.type](inputs, self.key)
            identity = arn if self.type.startswith("aws:lb/") else f"{self.type.split('/')[0][4:]}-{self.key}"
            content["resources"][identity] = {
                "type": self.type,
                "name": self.name,
                "is": {**inputs, **outputs},
            }
        return identity, outputs

    def read(self, inputs: Any, state: State) -> State | None:
        with cloud() as content:
            found = [one for one in content["resources"].values() if self._is(one, state)]
        seen: State | None = found[0]["is"] if found else None
        return seen

    def update(self, inputs: Any, state: State) -> State:
        with cloud() as content:
            for one in content["resources"].values():
                if self._is(one, state):
                    one["is"] |= inputs
        return {}

    def delete(self, inputs: Any, state: State) -> None:
        with cloud() as content:
            kept = {key: one for key, one in content["resources"].items() if not self._is(one, state)}
            content["resources"] = kept

    def _is(self, one: State, state: State) -> bool:
        return bool(one["type"] == self.type and one["name"] == self.name)


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
            account = content["account"]
        if request.tok == "aws:index/getCallerIdentity:getCallerIdentity":
            answer = {
                "accountId": account,
                "arn": f"arn:aws:iam::{account}:user/test",
                "id": account,
                "userId": "T",
            }
            response = provider_pb2.InvokeResponse()
            getattr(response, "return").CopyFrom(encode(answer))  # a word of Python's own
            return response
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in knows no function {request.tok}")
        raise AssertionError("abort raises")


if __name__ == "__main__":
    serve("aws", "7.51.1", [], sys.argv[-1] if len(sys.argv) > 1 else None, Cloud)
