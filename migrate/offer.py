"""
The offer: positions from the rate card, quantities from what was measured and asked for.

Promise: every amount is a `Decimal` and follows from the lines shown; the same facts on another day
give the same offer, so that a signed one is not changed by repeating the step.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from migrate.assess.facts import Assessment, Fingerprint, Mode
from migrate.case import Case
from migrate.errors import EvidenceError, MigrationError
from migrate.product.demand import demanded
from migrate.rates import CENT, Customised, Demand, PerCustomisation, Position, RateCard, Vendor, Words, money
from migrate.request import Request
from migrate.window_rules import touches_weekend
from provisioning.cost.floor import Floor, floor_of
from provisioning.manifest import Manifest
from provisioning.model import Model


class Line(Model):
    """One position with its quantity; `amount` is without VAT."""

    position: str
    title: Words
    unit: str
    price: Decimal
    quantity: Decimal
    is_hourly: bool

    @property
    def amount(self) -> Decimal:
        return money(self.price * self.quantity)


class Sum(Model):
    """What lines add up to."""

    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    rounding: Decimal
    total: Decimal

    @classmethod
    def of(cls, amounts: Sequence[Decimal], vat_percent: Decimal, step: Decimal = CENT) -> "Sum":
        """Add up `amounts`, add VAT, and round the total to `step`; the rounding is shown, not hidden."""
        net = sum(amounts, Decimal("0.00"))
        vat = money(net * vat_percent / 100)
        total = money(net + vat, step)
        return cls(net=net, vat_percent=vat_percent, vat=vat, rounding=total - net - vat, total=total)


class Offer(Model):
    """Evidence ``offer``; ``offer.pdf`` shows it and is what the customer signs."""

    number: str
    issued_on: date
    valid_until: date
    tenant: str
    vendor: Vendor
    currency: Literal["CHF", "EUR", "NOK"]
    lines: tuple[Line, ...]
    options: tuple[Line, ...]
    """Shown at their price for one unit; not part of the sum."""
    others: tuple[Line, ...]
    """Not shown; their prices hold should the settlement need them."""
    sum: Sum
    round_total_to: Decimal
    stop_low_seconds: float
    stop_high_seconds: float
    data_bytes: int
    fingerprint: Fingerprint
    mode: Mode = "bulk"
    """What the stop rests on: another mode is another offer, since its stop is another."""
    wished_opens_at: AwareDatetime
    wished_closes_at: AwareDatetime
    floor: Floor | None = None
    """What the sites cost at AWS a month at least, for one that is to stand there; no part of the sum."""

    def line(self, position: str) -> Line | None:
        """Return what was offered for a position, with quantity 0 when it was only an option or less."""
        for line in self.lines:
            if line.position == position:
                return line
        for line in (*self.options, *self.others):
            if line.position == position:
                return line.model_copy(update={"quantity": Decimal(0)})
        return None


def make_offer(
    manifest: Manifest,
    assessment: Assessment,
    request: Request,
    rates: RateCard,
    issued_on: date,
    *,
    customisations: tuple[Customised, ...] = (),
    newer_versions: tuple[str, ...] = (),
    floor: Floor | None = None,
) -> Offer:
    """
    Work out an offer; each customisation is a line of its own.

    Raises:
        MigrationError: The rate card is in another currency, or lacks a training that was asked for or
            a price for a customisation.
    """
    _check(manifest, request, rates)
    _require_prices(rates, customisations)
    demand = Demand(
        bytes=assessment.bytes,
        interfaces=len(manifest.interfaces),
        modules=manifest.modules,
        on_weekend=touches_weekend(manifest.window.opens_at, manifest.window.closes_at, manifest.window.zone),
        training_hours=request.training,
        customisations=customisations,
        newer_versions=newer_versions,
    )
    every = [(position, line) for position in rates.positions for line in _lines_of(position, demand)]
    lines = tuple(line for _, line in every if line.quantity)
    options = tuple(
        line.model_copy(update={"quantity": Decimal(1)})
        for position, line in every
        if not line.quantity and position.is_optional
    )
    others = tuple(line for position, line in every if not line.quantity and not position.is_optional)
    return Offer(
        number=f"{manifest.tenant}-{issued_on:%Y%m%d}",
        issued_on=issued_on,
        valid_until=issued_on + timedelta(days=rates.valid_days),
        tenant=manifest.tenant,
        vendor=rates.vendor,
        currency=rates.currency,
        lines=lines,
        options=options,
        others=others,
        sum=Sum.of([line.amount for line in lines], rates.vat_percent, rates.round_total_to),
        round_total_to=rates.round_total_to,
        stop_low_seconds=assessment.estimate.low_seconds,
        stop_high_seconds=assessment.estimate.high_seconds,
        data_bytes=assessment.bytes,
        fingerprint=assessment.fingerprint,
        mode=assessment.mode,
        wished_opens_at=manifest.window.opens_at,
        wished_closes_at=manifest.window.closes_at,
        floor=floor,
    )


def line_of(position: Position, quantity: Decimal) -> Line:
    """Return a position of the rate card as a line."""
    return Line(
        position=position.id,
        title=position.title,
        unit=position.unit,
        price=position.price,
        quantity=quantity,
        is_hourly=position.is_hourly,
    )


def _lines_of(position: Position, demand: Demand) -> list[Line]:
    rule = position.quantity
    if not isinstance(rule, PerCustomisation):
        return [line_of(position, position.quantity_for(demand))]
    mine = [one for one in demand.customisations if rule.takes(one)]
    return [
        line_of(position, Decimal(1)).model_copy(
            update={"position": f"{position.id}-{number}", "title": _named(position.title, one)}
        )
        for number, one in enumerate(mine, 1)
    ]


def _named(title: Words, one: Customised) -> Words:
    """The position's title with the customisation's name, cut where a line has no more room."""
    said = {code: f"{text} : {one.name}" for code, text in title.model_dump().items()}
    return Words.model_validate({code: s if len(s) <= 100 else s[:99] + "…" for code, s in said.items()})


def _require_prices(rates: RateCard, customisations: Sequence[Customised]) -> None:
    rules = [p.quantity for p in rates.positions if isinstance(p.quantity, PerCustomisation)]
    without = [
        f"{c.kind} {c.name}, {c.lines} lines" for c in customisations if not any(r.takes(c) for r in rules)
    ]
    if without:
        raise MigrationError(
            "the rate card has no price for " + "; ".join(without),
            state="No offer was written.",
            next_step="add a position with rule: per_customisation to stacks/rates.yaml",
        )


def _check(manifest: Manifest, request: Request, rates: RateCard) -> None:
    if rates.currency != manifest.currency:
        raise MigrationError(
            f"the rate card is in {rates.currency}, {manifest.tenant} pays in {manifest.currency}",
            state="No offer was written.",
            next_step="set currency in stacks/rates.yaml or in the manifest",
        )
    offered = {position.id for position in rates.positions if position.is_optional}
    if unknown := sorted(set(request.training) - offered):
        raise MigrationError(
            f"the request asks for {', '.join(unknown)}, which the rate card does not offer",
            state="No offer was written.",
            next_step=f"take one of {', '.join(sorted(offered)) or 'none'}, or add it to stacks/rates.yaml",
        )


def write_offer(case: Case, assessment: Assessment, request: Request, rates: RateCard) -> Offer:
    """
    Keep the offer as evidence, unless the one before still says the same.

    Measured a second time, the estimate differs a little; while schema and volume are the same, that
    is no other offer, and a signature under it stays good. Nor is it one when AWS's prices or the number of
    those who share a platform have changed; another size of a site is.

    Raises:
        MigrationError: As `make_offer`.
        BasculeError: What a site on AWS costs at least cannot be told, as `floor_of` says.
    """
    before, (customisations, newer) = last_offer(case), demanded(case)
    is_on_aws = case.manifest.substrate == "aws"
    floor = floor_of(case.workspace, case.manifest.tenant) if is_on_aws else None

    def made(issued_on: date) -> Offer:
        return make_offer(
            case.manifest,
            assessment,
            request,
            rates,
            issued_on,
            customisations=customisations,
            newer_versions=newer,
            floor=floor,
        )

    if before is not None and before.fingerprint.still_holds_for(assessment.fingerprint):
        again = made(before.issued_on)
        measured = ["stop_low_seconds", "stop_high_seconds", "data_bytes", "fingerprint"]
        if floor and before.floor and floor.is_of_the_same(before.floor):
            measured.append("floor")
        if again.model_copy(update={name: getattr(before, name) for name in measured}) == before:
            return before
    today = datetime.now(UTC).astimezone(case.manifest.window.zone).date()
    offer = made(today)
    case.write_evidence("offer", offer)
    return offer


def last_offer(case: Case) -> Offer | None:
    """Return the offer as it stands, or None when there is none (or it was tampered with)."""
    try:
        return case.read_evidence("offer", Offer)
    except EvidenceError:
        return None
