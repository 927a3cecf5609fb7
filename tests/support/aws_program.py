"""
A stack's program run in this process against Pulumi's own mocks: what it declares, and what it gives back.

Promise: every input is held against the installed pulumi-aws wheel; AWS functions that are not foreseen fail;
no engine is needed, and none is proved by it.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from provisioning import program
from provisioning.policy.resources import Resource as PolicyResource
from provisioning.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/doubles/aws"))
from computed import computed  # noqa: E402 - it lies beside the provider that the engine starts
from wheel import faults  # noqa: E402 - as above

ACCOUNT = "111122223333"
_SPECIAL = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
PASSWORD = "0123456789abcdefghijABCDEFGHIJ01"


@dataclass
class Resource:
    """One resource as it was declared."""

    type: str
    name: str
    inputs: dict[str, Any]
    identity: str
    outputs: dict[str, Any]


@dataclass
class Declared:
    """All that one program declared."""

    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def inputs(self, name: str) -> dict[str, Any]:
        return self.resources[name].inputs

    def of_type(self, ending: str) -> list[Resource]:
        """Return the resources whose type ends so, such as ``:Instance``."""
        return [one for one in self.resources.values() if one.type.endswith(ending)]


class _Mocks(pulumi.runtime.Mocks):
    def __init__(self, stack: str, parameters: Mapping[str, str]) -> None:
        self.stack = stack
        self.declared = Declared()
        self.parameters = dict(parameters)
        self.wrong: list[str] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        key = hashlib.sha256(f"{self.stack}{args.typ}{args.name}".encode()).hexdigest()[:16]
        inputs = {name: _shown(value) for name, value in args.inputs.items() if value is not None}
        if args.typ.startswith("bascule:local:"):
            return key, {**inputs, **dict.fromkeys(("value", "public_key", "private_key"), PASSWORD)}
        if not args.typ.startswith("aws:"):
            return key, inputs
        self.wrong += [f"{args.name}.{where} {why}" for where, why in faults(args.typ, inputs)]
        identity, outputs = computed(args.typ, args.name, key, inputs, ACCOUNT)
        self.declared.resources[args.name] = Resource(args.typ, args.name, inputs, identity, outputs)
        if args.typ == "aws:ssm/parameter:Parameter":
            self.parameters[inputs["name"]] = inputs["insecureValue"]
        return identity, {**inputs, **outputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
        if args.token == "aws:index/getCallerIdentity:getCallerIdentity":
            arn = f"arn:aws:iam::{ACCOUNT}:user/test"
            return {"accountId": ACCOUNT, "arn": arn, "id": "i", "userId": "T"}, []
        if args.token == "aws:ssm/getParameter:getParameter":
            name = args.args["name"]
            return {"insecureValue": self.parameters[name], "name": name}, []
        raise LookupError(f"nobody foresaw {args.token}")


def _shown(value: Any) -> Any:
    """A value with what is secret in it in clear, and the name of a file in its place."""
    if isinstance(value, pulumi.FileAsset):
        return Path(value.path).name
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SPECIAL) == _SECRET:
        return _shown(value["value"])
    return {key: _shown(one) for key, one in value.items()}


@contextmanager
def _loop() -> Iterator[None]:
    """Give this thread an event loop, and every worker of it: the mocks want one there and close none."""
    loops = [asyncio.new_event_loop()]

    def begin() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    asyncio.set_event_loop(loops[0])
    try:
        with ThreadPoolExecutor(4, initializer=begin) as workers:
            loops[0].set_default_executor(workers)
            yield
    finally:
        asyncio.set_event_loop(None)
        for loop in loops:
            loop.close()


def declared(
    build: Callable[[], Any],
    *,
    stack: str = "alpha-prod",
    configuration: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Declared:
    """
    Run `build` as the program of a stack; return what it declared, its exports in `outputs`.

    Raises:
        BasculeError: As the program raises it.
    """
    mocks = _Mocks(stack, parameters or {})
    with _loop():
        pulumi.runtime.set_mocks(mocks, project="bascule", stack=stack, preview=False)
        pulumi.runtime.set_all_config({f"bascule:{k}": v for k, v in (configuration or {}).items()})
        pulumi.runtime.test(build)()  # type: ignore[no-untyped-call] # as the SDK has it
    assert not mocks.wrong
    return mocks.declared


def declared_stack(
    workspace: Workspace,
    stack: str,
    configuration: Mapping[str, str],
    *,
    parameters: Mapping[str, str] | None = None,
) -> Declared:
    """Run the program of a workspace's stack, whole."""
    outputs: dict[str, Any] = {}

    def build() -> None:
        outputs.update(program.declare())

    before = os.environ.get("BASCULE_WORKSPACE")
    os.environ["BASCULE_WORKSPACE"] = str(workspace.root)
    try:
        made = declared(build, stack=stack, configuration=configuration, parameters=parameters)
    finally:
        if before is None:
            del os.environ["BASCULE_WORKSPACE"]
        else:
            os.environ["BASCULE_WORKSPACE"] = before
    made.outputs = outputs
    return made


def policed(made: Declared) -> list[PolicyResource]:
    """Return a program's resources as the policy reads them."""
    return [
        PolicyResource(
            one.type,
            one.name,
            one.inputs,
            frozenset([one.identity, *(one.outputs[key] for key in ("arn", "keyId") if key in one.outputs)]),
        )
        for one in made.resources.values()
    ]
