"""Where legacy and site stand, as the journal tells it."""

from pathlib import Path

import pytest

from migrate.journal import Journal
from migrate.position import standing


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
