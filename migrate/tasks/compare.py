"""Commands on the comparison by content."""

import json
import sys

from fabric import Connection, task
from invoke.exceptions import Exit

from migrate.connections import Hosts
from migrate.progress import screen
from migrate.step import StepContext
from migrate.steps.compare import compare_all, require_agreement
from migrate.tasks.edge import DIFFERS, for_a_person, open_case


@task(name="compare", help={"tenant": "Name of the tenant.", "as-json": "The whole verdict as JSON."})
def compare(_c: Connection, tenant: str, as_json: bool = False) -> None:
    """Compare every row, definition and file of source and target now; reads only. Exit 4 on a difference."""
    with for_a_person(as_json=as_json):
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            comparison = compare_all(StepContext(case, hosts, screen(sys.stderr), attempt=""))
    if as_json:
        print(json.dumps({"agrees": comparison.agrees, **comparison.model_dump(mode="json")}))
        if not comparison.agrees:
            raise Exit(code=DIFFERS)
    else:
        with for_a_person():
            require_agreement(comparison)
        print(comparison.summary)
