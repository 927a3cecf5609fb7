"""The settlement: hours and extras recorded against the offer."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.case import Case
from migrate.errors import Refused, Waiting
from migrate.offer import Offer, make_offer
from migrate.settlement import Performed, Settlement, performed, record, settle, write_settlement
from provisioning.workspace import Workspace
from tests.support import quoting

DAY = date(2027, 3, 12)


def offered() -> Offer:
    return make_offer(
        quoting.manifest(), quoting.assessment(), quoting.request(), quoting.rates(), date(2026, 11, 3)
    )


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(Workspace(tmp_path), quoting.manifest())


def test_unrecorded_hours_are_asked_for(case: Case) -> None:
    """A position offered by the hour is not settled by a guess: somebody records hours, or none."""
    with pytest.raises(Waiting) as told:
        write_settlement(case, offered())
    assert told.value.what == "no hours are recorded for conversion of offer alpenblick-20261103"
    assert told.value.next_step == "fab hours --tenant alpenblick --position conversion --hours …"
    record(case, offered(), "conversion", "0", "", hourly=True)
    assert write_settlement(case, offered()).difference < 0


def test_hours_and_extras_make_the_difference(case: Case) -> None:
    """An hour and a half more, two hours of training and a weekend, at the prices of the offer."""
    offer = offered()
    record(case, offer, "conversion", "6", "evening", hourly=True)
    record(case, offer, "conversion", "1.5", "morning", hourly=True)
    record(case, offer, "training-online", "2", "", hourly=True)
    record(case, offer, "weekend", "1", "as asked", hourly=False)
    settled = write_settlement(case, offer)
    lines = {line.position: line for line in settled.lines}
    assert {name: str(line.difference) for name, line in lines.items() if line.difference} == {
        "conversion": "247.50",
        "training-online": "300.00",
        "weekend": "800.00",
    }
    assert lines["conversion"].notes == ("evening", "morning")
    assert settled.actual.net - settled.offered.net == Decimal("1347.50")
    assert write_settlement(case, offer) == settled
    assert case.read_evidence("settlement", Settlement) == settled


@pytest.mark.parametrize(
    ("position", "quantity", "hourly", "says"),
    [
        ("move", "1", True, "move is no hourly position of offer alpenblick-20261103"),
        ("conversion", "1", False, "conversion is no position settled by units of offer alpenblick-20261103"),
        ("conversion", "many", True, "'many' is no number with at most two decimals"),
        ("conversion", "0.333", True, "'0.333' is no number with at most two decimals"),
        ("conversion", "NaN", True, "'NaN' is no number with at most two decimals"),
        ("conversion", "-1", True, "conversion would come to -1, less than nothing"),
        ("move", "-2", False, "move would come to -2, less than nothing"),
    ],
)
def test_senseless_records_are_refused(
    case: Case, position: str, quantity: str, hourly: bool, says: str
) -> None:
    """Another unit, no number, or less than nothing: refused, and nothing is journalled."""
    with pytest.raises(Refused) as told:
        record(case, offered(), position, quantity, "", hourly=hourly)
    assert told.value.what == says
    assert performed(case) == []


def test_negative_record_corrects(case: Case) -> None:
    """What was recorded too much is taken back by a record of its own; the journal keeps both."""
    for hours in ("8", "-2"):
        record(case, offered(), "conversion", hours, "", hourly=True)
    settled = write_settlement(case, offered())
    assert settled.difference == 0
    assert len(performed(case)) == 2


@given(hours=st.lists(st.decimals(0, 500, places=2), min_size=1, max_size=10))
def test_settled_amounts_are_exact(hours: list[Decimal]) -> None:
    """Differences of the lines add up to the difference of the nets, whatever was recorded."""
    work = [Performed(position="conversion", quantity=h, note="", on=DAY) for h in hours]
    settled = settle(offered(), work, DAY)
    together = sum((line.difference for line in settled.lines), Decimal(0))
    assert together == settled.actual.net - settled.offered.net
    assert settled.actual.total % Decimal("0.05") == 0
