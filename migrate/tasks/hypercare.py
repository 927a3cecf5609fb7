"""
Incidents of a site that is followed after going live.

Promise: what is reported stands in the journal; closing an incident takes nothing away.
"""

from fabric import task
from invoke.context import Context

from migrate import hypercare
from migrate.errors import Refused
from migrate.tasks.edge import for_a_person, open_case


@task(
    name="incident",
    help={
        "tenant": "Whose site.",
        "report": "What happened, in one line.",
        "close": "Id of an incident that is over.",
        "says": "With --close: what was done.",
    },
)
def incident(_: Context, tenant: str, report: str = "", close: str = "", says: str = "") -> None:
    """List a site's incidents, report one, or close one."""
    with for_a_person():
        case = open_case(tenant)
        if bool(close) != bool(says) or (report and close):
            raise Refused("--report TEXT, or --close ID with --says TEXT, or neither")
        if report:
            hypercare.report(case, report)
        if close:
            hypercare.close(case, close, says)
        for one in hypercare.incidents(case):
            print(f"{'open  ' if one.is_open else 'closed'} {one.id} {one.opened_on:%F} {one.says}")
