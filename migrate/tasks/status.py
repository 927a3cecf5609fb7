"""
What a person asks before typing anything else.

Promise: reads the case only, so it may be asked beside a run that is at work.
"""

from json import dumps

from fabric import task
from invoke.context import Context
from rich.console import Console

from migrate import status as capability
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
        found = capability.of(open_case(tenant))
        if json:
            print(dumps(found.as_json(), ensure_ascii=False))
            return
        console = Console(highlight=False)
        for part in capability.render(found):
            console.print(part, soft_wrap=True)


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
