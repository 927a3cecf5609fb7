"""
The command that says whether an AWS account has room for one more site.

Promise: reads only; the exit status alone tells a script that there is none.
"""

from json import dumps

from fabric import Connection, task
from pydantic import TypeAdapter, ValidationError

from migrate.errors import Refused
from migrate.tasks.edge import for_a_person
from provisioning.engine import PLATFORM, Stack
from provisioning.manifest import Environment
from provisioning.pinned import pinned_by, session_in
from provisioning.quotas import room_for_a_site
from provisioning.workspace import Workspace

_ENVIRONMENT: TypeAdapter[Environment] = TypeAdapter(Environment)
FULL = 5
"""The exit status that says there is no room, apart from any failure."""


@task(
    name="quotas",
    help={
        "environment": "The class of the site, test or prod; each has an account of its own.",
        "json": "One JSON object instead of lines.",
    },
)
def quotas(_c: Connection, environment: str = "prod", json: bool = False) -> None:
    """Say what one more site on AWS would cross, such as certificates; exit status 5 if it does not fit."""
    with for_a_person(as_json=json):
        try:
            chosen: Environment = _ENVIRONMENT.validate_python(environment)
        except ValidationError:
            raise Refused(f"no environment {environment!r}", next_step="--environment test or prod") from None
        stack = Stack(Workspace.find(), f"{PLATFORM}-{chosen}")
        pinned = pinned_by(stack)
        found = room_for_a_site(session_in(pinned.region), chosen, pinned)
    if json:
        print(dumps([{**vars(one), "is_enough": one.is_enough} for one in found]))
    else:
        for one in found:
            print(one)
    if not all(one.is_enough for one in found):
        raise SystemExit(FULL)
