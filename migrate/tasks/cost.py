"""
The command that says what a tenant's sites cost at AWS a month, whatever is done with them.

Promise: nothing is asked of AWS, and nothing is changed.
"""

from json import dumps

from fabric import Connection, task

from migrate.tasks.edge import for_a_person
from provisioning.cost.floor import Floor, Line, StackCost, floor_of
from provisioning.workspace import Workspace


@task(
    name="cost",
    help={"tenant": "Whose sites; its manifest has substrate: aws.", "json": "One JSON object."},
)
def cost(_c: Connection, tenant: str, json: bool = False) -> None:
    """Say what a tenant's sites on AWS cost a month at least, by resource type, with what has no price."""
    with for_a_person(as_json=json):
        floor = floor_of(Workspace.find(), tenant)
    print(dumps(_told(floor)) if json else _shown(floor))


def _told(floor: Floor) -> dict[str, object]:
    return {
        **floor.model_dump(mode="json"),
        "total": str(floor.total),
        "parts": {one.stack: str(one.part) for one in floor.stacks},
        "not_priced": floor.not_priced,
    }


def _shown(floor: Floor) -> str:
    lines = [line for one in floor.stacks for line in _stack(one)]
    currency = floor.stacks[0].currency
    lines.append(f"{floor.tenant}: at least {currency} {floor.total} a month, without VAT and use")
    if floor.not_priced:
        lines.append(f"not priced, and to be added: {', '.join(floor.not_priced)}")
    return "\n".join(lines)


def _stack(one: StackCost) -> list[str]:
    listed = [f"  {line.type.removeprefix('aws:'):44}{line.count:4}{_amount(line)}" for line in one.lines]
    return [
        f"{one.stack}  {one.region}, {one.currency} a month, prices of {one.as_of}",
        *listed,
        f"  {'together':48}{one.total:12}",
        *([f"  {f'shared by {one.sharers} tenants, so a part of':48}{one.part:12}"] * (one.sharers > 1)),
        f"  by use alone, not counted: {', '.join(kind.removeprefix('aws:') for kind in one.by_use)}",
    ]


def _amount(line: Line) -> str:
    """What has no price is never shown as zero."""
    lacking = f"  not priced: {', '.join(line.not_priced)}" if line.not_priced else ""
    return f"{'' if lacking and not line.a_month else line.a_month:>12}{lacking}"
