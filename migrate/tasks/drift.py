"""
The command that CI runs every night: which sites differ from their program?

Promise: nothing is changed; the exit status alone tells a script that a site differs, or lacks maintenance.
"""

from collections.abc import Sequence
from json import dumps
from typing import get_args

from fabric import Connection, task

from migrate import maintenance
from migrate.connections import Hosts
from migrate.drift import Drift, is_stood_up, look
from migrate.maintenance import Level
from migrate.tasks.edge import for_a_person, open_case
from provisioning.engine import PLATFORM, Stack
from provisioning.manifest import Environment
from provisioning.manifest_file import tenants
from provisioning.workspace import Workspace

DRIFTED = 5
"""The exit status that says drift, apart from any failure."""


@task(
    name="drift",
    help={
        "tenant": "Only this tenant's sites; otherwise every tenant's.",
        "json": "One JSON object instead of lines.",
    },
)
def drift(_c: Connection, tenant: str = "", json: bool = False) -> None:
    """Say which sites no longer are what their program says, and in what; exit status 5 if any."""
    looked: list[Drift] = []
    old: list[Level] = []
    with for_a_person(as_json=json):
        workspace = Workspace.find()
        for each in [tenant] if tenant else tenants(workspace):
            manifest = open_case(each).manifest
            for environment in ("test", "prod"):
                stack = Stack(workspace, f"{manifest.tenant}-{environment}")
                if not is_stood_up(stack):
                    if tenant and not json:
                        print(f"{stack.name}: not stood up")
                    continue
                looked.append(look(stack))
                with Hosts(workspace, manifest) as hosts:
                    levels = [level for level in maintenance.look(hosts, environment) if level.is_old]
                old += levels
                if not json:
                    _show(looked[-1], levels)
        for stack in [] if tenant else _platforms(workspace):
            looked.append(look(stack))
            if not json:
                _show(looked[-1], ())
    if json:
        found = {one.stack: [vars(change) for change in one.changes] for one in looked}
        print(dumps({**found, "maintenance": [str(level) for level in old]} if old else found))
    elif not looked:
        print("no site is stood up, so there is nothing to compare")
    if old or any(one.changes for one in looked):
        raise SystemExit(DRIFTED)


def _platforms(workspace: Workspace) -> list[Stack]:
    """What sites on AWS share, where it is stood up."""
    every = (Stack(workspace, f"{PLATFORM}-{environment}") for environment in get_args(Environment))
    return [one for one in every if one.config_file.is_file() and is_stood_up(one)]


def _show(one: Drift, old: Sequence[Level]) -> None:
    for level in old:
        print(f"{one.stack}: maintenance is due: {level}")
    if not one.changes:
        print(f"{one.stack}: as its program says")
        return
    print(f"{one.stack}: {len(one.changes)} differ from its program")
    for change in one.changes:
        print(f"  {change}")
    print(f"Next: pulumi up --refresh -s {one.stack}, which repairs it")
