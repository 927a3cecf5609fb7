"""A site in operation: exit criteria of its hypercare, its annual wheel, and notice before an upgrade."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from migrate import hypercare, wheel
from migrate.case import Case
from migrate.errors import Refused, Waiting
from migrate.hypercare import Day, Followed
from migrate.outbox import Outbox
from provisioning.manifest_operations import Hypercare
from provisioning.workspace import Workspace
from tests.support import quoting
from tests.support.calendars import events as read_events

OPENED = date(2027, 3, 9)
WANTED = Hypercare(days=21, open_incidents_at_most=0, errors_per_thousand_at_most=5)


class Server:
    """A mail server that takes everything."""

    def prepare(self, sender: str, recipients: list[str]) -> None: ...

    def hand_over(self, content: bytes) -> None: ...


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(Workspace(tmp_path), quoting.manifest(language="nb", operations={}))


def followed(**changes: object) -> Followed:
    day = {
        "day": OPENED + timedelta(days=21),
        "open_incidents": (),
        "requests": 1000,
        "errors": 5,
        "verified": True,
        "verification": "44 passed",
    }
    return Followed(opened_on=OPENED, days=(Day.model_validate({**day, **changes}),))


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        ({}, []),
        ({"day": OPENED + timedelta(days=20)}, ["it lasts until 2027-03-30"]),
        ({"open_incidents": ("i-1: x",)}, ["1 incidents are open: i-1: x"]),
        ({"errors": 6}, ["6 of 1000 requests failed on 2027-03-30"]),
        ({"errors": 1, "requests": 100}, ["1 of 100 requests failed on 2027-03-30"]),
        (
            {"verified": False, "verification": "1 failed"},
            ["the go-live suite does not pass any more: 1 failed"],
        ),
    ],
)
def test_each_exit_criterion_counts(changes: dict[str, object], lacks: list[str]) -> None:
    """Each of length, incidents, errors and verification keeps a hypercare going by itself."""
    assert hypercare.lacks(followed(**changes), WANTED) == lacks


def test_incidents_stand_in_the_journal(case: Case) -> None:
    """What was reported stays told once it is closed, and is closed once."""
    ident = hypercare.report(case, "Utskrift virker ikke")
    hypercare.close(case, ident, "Skriver satt opp")
    assert [(one.says, one.is_open) for one in hypercare.incidents(case)] == [("Utskrift virker ikke", False)]
    with pytest.raises(Refused, match="no open incident"):
        hypercare.close(case, ident, "again")


def test_the_wheel_turns_each_year(case: Case) -> None:
    """A status meeting a year, one with the customer centre a quarter, upgrades: each within a year."""
    content = wheel.write(case, OPENED)
    assert content == wheel.write(case, OPENED)
    events = read_events(content)
    summaries = [str(event["SUMMARY"]) for event in events]
    assert summaries.count("Årlig statusmøte") == 1
    assert summaries.count("Statusmøte med kundesenteret") == 4
    assert summaries.count("Oppgradering") == 3
    days = [event["DTSTART"].dt for event in events]
    assert all(OPENED < day <= OPENED + timedelta(days=366) and day.weekday() < 5 for day in days)


def test_an_upgrade_waits_for_its_notice_and_its_day(case: Case) -> None:
    """Announced too late it is refused; without a notice that was sent, or before its day, it waits."""
    today = date(2027, 5, 1)
    with pytest.raises(Waiting, match="was not announced yet"):
        wheel.require_announced(case, "9.1", today)
    with pytest.raises(Refused, match="sooner than 21 days"):
        wheel.announce(case, "9.1", date(2027, 5, 20), today)
    ident = wheel.announce(case, "9.1", date(2027, 5, 22), today)
    assert wheel.announce(case, "9.1", date(2027, 5, 22), today) == ident
    with pytest.raises(Waiting, match="was not sent yet"):
        wheel.require_announced(case, "9.1", date(2027, 5, 22))
    assert Outbox(case).send(Server(), "post@vendor.example") == [ident]
    with pytest.raises(Waiting, match="was announced for 2027-05-22"):
        wheel.require_announced(case, "9.1", date(2027, 5, 21))
    assert wheel.require_announced(case, "9.1", date(2027, 5, 22))["for"] == "2027-05-22"


@pytest.mark.parametrize(
    ("language", "subject", "text"),
    [
        ("fr", "Mise à niveau le 22 mai 2027", "en dehors de vos heures d'ouverture"),
        ("de", "Upgrade am 22. Mai 2027", "ausserhalb Ihrer Betriebszeiten"),
        ("nb", "Oppgradering 22. mai 2027", "utenfor driftstiden deres"),
        ("en", "Upgrade on 22 May 2027", "outside your operating hours"),
    ],
)
def test_a_message_is_in_the_tenants_language(tmp_path: Path, language: str, subject: str, text: str) -> None:
    """What it says, its dates, and what it tells a reader of its language."""
    case = Case(Workspace(tmp_path), quoting.manifest(language=language, operations={}))
    ident = wheel.announce(case, "9.1", date(2027, 5, 22), date(2027, 5, 1))
    message = Outbox(case).read(ident)
    assert (message["Subject"], message["Content-Language"]) == (subject, language)
    assert text in message.get_content()
