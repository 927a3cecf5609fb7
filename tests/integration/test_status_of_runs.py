"""fab status beside runs that wait, work, fail, fall back and end."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from migrate import status
from migrate.errors import RunStopped, Waiting
from migrate.status import Status
from migrate.waiting import wait_until
from tests.support.tiny import RESPONSIBLE, Tiny, own_steps


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny.make(tmp_path / "workspace")


def status_of(tiny: Tiny) -> Status:
    with own_steps():
        return status.of(tiny.case)


def states(found: Status, phase: int) -> dict[str, str]:
    return {step.id: step.state for step in found.phases[phase].steps}


def test_before_anything_was_run(tiny: Tiny) -> None:
    """Everything is to come, legacy is writable, and the first command is named."""
    found = status_of(tiny)
    assert [phase.state for phase in found.phases] == ["to come"] * 3
    assert (found.held_up_by, found.next_step) == ("", "fab prepare --tenant alpenblick")
    assert str(found.standing) == "Legacy is writable; the site is closed."
    assert not tiny.case.folder.exists(), "asking writes nothing"


def test_a_waiting_gate_says_for_whom(tiny: Tiny) -> None:
    """What holds the tenant up and what that person types."""
    with pytest.raises(Waiting):
        tiny.run()
    found = status_of(tiny)
    assert states(found, 0) == {
        "write-offer": "done",
        "confirm-offer": "waiting",
        "deploy-site:test": "to come",
    }
    assert found.phases[0].state == "waiting"
    assert f"{RESPONSIBLE} has not signed" in found.held_up_by
    assert found.next_step.startswith("fab sign --tenant alpenblick --gate confirm-offer")


def test_a_pause_by_hand_comes_before_all_else(tiny: Tiny) -> None:
    """Status says who has the move wait, why, and how it goes on; nobody any more, it says what it said."""
    before = status_of(tiny)
    tiny.case.journal.append("paused", "alpenblick", by="anna on bastion", reason="month end")
    found = status_of(tiny)
    assert found.paused.startswith("paused by anna on bastion since ")
    assert found.held_up_by == f"alpenblick is {found.paused}"
    assert found.paused.endswith(" UTC: month end")
    assert found.next_step == "fab resume --tenant alpenblick"
    tiny.case.journal.append("resumed", "alpenblick", by="anna on bastion")
    assert (status_of(tiny).held_up_by, status_of(tiny).next_step) == ("", before.next_step)


def test_after_a_fallback(tiny: Tiny) -> None:
    """What was undone is shown as undone, with the cause and the command for the next attempt."""
    tiny.signed().order(copy_databases=["fail"])
    with pytest.raises(RunStopped):
        tiny.run()
    found = status_of(tiny)
    assert (found.phases[1].state, found.phases[1].attempt) == ("fallen-back", "realisation-1")
    assert states(found, 1)["freeze-legacy"] == "undone"
    assert found.held_up_by == (
        "realisation-1 fell back at copy-databases: copy-databases failed as it was told"
    )
    assert found.next_step == "fab cutover --tenant alpenblick"


def test_beside_a_run_at_work_and_after_its_kill(tiny: Tiny) -> None:
    """The holder and the step under way; once killed, that it was cut short and goes on by fab run."""
    tiny.signed().order(copy_databases=["hang"])
    process = tiny.start()
    try:
        assert wait_until(lambda: "hanging in copy-databases" in tiny.trace(), deadline_seconds=30)
        found = status_of(tiny)
        assert found.holder is not None
        assert found.holder.pid == process.pid
        assert states(found, 1)["copy-databases"] == "under way"
        assert str(found.standing) == "Legacy is read-only; the site is closed."
    finally:
        process.kill()
        process.communicate()
    found = status_of(tiny)
    assert states(found, 1)["copy-databases"] == "cut short"
    assert (found.held_up_by, found.next_step) == (
        "the run of realisation-1 was cut short",
        "fab run --tenant alpenblick, to go on",
    )


def test_an_interrupted_run_ends_at_once_and_goes_on(tiny: Tiny) -> None:
    """Ctrl-C leaves nothing working behind it, says where things stand, and the next run goes on."""
    tiny.signed().order(freeze_legacy=["hang"])
    process = tiny.start()
    assert wait_until(lambda: "hanging in freeze-legacy" in tiny.trace(), deadline_seconds=30)
    process.send_signal(2)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted. Legacy may be half changed; the site is closed.\nNext: fab run" in said
    tiny.run()
    assert "freeze-legacy" in tiny.trace()


def test_the_end_and_its_json(tiny: Tiny) -> None:
    """Nothing is left to type; the JSON has the same, and the table says it in words."""
    tiny.signed().run()
    found = status_of(tiny)
    assert [phase.state for phase in found.phases] == ["finished"] * 3
    assert (found.held_up_by, found.next_step) == ("", "")
    content = json.loads(json.dumps(found.as_json()))
    assert content["standing"]["door"] == "open"
    console = Console(width=100, record=True, file=io.StringIO())
    for part in status.render(found):
        console.print(part)
    assert "Everything is finished." in console.export_text()


def test_errors_leave_the_command_line_as_text_or_json(tiny: Tiny) -> None:
    """fab ends with status 1 and the error's own text; with --json, one object on stdout. No traceback."""
    (tiny.root / "stacks/alpenblick.yaml").unlink()

    def fab(*words: str) -> subprocess.CompletedProcess[str]:
        root = Path(__file__).parents[2]
        command = [str(Path(sys.executable).with_name("fab")), "--search-root", str(root), *words]
        return subprocess.run(command, cwd=tiny.root, text=True, capture_output=True, timeout=60, check=False)

    plain = fab("status", "--tenant", "alpenblick")
    assert (plain.returncode, plain.stdout) == (1, "")
    assert plain.stderr.startswith("no tenant alpenblick: stacks/alpenblick.yaml does not exist")
    as_json = fab("run", "--tenant", "alpenblick", "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["outcome"] == "failed"
