"""Phases that are begun on request: rollback and finalize, as runs under real DBOS."""

from pathlib import Path

import pytest

from migrate import position, status
from migrate.errors import Refused, RunStopped
from tests.support.tiny import WAY_BACK, Tiny, own_steps

MOVED_AGAIN = ["hold-interfaces", "freeze-legacy", "copy-databases", "compare-content", "arm-way-back"]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny.make(tmp_path / "workspace").signed()
    (tiny.root / "playbooks/tiny.yaml").write_text(WAY_BACK)
    return tiny


def standing(tiny: Tiny) -> tuple[str, str, str]:
    journal = tiny.case.journal
    where = position.standing(journal)
    return where.legacy, where.door, position.way_back(journal)


def next_step(tiny: Tiny) -> str:
    with own_steps():
        return status.of(tiny.case).next_step


def test_run_passes_them_by(tiny: Tiny) -> None:
    """A tenant is carried to its end without a rollback; the way back is armed then."""
    tiny.run()
    assert "close-door" not in tiny.trace()
    assert standing(tiny) == ("read-only", "open", "armed")
    assert next_step(tiny) == ""


def test_a_rollback_has_the_move_begin_anew(tiny: Tiny) -> None:
    """Rolled back, the tenant works on legacy; the next run moves it again, from check to acceptance."""
    tiny.run()
    tiny.trace()
    tiny.run(only="rollback")
    assert tiny.trace() == ["close-door", "reopen-legacy", "release-interfaces legacy"]
    assert standing(tiny) == ("writable", "closed", "none")
    assert next_step(tiny) == "fab cutover --tenant alpenblick"
    tiny.run()
    trace = tiny.trace()
    assert [step for step in trace if step in MOVED_AGAIN] == MOVED_AGAIN
    assert trace[-1] == "hand-over"
    assert [r.data["attempt"] for r in tiny.case.journal if r.kind == "attempt"] == [
        *("preparation-1", "realisation-1", "start-1", "rollback-1", "realisation-2", "start-2")
    ]
    tiny.run(only="rollback")
    assert standing(tiny) == ("writable", "closed", "none")


def test_without_a_way_back_it_is_refused(tiny: Tiny) -> None:
    """Before going live there is nothing to roll back, after finalize nothing to do it with."""
    with pytest.raises(Refused, match="rollback cannot begin: no changes flow back to legacy"):
        tiny.run(only="rollback")
    tiny.run()
    tiny.run(only="finalize")
    assert standing(tiny) == ("read-only", "open", "given up")
    with pytest.raises(Refused, match="the way back was given up by finalize"):
        tiny.run(only="rollback")
    with pytest.raises(Refused, match="finalize cannot begin"):
        tiny.run(only="finalize")


def test_a_failing_rollback_leaves_the_site_open(tiny: Tiny) -> None:
    """Before its point of no return it puts back what it did: users stay on the site, and may try again."""
    tiny.run()
    tiny.order(reopen_legacy=["fail"])
    tiny.trace()
    with pytest.raises(RunStopped, match="rollback stopped at reopen-legacy"):
        tiny.run(only="rollback")
    assert tiny.trace() == ["close-door", "half reopen-legacy", "undo close-door"]
    assert standing(tiny) == ("read-only", "open", "armed")
    tiny.run(only="rollback")
    assert standing(tiny) == ("writable", "closed", "none")


def test_a_killed_rollback_goes_on_with_the_next_run(tiny: Tiny) -> None:
    """Killed in the middle, `fab run` finishes it before anything else, and other phases may not begin."""
    tiny.run()
    tiny.order(reopen_legacy=["die"])
    assert tiny.spawn("rollback")[0] == -9
    with pytest.raises(Refused, match="finalize cannot begin: rollback has begun and is not finished"):
        tiny.run(only="finalize")
    tiny.trace()
    tiny.run()
    trace = tiny.trace()
    assert trace[0] == "reopen-legacy"
    assert trace[-1] == "hand-over"
    assert standing(tiny) == ("read-only", "open", "armed")
