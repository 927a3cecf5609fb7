"""
The time frame of an offer: what each activity costs and how long it takes, and what the site costs
afterwards.

Promise: amounts are those of the offer's own lines, so both add up to one price; the range of the whole is
that of the longest chain of activities, since others go on beside it.
"""

from decimal import Decimal

from migrate.offer import Line, Offer, line_of
from migrate.planning.activities import Activities, spans
from migrate.rates import Demand, RateCard, Words
from provisioning.manifest import Manifest
from provisioning.model import Model

DAYS_A_WEEK = 5


class Costed(Model):
    """One activity. Days are working days; `cost` is without VAT."""

    id: str
    title: Words
    low_days: int
    high_days: int
    cost: Decimal


class Frame(Model):
    """Evidence ``frame``."""

    activities: tuple[Costed, ...]
    beside: Decimal
    """What the offer holds that belongs to no activity, without VAT."""
    low_days: int
    high_days: int
    running: tuple[Line, ...]
    """For one month, once the site is open, without VAT."""

    @property
    def low_weeks(self) -> int:
        return -(-self.low_days // DAYS_A_WEEK)

    @property
    def high_weeks(self) -> int:
        return -(-self.high_days // DAYS_A_WEEK)

    @property
    def running_net(self) -> Decimal:
        return sum((line.amount for line in self.running), Decimal("0.00"))


def make_frame(manifest: Manifest, offer: Offer, activities: Activities, rates: RateCard) -> Frame:
    """Work the time frame of an offer out."""
    every, when = activities.activities, spans(activities.activities)
    amount = {line.position: line.amount for line in offer.lines}
    claimed = {name for one in every for name in one.positions}
    demand = Demand(bytes=offer.data_bytes, interfaces=len(manifest.interfaces), modules=manifest.modules)
    running = [line_of(position, position.quantity_for(demand)) for position in rates.licence.positions]
    return Frame(
        activities=tuple(
            Costed(
                id=one.id,
                title=one.title,
                low_days=one.days[0],
                high_days=one.days[1],
                cost=sum((amount.get(name, Decimal(0)) for name in one.positions), Decimal("0.00")),
            )
            for one in every
        ),
        beside=sum((a for name, a in amount.items() if name not in claimed), Decimal("0.00")),
        low_days=max(early[1] for early, _ in when.values()),
        high_days=max(late[1] for _, late in when.values()),
        running=tuple(line for line in running if line.quantity),
    )
