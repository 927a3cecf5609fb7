"""
Commands on the agreed window.

Promise: a window that breaks a rule is refused with every rule that it breaks.
"""

from datetime import UTC, datetime

from fabric import task
from invoke.context import Context

from migrate import invitation
from migrate.assess import Assessment
from migrate.schedule import agree
from migrate.tasks.edge import before_the_move, for_a_person, open_case
from migrate.window_rules import local_moment


@task(
    name="schedule",
    help={
        "tenant": "Whose migration.",
        "opens": "When the window opens, such as 2027-03-09T17:00 (the tenant's own time).",
        "closes": "When it closes, such as 2027-03-10T14:00.",
        "site-name": "The site's host name as agreed, when it is not the manifest's.",
        "weekend": "The customer asks for a weekend.",
    },
)
def schedule(
    _: Context, tenant: str, opens: str = "", closes: str = "", site_name: str = "", weekend: bool = False
) -> None:
    """Agree on the window of a move, by its rules; without --opens and --closes, on the one wished."""
    with for_a_person():
        case = open_case(tenant)
        wished = case.manifest.window
        with before_the_move(case):
            assessment = case.read_evidence("assessment", Assessment)
            agreed = agree(
                case,
                assessment,
                local_moment(opens, wished.zone) if opens else wished.opens_at,
                local_moment(closes, wished.zone) if closes else wished.closes_at,
                site_name=site_name or None,
                weekend=weekend,
                now=datetime.now(UTC),
            )
            path = invitation.write(case, agreed, assessment)
    print(f"{tenant}: {agreed.opens:%A %F %H:%M} to {agreed.closes:%A %F %H:%M} ({agreed.time_zone})")
    print(f"site name: {agreed.site_name}\ninvitation: {path}")
    print(f"Next: fab run --tenant {tenant}")
