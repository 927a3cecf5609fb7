"""
The final settlement: what was offered against what was done.

Promise: prices are those of the signed offer; only hours and extras that somebody recorded differ from
it, each with its note. Nothing is left out for want of a record: hours nobody recorded are asked for.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from migrate.case import Case
from migrate.errors import EvidenceError, Refused, Waiting
from migrate.offer import Line, Offer, Sum
from migrate.rates import Words, money
from provisioning.model import Model

RECORD = "performed"
"""The journal's kind of record: about a position, with ``quantity`` (a decimal as text) and ``note``."""


class Performed(Model):
    """One record of work: hours of an hourly position, units of any other. Negative ones correct."""

    position: str
    quantity: Decimal
    note: str
    on: date


class SettledLine(Model):
    position: str
    title: Words
    unit: str
    price: Decimal
    offered: Decimal
    """Quantity in the offer."""
    actual: Decimal
    notes: tuple[str, ...]

    @property
    def offered_amount(self) -> Decimal:
        return money(self.price * self.offered)

    @property
    def amount(self) -> Decimal:
        return money(self.price * self.actual)

    @property
    def difference(self) -> Decimal:
        return self.amount - self.offered_amount


class Settlement(Model):
    """Evidence ``settlement``; ``settlement.pdf`` shows it."""

    number: str
    issued_on: date
    offer_number: str
    currency: Literal["CHF", "EUR", "NOK"]
    lines: tuple[SettledLine, ...]
    offered: Sum
    actual: Sum

    @property
    def difference(self) -> Decimal:
        """Of the totals, with VAT."""
        return self.actual.total - self.offered.total


def record(case: Case, offer: Offer, position: str, quantity: str, note: str, *, hourly: bool) -> Performed:
    """
    Journal work that was done.

    Args:
        quantity: Hours or units with at most two decimals; negative to correct an earlier record.
        hourly: Whether the caller meant hours, as opposed to units.

    Raises:
        Refused: The offer has no such position, its unit is another, the quantity is no such number,
            or all records together would be less than nothing.
    """
    line = offer.line(position)
    known = sorted(each.position for each in (*offer.lines, *offer.options, *offer.others))
    if line is None or line.is_hourly != hourly:
        kind = "hourly position" if hourly else "position settled by units"
        fitting = [name for name in known if (found := offer.line(name)) and found.is_hourly == hourly]
        raise Refused(
            f"{position} is no {kind} of offer {offer.number}",
            state="Nothing was recorded.",
            next_step=f"take one of {', '.join(fitting) or 'none'}",
        )
    try:
        number = Decimal(quantity)
        sound = number == number.quantize(Decimal("0.01")) and abs(number) <= 10_000
    except InvalidOperation:
        sound = False
    if not sound:
        raise Refused(f"{quantity!r} is no number with at most two decimals", state="Nothing was recorded.")
    together = sum((each.quantity for each in performed(case) if each.position == position), number)
    if line.quantity * (not hourly) + together < 0:
        raise Refused(
            f"{position} would come to {together}, less than nothing", state="Nothing was recorded."
        )
    kept = case.journal.append(RECORD, position, quantity=str(number), note=note.strip())
    return Performed(position=position, quantity=number, note=note.strip(), on=kept.at.date())


def performed(case: Case) -> list[Performed]:
    """Return all recorded work, in order."""
    return [
        Performed(
            position=each.about,
            quantity=Decimal(each.data["quantity"]),
            note=each.data["note"],
            on=each.at.date(),
        )
        for each in case.journal
        if each.kind == RECORD
    ]


def settle(offer: Offer, work: Sequence[Performed], issued_on: date) -> Settlement:
    """
    Hold what was done against what was offered.

    Raises:
        Waiting: No hours were recorded for a position that was offered by the hour; 0 would be a record.
    """
    recorded = {each.position for each in work}
    if missing := [x.position for x in offer.lines if x.is_hourly and x.position not in recorded]:
        raise Waiting(
            f"no hours are recorded for {', '.join(missing)} of offer {offer.number}",
            next_step=f"fab hours --tenant {offer.tenant} --position {missing[0]} --hours …",
        )
    lines = []
    for line in (*offer.lines, *offer.options, *offer.others):
        offered = offer.line(line.position) or line
        mine = [each for each in work if each.position == line.position]
        if offered.quantity or mine:
            lines.append(_settled(offered, mine))
    vat, step = offer.sum.vat_percent, offer.round_total_to
    return Settlement(
        number=f"{offer.tenant}-{issued_on:%Y%m%d}-s",
        issued_on=issued_on,
        offer_number=offer.number,
        currency=offer.currency,
        lines=tuple(lines),
        offered=offer.sum,
        actual=Sum.of([line.amount for line in lines], vat, step),
    )


def _settled(offered: Line, mine: Sequence[Performed]) -> SettledLine:
    done = sum((each.quantity for each in mine), Decimal(0))
    return SettledLine(
        position=offered.position,
        title=offered.title,
        unit=offered.unit,
        price=offered.price,
        offered=offered.quantity,
        # By the hour, what was recorded; otherwise what was offered, and extras beside it.
        actual=done if offered.is_hourly else offered.quantity + done,
        notes=tuple(each.note for each in mine if each.note),
    )


def write_settlement(case: Case, offer: Offer) -> Settlement:
    """Keep the settlement as evidence; one that says the same keeps the day on which it was issued."""
    work = performed(case)
    try:
        before = case.read_evidence("settlement", Settlement)
        if settle(offer, work, before.issued_on) == before:
            return before
    except EvidenceError:
        pass  # the first one
    settlement = settle(offer, work, datetime.now(UTC).astimezone(case.manifest.window.zone).date())
    case.write_evidence("settlement", settlement)
    return settlement
