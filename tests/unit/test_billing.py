"""A subscription: events that reach the billing system once, and a door that follows the payments."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from migrate import door
from migrate.billing import events, payments, subscription
from migrate.billing.delivery import PAUSES_SECONDS, Endpoint, deliver_waiting
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import BillingError, MigrationError, Refused
from tests.support.billing_system import SECRET, BillingSystem, billing_system
from tests.support.fieldpro import a_case, manifest

WENT_LIVE_AT = datetime(2027, 1, 31, 23, 30, tzinfo=UTC)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[BillingSystem]:
    with billing_system(tmp_path) as running:
        yield running


@pytest.fixture
def case(tmp_path: Path, system: BillingSystem) -> Case:
    return a_case(tmp_path, system)


def deliver(case: Case, paused: list[float] | None = None) -> int:
    endpoint = Endpoint.of(case, subscription.terms_of(case))
    return deliver_waiting(case, endpoint, pause=(paused if paused is not None else []).append)


def test_event_is_signed_and_read_by_the_official_libraries(case: Case, system: BillingSystem) -> None:
    """What arrives is a CloudEvent with a Standard Webhooks signature, checked by others' code than ours."""
    subscription.start(case, WENT_LIVE_AT)
    assert deliver(case) == 1
    assert system.refused == []
    (event,) = system.events.values()
    assert event.get_type() == "bascule.subscription.started"
    assert event.get_source() == "urn:bascule:tenant:rivage"
    assert event.get_data()["amount"] == "240.00"
    assert event.get_time().tzinfo is not None


def test_event_is_delivered_once_by_its_id(case: Case, system: BillingSystem) -> None:
    """An answer that was lost has the same id sent again; delivered, it is never sent again."""
    system.answers = [500, 0, 429]
    paused: list[float] = []
    for _ in range(2):
        subscription.start(case, WENT_LIVE_AT)
        deliver(case, paused)
    assert len(system.posts) == 4
    assert len(set(system.posts)) == 1
    assert len(system.events) == 1
    assert paused == list(PAUSES_SECONDS)


def test_killed_between_delivery_and_record(case: Case, system: BillingSystem) -> None:
    """A run that died before it could write down the delivery sends the same id: nothing counts twice."""
    subscription.start(case, WENT_LIVE_AT)
    before = case.journal.path.read_bytes()
    deliver(case)
    case.journal.path.write_bytes(before)
    deliver(case)
    assert (len(system.posts), len(system.events)) == (2, 1)


def test_event_that_is_not_taken_waits(case: Case, system: BillingSystem) -> None:
    """A billing system that is down, or refuses, is told; events wait, in order, for the next time."""
    subscription.start(case, WENT_LIVE_AT)
    events.keep(case, "bascule.invoice.issued", "rivage-0001", {"invoice": "rivage-0001"})
    system.answers = [503] * 4
    with pytest.raises(BillingError, match=r"did not take bascule.subscription.started \(rivage\)") as told:
        deliver(case)
    assert "2 event(s) wait" in str(told.value)
    system.answers = [401]
    with pytest.raises(BillingError, match="it answered 401"):
        deliver(case)
    assert len(system.posts) == 5  # what a repeat cannot mend is not repeated
    assert deliver(case) == 2
    assert system.types() == ["bascule.subscription.started", "bascule.invoice.issued"]


def test_wrong_certificate_is_refused(case: Case, tmp_path: Path, system: BillingSystem) -> None:
    """An endpoint that the pinned authority did not sign for gets no event."""
    other = tmp_path / "other"
    other.mkdir()
    with billing_system(other) as stranger:
        endpoint = Endpoint.of(case, subscription.terms_of(case))
        subscription.start(case, WENT_LIVE_AT)
        with pytest.raises(BillingError, match="certificate verify failed"):
            deliver_waiting(case, Endpoint(stranger.url, endpoint.ca, endpoint.key), pause=lambda _: None)
        assert stranger.posts == []


def test_secret_stays_secret(case: Case, tmp_path: Path) -> None:
    """The key stands in no record and no text; one that others may read, or that is none, is refused."""
    subscription.start(case, WENT_LIVE_AT)
    deliver(case)
    assert SECRET.removeprefix("whsec_") not in case.journal.path.read_text()
    assert SECRET not in repr(Endpoint.of(case, subscription.terms_of(case)))
    (tmp_path / "billing.secret").chmod(0o644)
    with pytest.raises(MigrationError, match="others may read"):
        deliver(case)
    (tmp_path / "billing.secret").chmod(0o600)
    (tmp_path / "billing.secret").write_text("whsec_short\n")
    with pytest.raises(BillingError, match="holds no key"):
        deliver(case)


