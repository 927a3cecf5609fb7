"""
A look at stacks through the policy: the rules, parity of a tenant's two sites, isolation between tenants.

Promise: reads only. The rules are asked of what a stack will be, its preview, so that they speak before
anything is made; isolation is asked of what stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from provisioning.engine import Stack
from provisioning.errors import EngineError
from provisioning.policy.check import violations, waiting
from provisioning.policy.exceptions import load_exceptions
from provisioning.policy.isolation import crossings
from provisioning.policy.parity import differences
from provisioning.policy.resources import Resource, of_preview, of_state
from provisioning.workspace import Workspace


@dataclass(frozen=True)
class Finding:
    """What is wrong with one stack, for a person."""

    stack: str
    about: str
    """``rule``, ``parity`` or ``isolation``."""
    text: str


@dataclass(frozen=True)
class Look:
    """What was looked at, and what was found."""

    resources: Mapping[str, int]
    """How many of each stack; none proves nothing."""
    findings: tuple[Finding, ...]
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Of each stack, how many answers only its `up` can have; the policy pack looks at them then."""


def look(workspace: Workspace, tenants: Sequence[str], today: date) -> Look:
    """
    Look at all stacks of these tenants that are configured; a platform's name is ``platform``.

    Raises:
        WorkspaceError: The exceptions' file is not as it must be.
        EngineError: A stack could not be previewed, or declares nothing on AWS.
    """
    exceptions = load_exceptions(workspace.stacks)
    planned: dict[str, list[Resource]] = {}
    standing: dict[str, list[Resource]] = {}
    for name in _configured(workspace, tenants):
        stack = Stack(workspace, name)
        planned[name] = of_preview(stack.run("preview", "--json", "--show-sames", apart=True).stdout)
        standing[name] = of_state(stack.run("stack", "export", apart=True).stdout)
        if not planned[name]:
            raise EngineError(f"the preview of {name} holds no resource of AWS, so nothing was checked")
    found = [
        Finding(name, "rule", str(one))
        for name, resources in planned.items()
        for one in violations(name, resources, exceptions, today)
    ]
    for tenant in tenants:
        both = [planned.get(f"{tenant}-{environment}") for environment in ("test", "prod")]
        if both[0] and both[1]:
            found += [Finding(f"{tenant}-test", "parity", one) for one in differences(both[0], both[1])]
    found += [
        Finding(name, "isolation", text)
        for name, mine in standing.items()
        for other, theirs in standing.items()
        if name != other and not other.startswith("platform-")  # what is shared is for all to name
        for text in crossings(mine, theirs)
    ]
    return Look(
        {name: len(resources) for name, resources in planned.items()},
        tuple(found),
        {name: waiting(resources) for name, resources in planned.items()},
    )


def _configured(workspace: Workspace, tenants: Sequence[str]) -> list[str]:
    every = (f"{tenant}-{environment}" for tenant in tenants for environment in ("test", "prod"))
    return [name for name in every if Stack(workspace, name).config_file.is_file()]
