"""
The command that says what stands beside the programs: marked as a tenant's, and in no state.

Promise: nothing is changed; the exit status alone tells a script that there is something.
"""

from datetime import UTC, datetime
from json import dumps

from fabric import Connection, task

from migrate.tasks.edge import for_a_person, open_case
from provisioning.engine import Stack
from provisioning.policy.resources import whole_state
from provisioning.survey import survey_of
from provisioning.workspace import Workspace

FOUND = 5
"""The exit status that says something stands there, apart from any failure."""


@task(
    name="unmanaged",
    help={
        "tenant": "Whose site.",
        "environment": "Which of its sites, test or prod.",
        "json": "One JSON object instead of lines.",
    },
)
def unmanaged(_c: Connection, tenant: str, environment: str = "prod", json: bool = False) -> None:
    """List what carries a site's mark and is in no state of it; exit status 5 if anything does."""
    with for_a_person(as_json=json):
        workspace, manifest = Workspace.find(), open_case(tenant).manifest
        stack = Stack(workspace, f"{manifest.tenant}-{environment}")
        state = whole_state(stack.run("stack", "export", apart=True).stdout)
        found = survey_of(manifest.substrate).beside(stack, state, datetime.now(UTC).date())
    if json:
        print(dumps({stack.name: found}))
    else:
        print("\n".join(found) or f"{stack.name}: nothing stands beside its program")
    if found:
        raise SystemExit(FOUND)
