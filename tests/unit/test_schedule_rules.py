"""The window rules, word for word, and the agreed schedule."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.assess import Assessment
from migrate.case import Case
from migrate.errors import Refused
from migrate.request import record_request
from migrate.schedule import Schedule, agree, agreed, check, must_wait
from migrate.window_rules import ROLLBACK_RESERVE, broken_rules, local_moment
from provisioning.workspace import Workspace
from tests.support import quoting

ZURICH = ZoneInfo("Europe/Zurich")
NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZURICH)


def broken(opens: str, closes: str, **changes: Any) -> list[str]:
    asked = {"modules": (), "weekend_asked": False, "estimate_high_seconds": 600.0, **changes}
    return [str(one) for one in broken_rules(local(opens), local(closes), ZURICH, **asked)]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(Workspace(tmp_path), quoting.manifest())


def test_late_afternoon_to_next_afternoon_is_sound() -> None:
    """Tuesday 17:00 to Wednesday 14:00 breaks no rule, and neither do the very edges."""
    assert broken("2027-03-09T17:00", "2027-03-10T14:00") == []
    assert broken("2027-03-09T15:30", "2027-03-10T11:00") == []
    assert broken("2027-03-09T19:00", "2027-03-10T18:00") == []


def test_every_broken_rule_is_told_at_once() -> None:
    """Too early, closing at night, three days long, over a weekend: four remedies in one go."""
    assert broken("2027-03-12T15:29", "2027-03-14T18:01") == [
        "opens at 15:29, which is not late afternoon; open between 15:30 and 19:00",
        "closes at 18:01, which is not between the middle and the end of a day;"
        " close between 11:00 and 18:00",
        "closes on 2027-03-14; close on 2027-03-13, the next day",
        "Friday 2027-03-12 to Sunday 2027-03-14 touches a weekend; "
        "take working days, or --weekend when the customer asks for it",
    ]


def test_epdoc_takes_exactly_one_more_day() -> None:
    """With ePDoc the window ends two days later, not one and not three."""
    one = broken("2027-03-08T17:00", "2027-03-09T14:00", modules=("epdoc",))
    assert one == ["closes on 2027-03-09; close on 2027-03-10, one day more, since the tenant has epdoc"]
    assert broken("2027-03-08T17:00", "2027-03-10T14:00", modules=("epdoc",)) == []
    assert broken("2027-03-08T17:00", "2027-03-11T14:00", modules=("epdoc",)) != []
    assert broken("2027-03-08T17:00", "2027-03-10T14:00") == [
        "closes on 2027-03-10; close on 2027-03-09, the next day"
    ]


def test_weekend_only_when_asked() -> None:
    """Friday to Saturday is refused, unless the customer asks for it."""
    assert len(broken("2027-03-12T17:00", "2027-03-13T14:00")) == 1
    assert broken("2027-03-12T17:00", "2027-03-13T14:00", weekend_asked=True) == []


def test_shorter_than_the_estimate_is_refused() -> None:
    """A window must hold the estimate's high end and the time kept for going back."""
    assert broken("2027-03-09T17:00", "2027-03-10T14:00", estimate_high_seconds=21 * 3600.0) == [
        "is 1260 min long, yet the stop may take 1260 and 60 are kept for going back;"
        " close at least 1320 min after opening"
    ]


def test_length_counts_elapsed_time_over_the_clock_change() -> None:
    """In the night to summer time a window is an hour shorter than the clock on the wall says."""
    high = timedelta(hours=19, minutes=30).total_seconds()
    saturday = {"weekend_asked": True, "estimate_high_seconds": high}
    assert broken("2027-03-20T17:00", "2027-03-21T13:30", **saturday) == []
    assert broken("2027-03-27T17:00", "2027-03-28T13:30", **saturday) == [
        "is 1170 min long, yet the stop may take 1170 and 60 are kept for going back;"
        " close at least 1230 min after opening"
    ]
    assert broken("2027-10-30T17:00", "2027-10-31T12:30", **saturday) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2027-03-28T02:30", "2027-03-28T02:30 is skipped in Europe/Zurich: the clock changes in that night"),
        (
            "2027-10-31T02:30",
            "2027-10-31T02:30 comes twice in Europe/Zurich: the clock changes in that night",
        ),
        ("tomorrow", "'tomorrow' is no moment"),
    ],
)
def test_moments_that_are_none_are_refused(text: str, says: str) -> None:
    """A local time that the clock skips or shows twice needs its offset."""
    with pytest.raises(Refused) as told:
        local_moment(text, ZURICH)
    assert told.value.what == says


def test_moment_with_an_offset_is_taken_as_it_is() -> None:
    """The offset decides, whatever the tenant's zone is."""
    assert local_moment("2027-10-31T02:30+01:00", ZURICH).astimezone(UTC).hour == 1


