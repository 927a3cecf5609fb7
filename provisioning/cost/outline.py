"""
The outline of stacks on AWS: what their programs declare, with no account, no engine and no platform.

Promise: it is the programs themselves that run, in a process of their own, so whatever they declare is in it,
with the inputs that they give; what only AWS could tell is unknown, as in a preview. Nothing is asked of AWS.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from provisioning.engine import PLATFORM
from provisioning.errors import BasculeError, EngineError
from provisioning.policy.resources import Resource
from provisioning.workspace import Workspace

_ACCOUNT = "0" * 12
_DOMAIN = "sites.example"


def outline(workspace: Workspace, regions: Mapping[str, str]) -> dict[str, list[Resource]]:
    """
    Return the resources of AWS that stacks declare, by stack; a resource's id is its name.

    Args:
        regions: Stack -> region, such as eu-central-1.

    Raises:
        EngineError: A program refused its manifest or its configuration; its text says why.
    """
    done = subprocess.run(  # noqa: S603 - this very module
        [sys.executable, "-m", "provisioning.cost.outline", json.dumps(dict(regions))],
        env={**os.environ, "BASCULE_WORKSPACE": str(workspace.root)},
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-20:])
        raise EngineError(f"what stands on AWS for {', '.join(regions)} could not be outlined:\n{tail}")
    told = json.loads(done.stdout)
    return {
        stack: [Resource(kind, name, inputs, frozenset([name])) for kind, name, inputs in found]
        for stack, found in told.items()
    }


def _configuration(stack: str, region: str) -> dict[str, str]:
    """What a stack must be told before its program declares anything; no price follows from it."""
    told = {"account": _ACCOUNT, "region": region, "budget": "1"}
    if stack.startswith(f"{PLATFORM}-"):
        told |= {
            "domain": _DOMAIN,
            "alarmEmail": f"alarms@{_DOMAIN}",
            "repository": "owner/name",
            "image": "ami-outline",
            "runbooks": f"https://{_DOMAIN}",
        }
    return {f"bascule:{key}": value for key, value in told.items()}


def _facts() -> str:
    """What a platform would tell, with nothing of it known."""
    from provisioning.platform_facts import PlatformFacts

    fields = PlatformFacts.model_fields
    unknown: dict[str, Any] = {
        name: ["outline-a", "outline-b"] if one.annotation == list[str] else "outline"
        for name, one in fields.items()
        if one.is_required()
    }
    return PlatformFacts.model_validate({**unknown, "domain": _DOMAIN}).model_dump_json()


def _declared(stack: str, region: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Run one program; Pulumi's own mocks stand in the place of the engine."""
    import pulumi

    from provisioning import program

    found: list[tuple[str, str, Mapping[str, Any]]] = []
    answers = {
        "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": _ACCOUNT, "arn": "", "id": ""},
        "aws:ssm/getParameter:getParameter": {"insecureValue": _facts()},
    }

    class Outlined(pulumi.runtime.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            if args.typ.startswith("aws:"):
                found.append((args.typ, args.name, args.inputs))
            return args.name, args.inputs

        def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]]]:
            return answers[args.token], []

    pulumi.runtime.set_mocks(Outlined(), project="bascule", stack=stack, preview=True)
    pulumi.runtime.set_all_config(_configuration(stack, region))
    pulumi.runtime.test(program.declare)()  # type: ignore[no-untyped-call] # as the SDK has it
    return found


if __name__ == "__main__":
    try:
        asked: dict[str, str] = json.loads(sys.argv[1])
        told = {stack: _declared(stack, region) for stack, region in asked.items()}
        print(json.dumps(told, default=lambda _: None))  # such as a file to upload
    except BasculeError as error:
        sys.exit(str(error))
