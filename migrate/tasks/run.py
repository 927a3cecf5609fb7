"""
Carrying a tenant on: the whole playbook, or one phase of it.

Promise: ends where a person must act, and prints the one command to type next.
"""

import json
import sys
from collections.abc import Callable

from fabric import Task, task
from invoke.context import Context

from migrate import playbook, status
from migrate.errors import Refused
from migrate.progress import screen
from migrate.tasks.edge import for_a_person, open_case
from provisioning.errors import WorkspaceError
from provisioning.workspace import Workspace

_TENANT = "Whose migration."
_JSON = "One JSON object on stdout when it ends; progress as JSON lines on stderr."


def _carry_on(tenant: str, as_json: bool, command: str | None, accepted_by: str | None = None) -> None:
    with for_a_person(as_json=as_json):
        case = open_case(tenant)
        only = None
        if command is not None:
            phases = playbook.load(case.workspace, case.manifest.playbook).phases
            only = next((phase.name for phase in phases if phase.command == command), None)
            if only is None:
                raise Refused(f"playbook {case.manifest.playbook} has no phase for fab {command}",
                              next_step=f"fab status --tenant {tenant}")  # fmt: skip
        # Brings DBOS and SQLAlchemy with it, which no other command should have to wait for.
        from migrate import run as capability

        capability.run(
            case,
            screen(sys.stderr if as_json else sys.stdout, as_json=as_json),
            only=only,
            accepted_by=accepted_by,
        )
        found = status.of(case)
    if as_json:
        print(json.dumps({"outcome": "finished", "phase": only, "standing": found.as_json()["standing"]}))
    else:
        print(f"{tenant}: {only or 'every phase'} is finished. {found.standing}")
        if found.next_step:
            print(f"Next: {found.next_step}")


@task(
    name="run",
    help={
        "tenant": _TENANT,
        "json": _JSON,
        "accept-playbook-change": "Go on although the playbook file was changed; needs --by.",
        "by": "E-mail address of who accepts that.",
    },
)
def run(
    _: Context, tenant: str, json: bool = False, accept_playbook_change: bool = False, by: str = ""
) -> None:
    """Carry a tenant on to the next point where a person must act, or to the end; also after a crash."""
    with for_a_person(as_json=json):
        if accept_playbook_change != bool(by):
            raise Refused("--accept-playbook-change and --by EMAIL belong together")
    _carry_on(tenant, json, None, by or None)


def _phase_task(command: str, phases: list[playbook.Phase]) -> Task:
    def body(_: Context, tenant: str, json: bool = False) -> None:
        _carry_on(tenant, json, command)

    body.__doc__ = " / ".join(dict.fromkeys(f"{phase.title}: {phase.summary}" for phase in phases))
    body.__name__ = command.replace("-", "_")
    made: Callable[[Callable[..., None]], Task] = task(name=command, help={"tenant": _TENANT, "json": _JSON})
    return made(body)


def phase_tasks() -> dict[str, Task]:
    """Return a command for each phase of each playbook that this folder's workspace can use."""
    try:
        workspace = Workspace.find()
    except WorkspaceError:
        workspace = None
    return {command: _phase_task(command, found) for command, found in playbook.commands(workspace).items()}
