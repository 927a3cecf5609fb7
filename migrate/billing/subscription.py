"""
A tenant's subscription, from going live on: invoices as they fall due, and the door of whoever has not paid.

Promise: bringing it up to date again changes nothing that is right. A door is suspended with a reason that
users can read, and opened again by the payment; one that somebody put elsewhere by hand is left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime

from migrate import door
from migrate.billing import events
from migrate.billing.dates import Invoice, issued_by
from migrate.billing.delivery import Endpoint, deliver_waiting
from migrate.billing.payments import payment_of
from migrate.case import Case
from migrate.connections import Hosts
from migrate.documents import Voice
from migrate.errors import MigrationError
from migrate.rates import money
from provisioning.door_state import DoorState
from provisioning.engine import Stack
from provisioning.manifest_deployment import Subscription as Terms
from provisioning.model import Model

_BY = "billing"


class Subscription(Model):
    """Evidence ``subscription``: since when it runs."""

    went_live_at: AwareDatetime
    period: str
    price: str


@dataclass(frozen=True)
class Line:
    """One invoice as it stands: ``paid``, ``open`` or ``overdue``."""

    id: str
    invoice: Invoice
    state: str


def terms_of(case: Case) -> Terms:
    """
    Return what the manifest says of the subscription.

    Raises:
        MigrationError: Nothing.
    """
    if case.manifest.subscription is None:
        raise MigrationError(
            f"{case.manifest.tenant} has no subscription: in its manifest",
            next_step=f"write subscription: into stacks/{case.manifest.tenant}.yaml, then fab check",
        )
    return case.manifest.subscription


def start(case: Case, went_live_at: datetime) -> Subscription:
    """Begin the subscription with the moment at which the site went live; again, it changes nothing."""
    terms = terms_of(case)
    if case.journal.last("evidence", "subscription") is None:
        began = Subscription(went_live_at=went_live_at, period=terms.period, price=str(money(terms.price)))
        case.write_evidence("subscription", began)
    began = case.read_evidence("subscription", Subscription)
    data = {"went_live_at": began.went_live_at.isoformat(), "period": began.period, "price": began.price}
    events.keep(case, "bascule.subscription.started", case.manifest.tenant, {**data, **_money(case)})
    return began


def lines(case: Case, now: datetime) -> Iterator[Line]:
    """Yield the invoices that are issued by `now`, oldest first."""
    zone, terms = case.manifest.window.zone, terms_of(case)
    began = case.read_evidence("subscription", Subscription)
    for invoice in issued_by(began.went_live_at, terms.period, zone, now):
        id_ = f"{case.manifest.tenant}-{invoice.number + 1:04}"
        paid = payment_of(case, id_) is not None
        state = "paid" if paid else "overdue" if invoice.is_overdue(now, zone) else "open"
        yield Line(id_, invoice, state)


def bring_up_to_date(case: Case, hosts: Hosts, now: datetime) -> list[Line]:
    """
    Issue what falls due, suspend or open the door, and tell the billing system; return how invoices stand.

    Raises:
        BillingError: The billing system did not take an event; everything else was done.
        SiteError: The door could not be put where it belongs.
    """
    found = list(lines(case, now))
    for line in found:
        _issue(case, line)
    overdue = [line for line in found if line.state == "overdue"]
    if overdue:
        _suspend(case, hosts, overdue[0])
    else:
        _open_again(case, hosts)
    deliver_waiting(case, Endpoint.of(case, terms_of(case)))
    return found


def _money(case: Case) -> dict[str, str]:
    return {"amount": str(money(terms_of(case).price)), "currency": case.manifest.currency}


def _issue(case: Case, line: Line) -> None:
    invoice = line.invoice
    data = {
        "invoice": line.id,
        "covers_from": invoice.covers_from.isoformat(),
        "renews_on": invoice.renews_on.isoformat(),
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        **_money(case),
    }
    if case.journal.last("invoice", line.id) is None:
        case.journal.append("invoice", line.id, **data)
    events.keep(case, "bascule.invoice.issued", line.id, data)
    if line.state == "paid" and (paid := payment_of(case, line.id)):
        data = {"invoice": line.id, "paid_on": paid.data["paid_on"]}
        events.keep(case, "bascule.invoice.paid", line.id, data)


def _suspension(case: Case) -> str:
    """Return the invoice for which the door is suspended; empty when it is for none."""
    last = case.journal.last("suspension", case.manifest.tenant)
    return str(last.data["invoice"]) if last else ""


def reason_for(case: Case, line: Line) -> str:
    """Return what users read at the suspended door, in the tenant's language."""
    voice = Voice.of(case.manifest)
    said = voice.say(
        "billing.suspended",
        invoice=line.id,
        due=voice.day(line.invoice.due_on),
        email=case.manifest.support.email,
    )
    return " ".join(said.split())


def _suspend(case: Case, hosts: Hosts, line: Line) -> None:
    suspended_for = _suspension(case)
    if _is_put_by_hand(case) or (not suspended_for and door.read(hosts.target(), hosts.site()) != "open"):
        return
    if suspended_for != line.id:
        # First the record: a run that dies now must know the suspended door as its own.
        case.journal.append("suspension", case.manifest.tenant, invoice=line.id)
    _put(case, hosts, "suspended", reason_for(case, line))
    data = {"invoice": line.id, "due_on": line.invoice.due_on.isoformat()}
    events.keep(case, "bascule.subscription.suspended", line.id, data)


def _open_again(case: Case, hosts: Hosts) -> None:
    invoice = _suspension(case)
    if not invoice:
        return
    if not _is_put_by_hand(case):
        _put(case, hosts, "open", "")
    events.keep(case, "bascule.subscription.resumed", invoice, {"invoice": invoice})
    case.journal.append("suspension", case.manifest.tenant, invoice="")


def _is_put_by_hand(case: Case) -> bool:
    """Whether somebody put the door elsewhere since it was suspended here."""
    ours, last = case.journal.last("suspension"), case.journal.last("door", case.manifest.stack("prod"))
    if ours is None or not ours.data["invoice"] or last is None:
        return False
    return last.number > ours.number and last.data.get("by") != _BY


def _put(case: Case, hosts: Hosts, state: DoorState, reason: str) -> None:
    """Put the door there on its host, in its program and on record; again, it changes nothing."""
    stack = Stack(case.workspace, case.manifest.stack("prod"))
    last = case.journal.last("door", stack.name)
    if last and (last.data["state"], last.data["reason"], last.data.get("by")) == (state, reason, _BY):
        return
    door.flip(hosts.target(), hosts.site(), state, reason)
    door.declare(stack, state, reason)
    case.journal.append("door", stack.name, state=state, reason=reason, by=_BY)
