"""
The floor of a tenant's running cost on AWS: both sites and their share of the platforms, a month.

Promise: the sum of what has a price, and every type named that has none: a floor, never an estimate of the
bill. What is charged by use alone is named and not counted.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import get_args

from provisioning.cost.meters import BY_USE, charges
from provisioning.cost.outline import outline
from provisioning.cost.prices import PriceTable, load_prices
from provisioning.engine import PLATFORM, Stack
from provisioning.errors import WorkspaceError
from provisioning.manifest import Environment
from provisioning.manifest_file import load_manifest, tenants
from provisioning.model import Model
from provisioning.policy.resources import Resource
from provisioning.workspace import Workspace

_CENT = Decimal("0.01")


class Line(Model):
    """All resources of one type in one stack; `a_month` is of those that have a price."""

    type: str
    count: int
    a_month: Decimal
    not_priced: tuple[str, ...] = ()
    """What the table lacks; the type itself where nobody looked it up."""


class StackCost(Model):
    """One stack; `part` of it is the tenant's."""

    stack: str
    region: str
    currency: str
    as_of: date
    source: str
    lines: tuple[Line, ...]
    by_use: tuple[str, ...]
    units: dict[str, Decimal]
    """Meter -> units, whatever they cost: what the sum follows from."""
    sharers: int = 1

    @property
    def total(self) -> Decimal:
        return sum((line.a_month for line in self.lines), Decimal("0.00"))

    @property
    def part(self) -> Decimal:
        return (self.total / self.sharers).quantize(_CENT, ROUND_HALF_UP)

    @property
    def not_priced(self) -> tuple[str, ...]:
        return tuple(sorted({one for line in self.lines for one in line.not_priced}))


class Floor(Model):
    """What one tenant's environments cost a month at least."""

    tenant: str
    stacks: tuple[StackCost, ...]
    """Sites, then platforms; test before prod."""

    @property
    def total(self) -> Decimal:
        return sum((one.part for one in self.stacks), Decimal("0.00"))

    @property
    def not_priced(self) -> tuple[str, ...]:
        return tuple(sorted({name for one in self.stacks for name in one.not_priced}))

    @property
    def sites(self) -> tuple[StackCost, ...]:
        return tuple(one for one in self.stacks if not one.stack.startswith(f"{PLATFORM}-"))

    def is_of_the_same(self, other: "Floor") -> bool:
        """Whether both are of sites of the same size; prices and sharers may differ."""
        return [(one.stack, one.units) for one in self.sites] == [
            (one.stack, one.units) for one in other.sites
        ]


def floor_of(workspace: Workspace, tenant: str) -> Floor:
    """
    Reckon the floor of a tenant; its platforms are shared by all tenants of the workspace that are on AWS.

    Raises:
        ManifestError: The manifest or the price table cannot be used.
        WorkspaceError: The tenant is not on AWS, or no stack says in which region.
        EngineError: The program refused what it was told.
    """
    if load_manifest(workspace, tenant).substrate != "aws":
        raise WorkspaceError(
            f"{tenant} does not stand on AWS, so AWS charges nothing for it",
            next_step=f"substrate: aws in stacks/{tenant}.yaml, if it is to",
        )
    environments: tuple[Environment, ...] = get_args(Environment)
    region = {one: _region(workspace, tenant, one) for one in environments}
    regions = {
        f"{owner}-{environment}": region[environment]
        for owner in (tenant, PLATFORM)
        for environment in environments
    }
    tables = {one: load_prices(workspace, one) for one in set(regions.values())}
    sharers = sum(load_manifest(workspace, one).substrate == "aws" for one in tenants(workspace))
    declared = outline(workspace, regions)
    return Floor(
        tenant=tenant,
        stacks=tuple(
            cost_of(
                stack,
                declared[stack],
                tables[where],
                sharers=sharers if stack.startswith(f"{PLATFORM}-") else 1,
            )
            for stack, where in regions.items()
        ),
    )


def cost_of(stack: str, resources: Sequence[Resource], table: PriceTable, *, sharers: int = 1) -> StackCost:
    """Price what one stack declares; types are in the order of their names."""
    units: dict[str, Decimal] = {}
    lines = []
    kinds = sorted({one.type for one in resources})
    for kind in kinds:
        these = [one for one in resources if one.type == kind]
        amount, lacking, is_charged = Decimal(0), set[str](), False
        for one in these:
            charged = charges(one, resources)
            if charged is None:
                lacking.add(kind)
            for charge in charged or []:
                is_charged = True
                units[charge.meter] = units.get(charge.meter, Decimal(0)) + charge.units
                if charge.meter in table.prices:
                    amount += table.prices[charge.meter].a_month * charge.units
                else:
                    lacking.add(charge.meter)
        if is_charged or lacking:
            rounded = amount.quantize(_CENT, ROUND_HALF_UP)
            lines.append(
                Line(type=kind, count=len(these), a_month=rounded, not_priced=tuple(sorted(lacking)))
            )
    return StackCost(
        stack=stack,
        region=table.region,
        currency=table.currency,
        as_of=table.as_of,
        source=table.source,
        lines=tuple(lines),
        by_use=tuple(kind for kind in kinds if kind in BY_USE),
        units=dict(sorted(units.items())),
        sharers=sharers,
    )


def _region(workspace: Workspace, tenant: str, environment: Environment) -> str:
    """Where an environment is pinned to: by its own stack, by its platform, or by the other environment's."""
    others = [one for one in get_args(Environment) if one != environment]
    stacks = [f"{owner}-{one}" for one in (environment, *others) for owner in (tenant, PLATFORM)]
    for stack in stacks:
        if region := Stack(workspace, stack).settings.get("bascule:region"):
            return str(region)
    raise WorkspaceError(
        f"no stack says in which region the sites of {tenant} stand, so there is no price",
        next_step=f"pulumi config set bascule:region eu-central-1 -s {PLATFORM}-{environment}",
    )
