"""Operating hours: nothing is switched under people's hands, whatever the clock on their wall does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from migrate.case import Case
from migrate.errors import Waiting
from migrate.hours import next_opening, require_outside
from provisioning.manifest_operations import Hours
from provisioning.workspace import Workspace
from tests.support import quoting

HOURS = {"hours": {"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "08:00", "closes": "16:00"}}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(Workspace(tmp_path), quoting.manifest(operations=HOURS))


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2027-03-09T10:00+01:00", "2027-03-09T10:00+01:00"),  # at work
        ("2027-03-09T16:00+01:00", "2027-03-10T08:00+01:00"),
        ("2027-03-12T16:30+01:00", "2027-03-15T08:00+01:00"),  # over the weekend
        ("2027-03-27T12:00+01:00", "2027-03-29T08:00+02:00"),  # the clock goes forward meanwhile
    ],
)
def test_people_begin_by_their_own_clock(case: Case, moment: str, opens: str) -> None:
    """The next opening is on the wall clock, also over the night on which that changes."""
    found = next_opening(case.manifest, datetime.fromisoformat(moment))
    assert found == datetime.fromisoformat(opens)


def test_hours_without_quotes_are_refused() -> None:
    """YAML reads 16:00 as a number of minutes, which would be a quarter past midnight."""
    with pytest.raises(ValidationError, match='write it in quotes, such as "16:00"'):
        Hours.model_validate(yaml.safe_load("{opens: 08:00, closes: 16:00}"))


@pytest.mark.parametrize(
    ("moment", "says"),
    [
        ("2027-03-09T10:00+01:00", "people are at work"),
        ("2027-03-09T07:30+01:00", "people begin at Tuesday 08:00"),
    ],
)
def test_what_would_reach_into_work_is_waited_for(case: Case, moment: str, says: str) -> None:
    """Within the hours, and too short before them, nothing begins; behind them it does."""
    now = datetime.fromisoformat(moment).astimezone(UTC)
    with pytest.raises(Waiting, match=says):
        require_outside(case, timedelta(minutes=61), now, again="fab run")
    later = datetime.fromisoformat("2027-03-09T16:00+01:00")
    found = require_outside(case, timedelta(minutes=61), later, again="fab run")
    assert found == {"outside_until": "2027-03-10T08:00+01:00"}
