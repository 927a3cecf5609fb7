"""
The command that says whether sites on AWS keep the rules, before they are stood up and afterwards.

Promise: nothing is changed; the exit status alone tells a script that something is not as it must be.
"""

from datetime import UTC, datetime
from json import dumps

from fabric import Connection, task

from migrate.tasks.edge import for_a_person, open_case
from provisioning.engine import PLATFORM
from provisioning.manifest_file import tenants
from provisioning.policy.look import look
from provisioning.workspace import Workspace

BROKEN = 5
"""The exit status that says a rule is broken, apart from any failure."""


@task(
    name="policy",
    help={
        "tenant": "Only this tenant's sites and the platforms; otherwise every tenant's.",
        "json": "One JSON object instead of lines.",
    },
)
def policy(_c: Connection, tenant: str = "", json: bool = False) -> None:
    """Hold what sites on AWS will be against the rules, and what stands apart; exit status 5 if not."""
    with for_a_person(as_json=json):
        workspace = Workspace.find()
        asked = [tenant] if tenant else tenants(workspace)
        on_aws = [one for one in asked if open_case(one).manifest.substrate == "aws"]
        seen = look(workspace, [PLATFORM, *on_aws], datetime.now(UTC).date())
    if json:
        told = [vars(one) for one in seen.findings]
        print(dumps({"looked_at": dict(seen.resources), "waiting": dict(seen.waiting), "findings": told}))
    elif not seen.resources:
        print("no stack on AWS is configured, so there is nothing to check")
    else:
        for stack, count in seen.resources.items():
            wrong = [one for one in seen.findings if one.stack == stack]
            later = f"; {seen.waiting[stack]} answers wait for its `up`" if seen.waiting[stack] else ""
            print(f"{stack}: {count} resources, {len(wrong) or 'nothing'} to mend{later}")
            for one in wrong:
                print(f"  {one.about}  {one.text}")
    if seen.findings:
        raise SystemExit(BROKEN)
