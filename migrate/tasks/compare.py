"""
Commands on the comparison by content.

Promise: reads only, and never takes the place of the verdict that a move was decided on.
"""

import sys
from json import dumps

from fabric import Connection, task
from invoke.exceptions import Exit

from migrate import position
from migrate.case import Case
from migrate.connections import Hosts
from migrate.progress import screen
from migrate.step import StepContext
from migrate.steps.compare import compare_all, require_agreement
from migrate.tasks.edge import DIFFERS, for_a_person, open_case


@task(
    name="compare",
    help={"tenant": "Whose source and target.", "json": "The whole verdict as one JSON object."},
)
def compare(_c: Connection, tenant: str, json: bool = False) -> None:
    """Compare every row, definition and file of source and target now; reads only. Exit 4 on a difference."""
    with for_a_person(as_json=json):
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            comparison = compare_all(StepContext(case, hosts, screen(sys.stderr), attempt=""))
    if json:
        print(dumps({"agrees": comparison.agrees, **comparison.model_dump(mode="json")}))
        if not comparison.agrees:
            raise Exit(code=DIFFERS)
        return
    with for_a_person():
        require_agreement(comparison, state=_standing(case), next_step=f"fab status --tenant {tenant}")
    print(comparison.summary)


def _standing(case: Case) -> str:
    """Say where things stand, and why that alone may be the difference."""
    now = position.standing(case.journal)
    if now.door == "open" and now.door_since:
        why = f"The site has been in use since {now.door_since:%F %H:%M} UTC, and what was written there"
        return f"{now} {why} since then is among the above."
    if now.legacy == "writable":
        return f"{now} What was written there since the last copy is among the above."
    return str(now)
