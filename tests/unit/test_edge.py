"""What a command says when it ends otherwise than well."""

import json
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from migrate import lock
from migrate.errors import Refused
from migrate.tasks.edge import before_the_move, for_a_person
from provisioning.workspace import Workspace
from tests.support.finished_case import finished_case


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    (tmp_path / "Pulumi.yaml").write_text("name: bascule\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)


def test_a_defect_is_told_without_a_traceback(workspace: Workspace) -> None:
    """What nobody foresaw ends as two plain lines; its traceback lies in a file that only its owner reads."""
    with pytest.raises(Exit) as ended, for_a_person():
        raise ZeroDivisionError("division by zero")
    assert (ended.value.code, str(ended.value).partition("\n")[0]) == (
        1,
        "ZeroDivisionError: division by zero",
    )
    log = workspace.state / "faults.log"
    assert f"Next: send the last entry of {log}" in str(ended.value)
    assert "Traceback (most recent call last)" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_defect_is_json_where_json_was_asked_for(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script reads a defect like any other failure."""
    with pytest.raises(Exit), for_a_person(as_json=True):
        raise ZeroDivisionError("division by zero")
    assert json.loads(capsys.readouterr().out)["outcome"] == "failed"


def test_what_was_agreed_stays_once_the_move_has_begun(workspace: Workspace) -> None:
    """Offer and window can be made anew before the freeze and after a fallback, never in between."""
    case = finished_case(workspace.root)
    case.journal.append("undone", "freeze-legacy")
    with before_the_move(case):
        pass
    case.journal.append("done", "freeze-legacy")
    with pytest.raises(Refused, match="the move of alpenblick has begun"), before_the_move(case):
        raise AssertionError
    case.journal.append("undone", "freeze-legacy")
    with before_the_move(case):
        pass


def test_what_was_agreed_stays_while_a_run_is_at_work(workspace: Workspace) -> None:
    """A second person cannot change the window under a run that is just starting."""
    case = finished_case(workspace.root)
    at_work = lock.held(case.folder, "alpenblick")
    with at_work, pytest.raises(Refused, match="is being worked on by"), before_the_move(case):
        raise AssertionError
