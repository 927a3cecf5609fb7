"""
What a person asks before typing anything else.

Promise: reads only, so it may be asked beside a run that is at work. It connects to nothing, but while
databases are copied, for what slows them, and where changes flow back to legacy, for how far that is; it
says so when the servers do not answer.
"""

from json import dumps

from fabric import task
from invoke.context import Context
from rich.console import Console

from migrate import status as capability
from migrate.budget import Budget, budgets
from migrate.case import Case
from migrate.connections import Hosts
from migrate.moving import moving_now
from migrate.progress import screen
from migrate.step import StepContext
from migrate.tasks.edge import for_a_person, open_case
from provisioning.errors import BasculeError
from provisioning.manifest_file import tenants
from provisioning.workspace import Workspace


@task(
    name="status",
    help={
        "tenant": "Whose migration; without it, every tenant's in a line or two.",
        "json": "One JSON object on stdout.",
    },
)
def status(_: Context, tenant: str = "", json: bool = False) -> None:
    """Show where a tenant is, what holds it up, and the command to type next."""
    with for_a_person(as_json=json):
        if not tenant:
            _every_tenant(Workspace.find(), as_json=json)
            return
        case = open_case(tenant)
        found = capability.of(case)
        moving, silent = _moving(case) if found.is_copying else ([], "")
        budget, unknown = _budget(case) if found.way_back == "armed" else ([], "")
        if json:
            asked: dict[str, object] = {
                "moving": moving,
                "moving_unknown": silent,
                "rollback_budget": [one.as_json() for one in budget],
                "rollback_unknown": unknown,
            }
            print(dumps({**found.as_json(), **asked}, ensure_ascii=False))
            return
        console = Console(highlight=False)
        for part in capability.render(found):
            console.print(part, soft_wrap=True)
        for line in moving:
            console.print(f"Moving: {line}", soft_wrap=True)
        if silent:
            console.print(f"Moving: how far cannot be told: {silent}", soft_wrap=True)
        for one in budget:
            console.print(f"Way back: {one}", soft_wrap=True)
        if unknown:
            console.print(f"Way back: armed, but how far it is cannot be told: {unknown}", soft_wrap=True)
        if found.way_back == "armed":
            back, ends = f"fab rollback --tenant {tenant}", f"fab finalize --tenant {tenant}"
            console.print(f"Going back: {back}; giving that up: {ends}", soft_wrap=True)


def _moving(case: Case) -> tuple[list[str], str]:
    """Return how each database moves, and what slows it; where that cannot be asked, why."""
    try:
        with Hosts(case.workspace, case.manifest) as hosts:
            return moving_now(StepContext(case, hosts, screen(), attempt="")), ""
    except BasculeError as error:
        return [], error.what


def _budget(case: Case) -> tuple[list[Budget], str]:
    """Return how far one can still go back; where that cannot be asked, why."""
    try:
        with Hosts(case.workspace, case.manifest) as hosts:
            return budgets(StepContext(case, hosts, screen(), attempt="")), ""
    except BasculeError as error:
        return [], error.what


def _every_tenant(workspace: Workspace, *, as_json: bool) -> None:
    """One tenant's broken manifest hides no other tenant."""
    said: dict[str, dict[str, object]] = {}
    for tenant in tenants(workspace):
        try:
            found = capability.of(open_case(tenant))
        except BasculeError as error:
            said[tenant] = {"what": error.what, "state": error.state, "next": error.next_step}
            lines = [error.what.partition("\n")[0], error.next_step or "fab check"]
        else:
            said[tenant] = found.as_json()
            lines = [
                str(found.standing),
                found.held_up_by,
                found.next_step or "nothing, everything is finished",
            ]
        if not as_json:
            print(f"{tenant}: {' '.join(filter(None, lines[:-1]))}\n  Next: {lines[-1]}")
    if as_json:
        print(dumps(said, ensure_ascii=False))
    elif not said:
        print("no tenant yet\nNext: fab new-tenant")
