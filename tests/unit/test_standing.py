"""Where legacy and site stand, as the journal tells it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate.journal import Journal
from migrate.position import standing, way_back


@pytest.mark.parametrize("step", ["freeze-legacy", "freeze-legacy:5"])
def test_a_freeze_counts_however_the_playbook_words_it(tmp_path: Path, step: str) -> None:
    """Legacy is told as read-only from the freeze to its undo, also where the step has a parameter."""
    journal = Journal(tmp_path / "journal.jsonl")
    assert standing(journal).legacy == "writable"
    for kind, told in (
        ("intent", "uncertain"),
        ("done", "read-only"),
        ("undoing", "read-only"),
        ("undone", "writable"),
    ):
        journal.append(kind, step)
        assert standing(journal).legacy == told
    journal.append("done", "freeze-legacy-twice")
    assert standing(journal).legacy == "writable"


def test_what_was_done_by_hand_counts_as_well(tmp_path: Path) -> None:
    """Status tells a door and a freeze that somebody moved by hand; a test site's door is none of it."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("done", "freeze-legacy")
    journal.append("done", "open-door")
    journal.append("door", "birke-prod", state="suspended", reason="Back on Monday")
    journal.append("legacy", "birke", state="writable")
    journal.append("door", "birke-test", state="open", reason="")
    assert str(standing(journal)) == "Legacy is writable; the site is suspended."
    for minutes, told in ((-1, "writable"), (1, "read-only")):
        until = datetime.now(UTC) + timedelta(minutes=minutes)
        journal.append("legacy", "birke", state="read-only", until=until.isoformat())
        assert standing(journal).legacy == told


def test_who_begins_afresh_has_no_legacy(tmp_path: Path) -> None:
    """Of a tenant who leaves no system only the site is told."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("legacy", "rivage", state="none")
    assert str(standing(journal)) == "The site is closed."
    journal.append("done", "open-door")
    assert (standing(journal).legacy, str(standing(journal))) == ("none", "The site is open.")


def test_a_waived_way_back_is_none(tmp_path: Path) -> None:
    """What opened under a waiver of its way back cannot go back; what was armed can, until it is given up."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("intent", "arm-way-back")
    journal.append("under-waiver", "arm-way-back")
    journal.append("done", "open-door")
    assert way_back(journal) == "none"
    journal.append("done", "arm-way-back")
    assert way_back(journal) == "armed"
    journal.append("done", "end-replication")
    assert way_back(journal) == "given up"
