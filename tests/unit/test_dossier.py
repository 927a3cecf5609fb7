"""The dossier: what it shows, and how it is found to have been changed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate.case import Case
from migrate.dossier import page, proof, seal
from migrate.dossier.page import Dossier
from migrate.dossier.timeline import Span, draw, shown_seconds
from migrate.errors import EvidenceError
from migrate.stop import Stop
from tests.support.finished_case import finished_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return finished_case(tmp_path)


def test_the_page_shows_the_figures_and_needs_nothing_but_itself(case: Case) -> None:
    """Stop, rows, messages and checks stand at the top; no address of another file or host is in it."""
    text = page.write(case).page.read_text()
    assert "The site is open and verified" in text
    for figure in (
        "21.4 s",
        "predicted 14.0 s to 38.0 s",
        "276\u202f168 compared by content",
        "0 duplicated",
    ):
        assert figure in text
    for forbidden in ("<script", "src=", "@import", "url(", "<link"):
        assert forbidden not in text


def test_a_difference_is_the_first_thing_seen(tmp_path: Path) -> None:
    """A row that differs is counted at the top and named in its table."""
    case = finished_case(tmp_path, differing=True)
    assert [figure.value for figure in proof.figures(case)][1] == "1"
    text = page.write(case).page.read_text()
    assert "missing (4711)" in text
    assert text.index("rai.assessment_00") < text.index("rai.assessment_23")


def test_a_case_that_has_just_begun_has_a_dossier_too(tmp_path: Path) -> None:
    """What does not exist yet is said to be so, and nothing is made up."""
    case = finished_case(tmp_path)
    fresh = Case(case.workspace, case.manifest.model_copy(update={"tenant": "bellevue"}))
    fresh.journal.append("intent", "record-request", attempt="preparation-1", phase="preparation")
    text = page.write(fresh).page.read_text()
    assert text.count("not yet") == 4
    assert "Not moved yet" in text


def test_markup_in_names_is_shown_not_obeyed(tmp_path: Path) -> None:
    """Whatever a step, a table or a person is called, it is text on the page."""
    case = finished_case(tmp_path)
    evil = "<img src=x onerror=alert(1)>"
    case.journal.append("intent", evil, attempt=evil, phase="realisation")
    case.journal.append("done", evil, attempt=evil, phase="realisation", seconds=1, result={})
    text = page.write(case).page.read_text()
    assert "<img" not in text
    assert "&lt;img" in text


def changed_page(case: Case, written: Dossier) -> None:
    written.page.write_text(written.page.read_text().replace("21.4 s", "2.4 s"))


def changed_facts(case: Case, written: Dossier) -> None:
    facts = json.loads(written.facts.read_text())
    facts["evidence"]["stop"]["actual_seconds"] = 2.4
    written.facts.write_text(json.dumps(facts))


def changed_evidence(case: Case, written: Dossier) -> None:
    path = case.folder / "evidence" / "stop.json"
    path.write_text(path.read_text().replace("21.4", "2.4"))


def changed_document(case: Case, written: Dossier) -> None:
    case.document("offer.pdf").write_bytes(b"%PDF-1.7 another offer")


def removed_evidence(case: Case, written: Dossier) -> None:
    (case.folder / "evidence" / "golive.json").unlink()


def changed_journal(case: Case, written: Dossier) -> None:
    path = case.journal.path
    path.write_text(path.read_text().replace('"seconds": 7.9', '"seconds": 0.9'))


def shortened_journal(case: Case, written: Dossier) -> None:
    lines = case.journal.path.read_text().splitlines(keepends=True)
    case.journal.path.write_text("".join(lines[:-2]))


def exchanged_page(case: Case, written: Dossier) -> None:
    old = written.page.read_bytes()
    case.journal.append("done", "later", attempt="start-1", phase="start")
    page.write(case)
    written.page.write_bytes(old)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (changed_page, "alpenblick.html: was changed after it was written"),
        (changed_facts, "alpenblick.json: was changed after it was written"),
        (changed_evidence, "evidence/stop.json: was changed"),
        (changed_document, "documents/offer.pdf: was changed"),
        (removed_evidence, "evidence/golive.json: is gone"),
        (changed_journal, "record 12 (done copy-databases) was changed, or one before it removed"),
        (shortened_journal, "journal: its last 2 of 26 records are gone"),
        (exchanged_page, "alpenblick.html and alpenblick.json are not of one dossier"),
    ],
)
def test_whatever_is_changed_is_found_and_named(
    case: Case, change: Callable[[Case, Dossier], None], named: str
) -> None:
    """Page, facts, evidence, documents and journal are bound together by their digests."""
    written = page.write(case)
    assert seal.check(case, written.page, written.facts) == []
    change(case, written)
    faults = seal.check(case, written.page, written.facts)
    assert any(fault.endswith(named) for fault in faults), faults


def test_a_case_that_goes_on_does_not_break_its_dossier(case: Case) -> None:
    """Evidence that Bascule itself writes anew after the dossier is no tampering."""
    written = page.write(case)
    case.write_evidence("stop", Stop.model_validate({**case.raw_evidence()["stop"], "actual_seconds": 30}))
    assert seal.check(case, written.page, written.facts) == []


def test_no_dossier_is_written_from_changed_evidence(case: Case) -> None:
    """What was edited by hand is refused, not shown."""
    changed_evidence(case, page.paths(case))
    with pytest.raises(EvidenceError, match=r"stop\.json was changed after it was written"):
        page.write(case)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.151, "0.15 s"), (4.25, "4.2 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (3599.6, "1 h 00 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, shown: str) -> None:
    """Two places below a second, minutes above one, hours above sixty of these."""
    assert shown_seconds(seconds) == shown


def test_the_timeline_tells_screen_readers_what_it_shows() -> None:
    """The picture has a title; a step of no length is still drawn; nothing at all draws nothing."""
    at = datetime(2027, 7, 6, 15, tzinfo=UTC)
    spans = [
        Span("preparation-1", "assess", at, at + timedelta(seconds=4), "done"),
        Span("realisation-1", "freeze-legacy", at + timedelta(days=9), at + timedelta(days=9), "failed"),
    ]
    picture = draw(spans)
    assert 'role="img"' in picture
    assert "2 steps in 2 phases" in picture
    assert 'width="3.0"' in picture
    assert "✕ 0.00 s" in picture
    assert draw([]) == ""
