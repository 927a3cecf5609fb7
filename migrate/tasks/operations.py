"""
What comes before an upgrade in operation: its notice.

Promise: a notice is put into the outbox once, and only with as many days as the customer was promised.
"""

from datetime import UTC, date, datetime

from fabric import task
from invoke.context import Context

from migrate import wheel
from migrate.errors import Refused
from migrate.product.order import ordered
from migrate.tasks.edge import for_a_person, open_case


@task(name="announce", help={"tenant": "Whose upgrade.", "on": "Its day, such as 2027-06-10."})
def announce(_: Context, tenant: str, on: str) -> None:
    """Announce the upgrade that the upgrade file names: its notice goes into the outbox."""
    with for_a_person():
        case = open_case(tenant)
        try:
            day = date.fromisoformat(on)
        except ValueError:
            raise Refused(f"{on!r} is no day", next_step="write it such as 2027-06-10") from None
        today = datetime.now(UTC).astimezone(case.manifest.window.zone).date()
        ident = wheel.announce(case, ordered(case).order.to, day, today)
    print(f"{tenant}: upgrade to {ordered(case).order.to} announced for {day:%F}, message {ident}")
    print(f"Next: fab outbox --tenant {tenant} --send")