def test_payment_needs_its_invoice(case: Case) -> None:
    """A payment of an invoice that was never issued is refused; the deployment fee can be paid at once."""
    with pytest.raises(Refused, match="rivage has no invoice rivage-0001; known: deployment"):
        payments.record(case, "rivage-0001", date(2027, 2, 1), "vera@fieldvendor.example")
    first = payments.record(case, "deployment", date(2027, 1, 4), "vera@fieldvendor.example")
    assert payments.record(case, "deployment", date(2027, 1, 4), "vera@fieldvendor.example") == first


class Doors:
    """A site's door as the host would have it; remembers each flip and each declaration."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state, self.reason, self.flips, self.declared = "open", "", 0, ("open", "")
        monkeypatch.setattr(door, "read", lambda connection, site: self.state)
        monkeypatch.setattr(door, "flip", self.flip)
        monkeypatch.setattr(door, "declare", self.declare)
        self.hosts = cast(Hosts, SimpleNamespace(site=lambda: None, target=lambda: None))

    def flip(self, connection: Any, site: Any, state: str, reason: str = "") -> None:
        self.state, self.reason, self.flips = state, reason, self.flips + 1

    def declare(self, stack: Any, state: str, reason: str = "") -> None:
        self.declared = (state, reason)


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Doors:
    return Doors(monkeypatch)


def states(case: Case, doors: Doors, now: datetime) -> list[tuple[str, str]]:
    found = subscription.bring_up_to_date(case, doors.hosts, now)
    return [(line.id, line.state) for line in found]


def test_unpaid_invoice_suspends_and_payment_opens(case: Case, doors: Doors, system: BillingSystem) -> None:
    """Past its due day the door shows a readable reason; paid, it opens; each step told once."""
    subscription.start(case, WENT_LIVE_AT)
    assert states(case, doors, WENT_LIVE_AT + timedelta(days=12)) == [("rivage-0001", "open")]
    assert doors.flips == 0
    overdue_at = WENT_LIVE_AT + timedelta(days=31)
    for _ in range(2):
        assert states(case, doors, overdue_at)[0] == ("rivage-0001", "overdue")
    assert (doors.state, doors.flips, doors.declared[0]) == ("suspended", 1, "suspended")
    assert doors.reason == (
        "Accès suspendu : la facture rivage-0001, échue le 2 mars 2027, n'est pas payée. Vos données sont"
        " conservées. Contact : support@fieldvendor.example"
    )
    assert door.state_called("suspended", doors.reason) == "suspended"
    payments.record(case, "rivage-0002", date(2027, 3, 3), "vera@fieldvendor.example")
    payments.record(case, "rivage-0001", date(2027, 3, 3), "vera@fieldvendor.example")
    for _ in range(2):
        assert states(case, doors, overdue_at) == [("rivage-0001", "paid"), ("rivage-0002", "paid")]
    assert (doors.state, doors.flips, doors.declared) == ("open", 2, ("open", ""))
    assert sorted(system.types()) == sorted(
        ["bascule.invoice.issued", "bascule.invoice.paid"] * 2
        + [f"bascule.subscription.{what}" for what in ("started", "suspended", "resumed")]
    )
    assert len(system.posts) == len(set(system.posts))


def test_door_that_is_closed_by_hand_is_left_alone(case: Case, doors: Doors) -> None:
    """A door that somebody closed is neither suspended nor opened by the billing."""
    subscription.start(case, WENT_LIVE_AT)
    doors.state = "closed"
    assert states(case, doors, WENT_LIVE_AT + timedelta(days=31))[0][1] == "overdue"
    assert doors.flips == 0
    doors.state = "open"
    states(case, doors, WENT_LIVE_AT + timedelta(days=31))
    assert doors.state == "suspended"
    doors.state = "closed"
    case.journal.append("door", "rivage-prod", state="closed", reason="")
    for invoice in ("rivage-0001", "rivage-0002"):
        payments.record(case, invoice, date(2027, 3, 3), "vera@fieldvendor.example")
    states(case, doors, WENT_LIVE_AT + timedelta(days=31))
    assert (doors.state, doors.flips) == ("closed", 1)


def test_only_https_endpoints_are_taken() -> None:
    """A manifest whose billing endpoint is not encrypted is refused."""
    with pytest.raises(ValueError, match="endpoint must begin with https://"):
        manifest(subscription={"endpoint": "http://billing.example/"})
