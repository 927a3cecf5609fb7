"""The journal: appended, chained, and honest about what was changed."""

import json
import threading
from pathlib import Path

import pytest

from migrate.errors import EvidenceError
from migrate.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "case" / "journal.jsonl")
    for step in ("assess", "write-offer", "deploy-site"):
        journal.append("done", step, seconds=1.5)
    return journal


def test_records_come_back_in_order_and_the_chain_holds(journal: Journal) -> None:
    """What was appended is what is read, and checking it gives the last digest."""
    records = list(journal)
    assert [r.about for r in records] == ["assess", "write-offer", "deploy-site"]
    assert records[0].data == {"seconds": 1.5}
    assert journal.check() == records[-1].digest
    assert oct(journal.path.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_changed_record_is_found(journal: Journal, line: int) -> None:
    """Whichever record is changed, the check names it."""
    lines = journal.path.read_text().splitlines()
    record = json.loads(lines[line])
    record["data"]["seconds"] = 0.5
    lines[line] = json.dumps(record)
    journal.path.write_text("\n".join(lines) + "\n")
    with pytest.raises(EvidenceError, match=f"record {line + 1} "):
        journal.check()


def test_a_removed_record_is_found(journal: Journal) -> None:
    """A record cannot be left out without the next one saying so."""
    lines = journal.path.read_text().splitlines()
    journal.path.write_text("\n".join([lines[0], lines[2]]) + "\n")
    with pytest.raises(EvidenceError, match=r"record 2 \(done deploy-site\)"):
        journal.check()


def test_a_journal_that_was_read_is_read_again_once_it_changed(journal: Journal) -> None:
    """What somebody else appended, or took out, counts at once."""
    assert len(list(journal)) == 3
    Journal(journal.path).append("done", "check-window")
    assert [r.about for r in journal][3:] == ["check-window"]
    journal.path.write_text(journal.path.read_text().split("\n")[0] + "\n")
    assert [r.about for r in journal] == ["assess"]


def test_half_a_line_was_never_written(journal: Journal) -> None:
    """After a power cut in the middle of a line, the journal goes on from the last whole record."""
    with journal.path.open("a") as file:
        file.write('{"number": 4, "at": "20')
    assert len(list(journal)) == 3
    assert journal.append("done", "check-window").number == 4
    assert [r.number for r in journal] == [1, 2, 3, 4]
    journal.check()


def test_a_line_that_is_no_record_is_told(journal: Journal) -> None:
    """Whoever reads or appends learns which line it is; nothing is built on it."""
    with journal.path.open("a") as file:
        file.write("hello\n")
    for use in (lambda: list(journal), lambda: journal.append("done", "check-window"), journal.check):
        with pytest.raises(EvidenceError, match="line 4 is no record"):
            use()
    assert journal.path.read_text().endswith("hello\n")


def test_two_writers_do_not_lose_a_record(journal: Journal) -> None:
    """A person signs while a run is at work: both records stand, in one chain."""
    threads = [
        threading.Thread(target=lambda n=n: [journal.append("x", f"{n}-{i}") for i in range(20)])
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(journal)) == 63
    journal.check()


def test_the_last_record_of_a_kind_is_found(journal: Journal) -> None:
    """Newest first: what was done last is what counts."""
    journal.append("done", "assess", seconds=9)
    found = journal.last("done", "assess")
    assert found is not None
    assert found.data == {"seconds": 9}
    assert journal.last("failed") is None
