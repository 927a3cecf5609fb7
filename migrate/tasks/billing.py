"""
Commands on a subscription: bringing it up to date, and what was paid.

Promise: `billing` may be run as often as wanted, such as every night; it does what fell due since.
"""

from datetime import UTC, date, datetime

from fabric import task
from invoke.context import Context

from migrate import lock
from migrate.billing import payments, subscription
from migrate.connections import Hosts
from migrate.errors import Refused
from migrate.tasks.edge import for_a_person, open_case


@task(name="billing", help={"tenant": "Whose subscription."})
def billing(_: Context, tenant: str) -> None:
    """Issue invoices that fall due, tell the billing system, suspend or open the door."""
    with for_a_person():
        case = open_case(tenant)
        with lock.held(case.folder, tenant), Hosts(case.workspace, case.manifest) as hosts:
            found = subscription.bring_up_to_date(case, hosts, datetime.now(UTC))
    for line in found:
        invoice = line.invoice
        print(f"{line.id}  issued {invoice.issued_on}  due {invoice.due_on}  {line.state}")


@task(
    name="payment",
    help={
        "tenant": "Who paid.",
        "invoice": "Number of the invoice, or deployment for the deployment fee.",
        "paid-on": "The day, such as 2027-03-31.",
        "by": "E-mail address of who saw it on the account.",
    },
)
def payment(_: Context, tenant: str, invoice: str, paid_on: str, by: str) -> None:
    """Record that an invoice, or the deployment fee, was paid."""
    with for_a_person():
        case = open_case(tenant)
        try:
            day = date.fromisoformat(paid_on)
        except ValueError:
            raise Refused(f"{paid_on!r} is no day", next_step="--paid-on 2027-03-31") from None
        payments.record(case, invoice, day, by)
    print(f"{invoice}: paid on {day}")
    again = "run" if invoice == payments.DEPLOYMENT_FEE else "billing"
    print(f"Next: fab {again} --tenant {tenant}")
