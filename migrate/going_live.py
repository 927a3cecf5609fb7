"""
Going live of a tenant who begins afresh: from here on the subscription runs.

Promise: repeating it issues no invoice twice.
"""

from datetime import UTC, datetime

from migrate import door
from migrate.billing import subscription
from migrate.billing.subscription import Line
from migrate.case import Case
from migrate.connections import Hosts


def start_subscription(case: Case, hosts: Hosts) -> list[Line]:
    """
    Start the subscription and tell the billing system; return the invoices that are issued.

    Raises:
        BillingError: The billing system did not take it; the site is open, and the events wait.
    """
    subscription.start(case, door.went_live_at(case))
    return subscription.bring_up_to_date(case, hosts, datetime.now(UTC))
