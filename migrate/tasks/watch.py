"""
The command for every night while a way back is armed.

Promise: the exit status alone tells a script whether somebody must act before the next night.
"""

from datetime import UTC, datetime
from json import dumps

from fabric import Connection, task

from migrate import lock, watching
from migrate.connections import Hosts
from migrate.progress import screen
from migrate.step import StepContext
from migrate.tasks.edge import for_a_person, open_case
from provisioning.manifest_file import tenants
from provisioning.workspace import Workspace

RUNS_OUT = 6
"""The exit status that says so, apart from any failure."""


@task(
    name="watch-way-back",
    help={
        "tenant": "Only this tenant's; otherwise every tenant's that has one armed.",
        "json": "One JSON object instead of lines.",
    },
)
def watch_way_back(_c: Connection, tenant: str = "", json: bool = False) -> None:
    """Compare what changed since going live, so that no log piles up; exit status 6 if it runs out."""
    looked: list[watching.Watch] = []
    with for_a_person(as_json=json):
        for each in [tenant] if tenant else tenants(Workspace.find()):
            case = open_case(each)
            with Hosts(case.workspace, case.manifest) as hosts:
                ctx = StepContext(case, hosts, screen(), f"watch-{datetime.now(UTC):%Y%m%dT%H%M%S}")
                if not tenant and not watching.is_armed(ctx):
                    continue
                with lock.held(case.folder, each):
                    looked.append(watching.watch(ctx))
            if not json:
                _show(looked[-1])
    if json:
        print(dumps({one.tenant: one.as_json() for one in looked}))
    elif not looked:
        print("no way back is armed, so there is none to watch over")
    if any(one.runs_out for one in looked):
        raise SystemExit(RUNS_OUT)


def _show(one: watching.Watch) -> None:
    print(f"{one.tenant}: {one.rows} rows compared")
    for line in (*one.kept, *one.budget):
        print(f"  {line}")
    for why in one.runs_out:
        print(f"  RUNS OUT: {why}")
    back = f"fab rollback --tenant {one.tenant}, or fab finalize --tenant {one.tenant}"
    print(f"Next: {f'mend that, or {back}' if one.runs_out else 'the same, tomorrow night'}")
