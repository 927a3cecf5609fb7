"""Playbooks: what is refused, word for word, and what BESA's own is made of."""

from pathlib import Path

import pytest

from migrate import playbook
from migrate.errors import PlaybookError
from migrate.step import Step, known_steps
from provisioning.workspace import Workspace
from tests.support.tiny import PLAYBOOK, own_steps


def known() -> dict[str, Step]:
    with own_steps():
        return known_steps()


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    with pytest.raises(PlaybookError) as refused:
        playbook.read(path, known())
    return str(refused.value)


def test_besa_can_be_run() -> None:
    """Bascule's own playbook has no fault: the vendor's three phases, and what makes the stop short."""
    besa = playbook.read(playbook.OWN_FOLDER / "besa.yaml", known_steps())
    assert [(phase.name, phase.command, phase.protected) for phase in besa.phases] == [
        ("preparation", "prepare", False),
        ("rehearsal", "rehearse", False),
        ("replication", "replicate", False),
        ("realisation", "cutover", True),
        ("start", "conclude", False),
        ("rollback", "rollback", True),
        ("finalize", "finalize", False),
        ("abandon", "abandon", False),
    ]
    assert [phase.name for phase in besa.phases if phase.on_request] == ["rollback", "finalize", "abandon"]
    assert list(besa.gates()) == ["confirm-offer", "accept-site"]
    assert [entry.id for entry in besa.phase("preparation").steps][-2:] == [
        "deploy-site:test",
        "deploy-site:prod",
    ]


def test_every_fault_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    """An unknown step with the nearest one, a name that stands twice, and a way back that is missing."""
    text = (
        PLAYBOOK.replace("- step: write-offer", "- step: write-ofer")
        .replace("command: conclude", "command: prepare")
        .replace("- step: check-window", "- step: release-interfaces")
    )
    assert refusal(tmp_path, text) == (
        "tiny.yaml: 4 to correct, nothing was run\n"
        "  phases/0/steps/0 (line 9): unknown step write-ofer; did you mean write-offer?\n"
        "  phases/1/steps/0 (line 24): step release-interfaces has no undo; "
        "move it behind the point of no return, or to another phase\n"
        "  phases/1/steps/6 (line 31): step release-interfaces stands twice\n"
        "  phases/2/command (line 33): command prepare stands twice\n"
        "Next: correct tiny.yaml and repeat the command"
    )


def test_a_protected_phase_has_exactly_one_point_of_no_return(tmp_path: Path) -> None:
    """None leaves open how long the way back lasts, two contradict, and elsewhere it means nothing."""
    mark = "\n        point_of_no_return: true"
    assert (
        "phases/1/steps/0 (line 24): phase realisation is protected but names no point of no return; "
        "mark the step that is it"
    ) in refusal(tmp_path, PLAYBOOK.replace(mark, ""))
    assert (
        "phases/1/steps/6 (line 31): a second point of no return in phase realisation; keep one"
    ) in refusal(tmp_path, PLAYBOOK.replace("release-interfaces", "release-interfaces" + mark))
    assert (
        "phases/2/steps/0 (line 37): a point of no return, yet phase start is not protected; "
        "set protected: true"
    ) in refusal(tmp_path, PLAYBOOK + mark[1:])


def test_nobody_signs_while_the_tenant_is_stopped(tmp_path: Path) -> None:
    """A gate between the first change and the point of no return would wait with users shut out."""
    gate = "- {gate: look-over, title: Look, document: look.pdf, signer: vendor}\n      - step: "
    text = PLAYBOOK.replace("- step: compare-content", gate + "compare-content")
    assert "gate look-over would wait for a person while the tenant is stopped; move it earlier" in refusal(
        tmp_path, text
    )


def test_what_does_not_belong_to_an_entry_is_refused(tmp_path: Path) -> None:
    """Unknown keys, gates without signer, steps with one, and entries that are neither or both."""
    text = PLAYBOOK.replace("        signer: responsible\n", "").replace(
        "      - step: hand-over", "      - step: hand-over\n        singer: vendor\n      - title: Nothing"
    )
    said = refusal(tmp_path, text)
    assert "phases/0/steps/1 (line 10): gate confirm-offer needs a signer" in said
    assert "singer (line 37): unknown key; did you mean signer?" in said
    assert "phases/2/steps/1 (line 38): must be either a step or a gate" in said


def test_a_workspace_may_bring_its_own(tmp_path: Path) -> None:
    """The workspace's playbooks/ stands before Bascule's own; an unknown name gets the nearest."""
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/besa.yaml").write_text(PLAYBOOK.replace("name: tiny", "name: besa", 1))
    workspace = Workspace(tmp_path)
    with own_steps():
        assert playbook.load(workspace, "besa").title == "A tiny process"
        with pytest.raises(PlaybookError, match=r"no playbook bessa; did you mean besa[?]; known: .*besa"):
            playbook.load(workspace, "bessa")
