"""The way back of a protected phase, under real DBOS and SQLite."""

from pathlib import Path

import pytest

from migrate.errors import RunStopped, Waiting
from tests.support.tiny import OFFER, Tiny

FROZEN = ["check-window", "hold-interfaces", "freeze-legacy", "lease kept"]
THAWED = ["lease let go", "undo freeze-legacy", "undo hold-interfaces"]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny.make(tmp_path / "workspace").signed()
    tiny.run(only="preparation")
    tiny.trace()
    return tiny


def test_falls_back_in_reverse_order_the_half_done_step_too(tiny: Tiny) -> None:
    """Every undo runs once, last first; the message says the seconds and where things stand."""
    tiny.order(copy_databases=["fail"])
    with pytest.raises(RunStopped) as stopped:
        tiny.run()
    assert tiny.trace() == [*FROZEN, "half copy-databases", "undo copy-databases", *THAWED]
    assert stopped.value.what == "realisation stopped at copy-databases: copy-databases failed as it was told"
    assert stopped.value.state.startswith("Fallen back in 0.")
    assert stopped.value.state.endswith("s: everything is put back. Legacy is writable; the site is closed.")
    assert stopped.value.next_step == "fab cutover --tenant alpenblick, once the cause is mended"


def test_after_a_fallback_the_phase_begins_anew(tiny: Tiny) -> None:
    """Nothing of the attempt that fell back counts as done."""
    tiny.order(compare_content=["fail"])
    with pytest.raises(RunStopped):
        tiny.run()
    tiny.trace()
    tiny.run(only="realisation")
    assert tiny.trace()[:5] == [*FROZEN, "copy-databases"]
    done = tiny.case.journal.last("done", "copy-databases")
    assert done is not None
    assert done.data["attempt"] == "realisation-2"
    assert done.data["result"] == {"attempt": "realisation-2"}


def test_a_failure_before_anything_changed_needs_no_fallback(tiny: Tiny) -> None:
    """The window is not open yet: nothing is undone, and the next run looks at the window again."""
    tiny.order(check_window=["wait"])
    with pytest.raises(Waiting) as waiting:
        tiny.run()
    assert (waiting.value.what, waiting.value.next_step) == ("check-window waits for Anna", "fab ask-anna")
    assert tiny.trace() == []
    tiny.run(only="realisation")
    assert tiny.kinds("fallback") == []


def test_what_was_signed_is_looked_at_again_after_a_wait(tiny: Tiny) -> None:
    """An offer that is changed while the window is waited for stops the run before it changes anything."""
    tiny.order(check_window=["wait"])
    with pytest.raises(Waiting):
        tiny.run()
    offer = tiny.case.document("offer.txt")
    offer.write_bytes(OFFER + b"and another 900\n")

    for _ in range(2):
        with pytest.raises(
            RunStopped, match=r"stopped at check-signatures: .* was changed after it was signed"
        ):
            tiny.run()
    assert tiny.trace() == []

    offer.write_bytes(OFFER)
    tiny.run(only="realisation")
    assert tiny.trace()[: len(FROZEN)] == FROZEN


def test_nobody_is_waited_for_while_the_tenant_is_stopped(tiny: Tiny) -> None:
    """A step that would wait for a person between freeze and open door falls back instead."""
    tiny.order(compare_content=["wait"])
    with pytest.raises(RunStopped, match="compare-content waits for Anna"):
        tiny.run()
    assert tiny.trace()[-4:] == ["undo copy-databases", *THAWED]


@pytest.mark.parametrize("undo", ["undo copy-databases", "undo freeze-legacy"])
def test_a_killed_fallback_is_taken_up(tiny: Tiny, undo: str) -> None:
    """kill -9 in the middle of an undo: the next run repeats that undo and does the rest."""
    tiny.order(compare_content=["fail"], **{undo.replace(" ", "_").replace("-", "_"): ["die"]})
    assert tiny.spawn()[0] == -9
    assert tiny.trace()[-1] == f"half {undo}"

    status, said = tiny.spawn()

    assert status == 1
    assert "everything is put back. Legacy is writable; the site is closed." in said
    undone = [line for line in tiny.trace() if line.startswith("undo")]
    whole = ["undo copy-databases", "undo freeze-legacy", "undo hold-interfaces"]
    assert undone == whole[whole.index(undo) :]


def test_a_failing_undo_stops_no_other_and_is_tried_again(tiny: Tiny) -> None:
    """What could not be put back is named; the next run puts it back before it would begin anything."""
    tiny.order(compare_content=["fail"], undo_freeze_legacy=["fail", "fail"])
    with pytest.raises(RunStopped) as stopped:
        tiny.run()
    assert tiny.trace()[-2:] == ["half undo freeze-legacy", "undo hold-interfaces"]
    assert (
        "but this could not be put back:\n  freeze-legacy: undo freeze-legacy failed as it was told\n"
        in stopped.value.state
    )
    assert stopped.value.state.endswith("Legacy may be half changed; the site is closed.")
    assert stopped.value.next_step == "fab cutover --tenant alpenblick, which first puts back what is left"

    with pytest.raises(RunStopped, match="realisation stopped at compare-content"):
        tiny.run()
    with pytest.raises(Waiting) as complete:
        tiny.run()
    assert complete.value.what == (
        "The fallback of realisation-1 is complete now. Legacy is writable; the site is closed."
    )
    lines = tiny.trace()
    assert "check-window" not in lines
    assert lines[-2:] == ["undo freeze-legacy", "undo hold-interfaces"]
    tiny.run(only="realisation")


def test_a_door_that_cannot_tell_is_not_fallen_back_from(tiny: Tiny) -> None:
    """Users may be at work behind it: the next run asks the door again, and that decides."""
    tiny.order(open_door=["undecided", "break", "fail"])
    for _ in range(2):
        with pytest.raises(RunStopped) as stopped:
            tiny.run()
        assert stopped.value.state == "Legacy is read-only; the site may be half changed."
    assert not [line for line in tiny.trace() if line.startswith("undo")]
    with pytest.raises(RunStopped, match="open-door failed as it was told"):
        tiny.run()
    assert tiny.trace()[-4:] == ["undo copy-databases", *THAWED]


def test_a_lease_that_cannot_be_renewed_is_tried_again(
    tiny: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unreachable legacy host does not end the run by itself: each next step tries, and says so."""
    tiny.order(lease=["fail"])
    tiny.run(only="realisation")
    assert "freeze-legacy is not kept alive: the legacy host does not answer" in capsys.readouterr().out
    assert tiny.trace()[3:5] == ["copy-databases", "lease kept"]
