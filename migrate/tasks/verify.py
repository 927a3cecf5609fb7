"""
Commands on a site: verify it, and look at or move its door.

Promise: the suite changes nothing; the door moves only by the command that says so.
"""

from json import dumps

from fabric import Connection, task
from invoke.exceptions import Exit

from migrate import door as doors
from migrate import verify as suite
from migrate.connections import Hosts
from migrate.tasks.edge import FAILED, for_a_person, open_case
from provisioning.engine import Stack

_SITE = {"tenant": "Name of the tenant.", "environment": "test or prod."}


@task(name="verify", help={**_SITE, "json": "One JSON object instead of lines."})
def verify(_c: Connection, tenant: str, environment: str, json: bool = False) -> None:
    """Run the go-live suite against a site; says what would keep its door closed."""
    with for_a_person(as_json=json):
        case = open_case(tenant)
        called = suite.environment_called(environment)
        # One sentence where nothing stands, instead of every check failing for want of a site.
        Stack(case.workspace, case.manifest.stack(called)).outputs()
        found = suite.verify(case, called)
        if json:
            print(dumps({"passed": found.passed, **found.model_dump(mode="json")}))
            if not found.passed:
                raise Exit(code=FAILED)
            return
        for check in found.checks:
            detail = f"  {check.detail.partition(chr(10))[0]}" if check.detail else ""
            print(f"{check.outcome:7} {check.id}{detail}")
        suite.require(found, shown=True)
    print(f"{tenant}-{environment}: {found.summary}")


@task(
    name="door",
    help={
        **_SITE,
        "state": "closed, open or suspended; without it the state is printed.",
        "reason": "What users read while it is suspended.",
        "json": "One JSON object instead of a line.",
    },
)
def door(
    _c: Connection, tenant: str, environment: str, state: str = "", reason: str = "", json: bool = False
) -> None:
    """Print the state of a site's door, or put it to another one and declare that in its stack."""
    with for_a_person(as_json=json):
        case = open_case(tenant)
        called = suite.environment_called(environment)
        with Hosts(case.workspace, case.manifest) as hosts:
            if state:
                doors.set_by_hand(case, hosts, called, doors.state_called(state, reason), reason)
            found = doors.read(hosts.target(called), hosts.site(called))
    if json:
        print(dumps({"stack": f"{tenant}-{environment}", "door": found}))
    elif state:
        print(f"{tenant}-{environment}: {found}, on the host, from outside and in its program")
    else:
        print(found)