@given(
    day=st.dates(min_value=date(2026, 1, 1), max_value=date(2035, 1, 1)),
    opens=st.times(),
    closes=st.times(),
    days=st.integers(0, 3),
    high=st.floats(0, 90_000),
    modules=st.sampled_from([(), ("epdoc",)]),
    weekend=st.booleans(),
)
def test_what_is_agreed_keeps_every_rule(
    day: Any, opens: Any, closes: Any, days: int, high: float, modules: tuple[str, ...], weekend: bool
) -> None:
    """No broken rule means: late afternoon, right day, no weekend unasked for, long enough."""
    opens_at = datetime.combine(day, opens, ZURICH)
    closes_at = datetime.combine(day + timedelta(days=days), closes, ZURICH)
    found = broken_rules(
        opens_at, closes_at, ZURICH, modules=modules, weekend_asked=weekend, estimate_high_seconds=high
    )
    shown = (opens.hour * 60 + opens.minute, closes.hour * 60 + closes.minute)
    if not found:
        assert 930 <= shown[0] <= 1140
        assert 660 <= shown[1] <= 1080
        assert days == (2 if modules else 1)
        assert weekend or day.weekday() + days < 5
        elapsed = (closes_at.astimezone(UTC) - opens_at.astimezone(UTC)).total_seconds()
        assert elapsed >= high + ROLLBACK_RESERVE.total_seconds()


def agree_on(case: Case, opens: str, closes: str, **more: Any) -> Schedule:
    return agree(case, quoting.assessment(), local(opens), local(closes), now=NOW, **more)


def test_refused_window_is_told_and_nothing_is_kept(case: Case) -> None:
    """The refusal lists the rules and the command to type; no evidence is written."""
    with pytest.raises(Refused) as told:
        agree_on(case, "2027-03-09T14:00", "2027-03-10T14:00")
    assert str(told.value) == (
        "the window of alpenblick breaks 1 rule:\n"
        "  opens at 14:00, which is not late afternoon; open between 15:30 and 19:00\n"
        "Nothing was agreed anew.\n"
        "Next: fab schedule --tenant alpenblick --opens … --closes …"
    )
    assert agreed(case) is None


def test_agreeing_twice_writes_once(case: Case) -> None:
    """The same window agreed again is the one kept; another replaces it."""
    first = agree_on(case, "2027-03-09T17:00", "2027-03-10T14:00")
    again = agree(
        case,
        quoting.assessment(),
        first.opens_at,
        first.closes_at,
        now=NOW + timedelta(days=1),
    )
    assert again == first
    assert sum(record.kind == "evidence" for record in case.journal) == 1
    moved = agree_on(case, "2027-03-10T17:00", "2027-03-11T14:00", site_name="neu.care.example")
    assert agreed(case) == moved
    assert moved.site_name == "neu.care.example"


def test_window_in_the_past_is_refused(case: Case) -> None:
    """A window that has opened already cannot be agreed on."""
    with pytest.raises(Refused, match="has opened already; take a window in the future"):
        agree_on(case, "2026-03-10T17:00", "2026-03-11T14:00")


def test_weekend_in_the_request_counts_as_asked(case: Case) -> None:
    """A customer who wrote so in the request need not say it again."""
    record_request(case, quoting.request(weekend=True))
    assert agree_on(case, "2027-03-12T17:00", "2027-03-13T14:00").on_weekend


def test_schedule_is_held_against_the_present_estimate(case: Case) -> None:
    """What fitted once is refused when the database has grown beyond the window."""
    schedule = agree_on(case, "2027-03-09T17:00", "2027-03-10T14:00")
    estimate = quoting.assessment().estimate
    grown = estimate.model_copy(
        update={"parts": (estimate.parts[0].model_copy(update={"high_seconds": 90_000.0}),)}
    )
    assessment: Assessment = quoting.assessment(estimate=grown)
    with pytest.raises(Refused, match="yet the stop may take 1500 and 60 are kept"):
        check(case, schedule, assessment)


def test_move_begins_only_while_enough_of_the_window_is_left(case: Case) -> None:
    """Before it opens, after it closes, and too late in it: each has its reason."""
    schedule = agree_on(case, "2027-03-09T17:00", "2027-03-10T14:00").model_copy(
        update={"estimate_high_seconds": 1800.0}
    )

    def why(text: str) -> str | None:
        return must_wait(schedule, local(text))

    assert why("2027-03-09T16:59") == "the window opens at Tuesday 2027-03-09 17:00 (Europe/Zurich)"
    assert why("2027-03-09T17:00") is None
    assert why("2027-03-10T12:30") is None
    assert why("2027-03-10T13:00") == (
        "the window closes at Wednesday 2027-03-10 14:00 (Europe/Zurich): 60 min are left,"
        " yet the stop may take 30 and 60 are kept for going back"
    )
    assert why("2027-03-10T14:00") == (
        "the window closed at Wednesday 2027-03-10 14:00 (Europe/Zurich); a new one has to be agreed"
    )
