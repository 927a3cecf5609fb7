"""A project's time frame and plan: sums that add up, days that rest at weekends, dependencies that hold."""

import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from migrate.case import Case
from migrate.documents import Voice, render
from migrate.offer import Offer, make_offer
from migrate.planning import gantt
from migrate.planning.activities import Activities, spans
from migrate.planning.frame import make_frame
from migrate.planning.plan import calendar_of, make_plan
from migrate.rates import LANGUAGES, Language, RateCard
from provisioning.manifest import Manifest
from provisioning.workspace import Workspace
from tests.support import quoting
from tests.support.calendars import events as read_events

STACKS = Path(__file__).parents[2] / "examples" / "fjordvik" / "stacks"
ACTIVITIES = Activities.model_validate(yaml.safe_load((STACKS / "activities.yaml").read_text()))
RATES = RateCard.model_validate(yaml.safe_load((STACKS / "rates.yaml").read_text()))
SIGNED_AT = datetime(2026, 11, 26, 10, tzinfo=UTC)  # a Thursday


def asked(program: str, pdf: bytes, *words: str) -> str:
    done = subprocess.run([program, *words, "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode()


def manifest(language: Language = "nb") -> Manifest:
    return quoting.manifest(language=language, currency="NOK")


def offer() -> Offer:
    return make_offer(
        manifest(), quoting.assessment(), quoting.request(training={}), RATES, date(2026, 11, 3)
    )


def test_activities_add_up_to_the_offer() -> None:
    """Costs by activity and what belongs to none are the offer's net sum; the longest chain is the frame."""
    frame = make_frame(manifest(), offer(), ACTIVITIES, RATES)
    assert sum((one.cost for one in frame.activities), frame.beside) == offer().sum.net
    # queue, kick-off, access, test environment, testing, going live, hypercare; training goes on beside.
    assert (frame.low_days, frame.high_days) == (1 + 1 + 1 + 3 + 5 + 1 + 15, 15 + 2 + 10 + 5 + 15 + 1 + 20)
    assert (frame.low_weeks, frame.high_weeks) == (6, 14)
    assert frame.running_net == Decimal("7900.00")


def test_activities_go_on_beside_each_other() -> None:
    """Training begins with access, and going live waits for both training and testing."""
    when = spans(ACTIVITIES.activities)
    assert when["training"][0][0] == when["it"][0][0]
    assert when["golive"][0][0] == max(when["training"][0][1], when["testing"][0][1])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"after": ["testing"]}, "which has to stand before it"),
        ({"days": [3, 2]}, "the smaller first"),
        ({"positions": ["switch"]}, "would be counted twice"),
    ],
)
def test_activities_that_cannot_be_planned_are_refused(change: dict[str, object], says: str) -> None:
    """A circle, days that run backwards, a cost that is counted twice: each is told."""
    content = yaml.safe_load((STACKS / "activities.yaml").read_text())
    content["activities"][0] |= change
    with pytest.raises(ValidationError, match=says):
        Activities.model_validate(content)


def test_a_plan_begins_behind_its_contract_and_rests_at_weekends() -> None:
    """Signed on a Thursday, it begins on Friday; nothing lies on a weekend; what waits comes later."""
    plan = make_plan(ACTIVITIES, SIGNED_AT.date())
    assert plan.begins_on == date(2026, 11, 27)
    by_id = {one.id: one for one in plan.activities}
    for one in plan.activities:
        assert max(day.weekday() for day in (one.begins_on, one.ends_on, one.at_latest_on)) < 5
        assert all(by_id[name].ends_on < one.begins_on for name in one.after)
        assert one.begins_on <= one.ends_on <= one.at_latest_on


def test_a_plan_is_a_calendar(tmp_path: Path) -> None:
    """Whole days, each with what it waits for; the same plan gives the same bytes."""
    case, plan = Case(Workspace(tmp_path), manifest()), make_plan(ACTIVITIES, SIGNED_AT.date())
    content = calendar_of(case, plan, SIGNED_AT)
    assert content == calendar_of(case, plan, SIGNED_AT)
    events = {str(event["UID"]): event for event in read_events(content)}
    golive = events["golive-alpenblick@alpenblick.care.example"]
    waits = golive["RELATED-TO"]
    assert sorted(str(one).partition("-")[0] for one in waits) == ["testing", "training"]
    assert all(one.params["RELTYPE"] == "DEPENDS-ON" for one in waits)
    assert golive["DTSTART"].dt == next(one.begins_on for one in plan.activities if one.id == "golive")


@pytest.mark.parametrize("language", LANGUAGES)
def test_documents_are_tagged_in_every_language(language: Language) -> None:
    """Offer with its time frame, contract, and plan with its picture are PDF/UA in the tenant's language."""
    tenant, made = manifest(language), offer()
    frame, plan = make_frame(tenant, made, ACTIVITIES, RATES), make_plan(ACTIVITIES, SIGNED_AT.date())
    voice = Voice.of(tenant)
    picture = gantt.picture(plan, voice)
    assert picture.count("<rect") == 2 * len(plan.activities)
    given = {"customer": tenant, "vendor": RATES.vendor}
    documents = [
        render("offer", voice, offer=made, frame=frame, **given),
        render("contract", voice, offer=made, frame=frame, hours="08:00–16:00", digest="0" * 64, **given),
        render(
            "plan", voice, plan=plan, picture="data:image/svg+xml," + picture.replace("#", "%23"), **given
        ),
    ]
    titles = [voice.say("offer.title"), voice.say("contract.title"), voice.say("plan.title")]
    for pdf, title in zip(documents, titles, strict=True):
        said = asked("pdfinfo", pdf)
        assert "Tagged:          yes" in said
        assert title in said
    structure = asked("pdfinfo", documents[2], "-struct")
    assert "Figure" in structure  # the picture, which is described
