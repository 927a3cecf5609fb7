"""Runs under real DBOS and SQLite: cut short anywhere, taken up again, one at a time."""

import json
import sqlite3
import stat
from pathlib import Path

import pytest

from migrate import lock
from migrate.errors import Refused, RunStopped, Waiting
from migrate.waiting import wait_until
from tests.support.tiny import RESPONSIBLE, TENANT, Tiny, sign_plainly

PREPARED = ["write-offer", "deploy-site test"]
MOVED = [
    "check-window",
    "hold-interfaces",
    "freeze-legacy",
    "lease kept",
    "copy-databases",
    "compare-content",
    "open-door",
    "lease let go",
    "release-interfaces",
]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny.make(tmp_path / "workspace").signed()


def test_carries_a_tenant_to_the_end(tiny: Tiny, capsys: pytest.CaptureFixture[str]) -> None:
    """Every phase, step by step, each intent journalled before its act; a second run does nothing."""
    tiny.run()

    assert tiny.trace() == [*PREPARED, *MOVED, "hand-over"]
    assert tiny.kinds("intent", "done")[:4] == [
        "intent write-offer",
        "done write-offer",
        "intent confirm-offer",
        "done confirm-offer",
    ]
    assert tiny.kinds("ended") == ["ended preparation", "ended realisation", "ended start"]
    assert tiny.kinds("point-of-no-return") == ["point-of-no-return open-door"]
    before = tiny.case.journal.check()
    tiny.run()
    assert (tiny.trace(), tiny.case.journal.check()) == ([], before)
    shown = capsys.readouterr()
    assert "[realisation] STEP 4/8  freeze-legacy" in shown.out
    assert "dbos" not in (shown.out + shown.err).lower(), "DBOS speaks into its own log only"


def test_waits_for_a_signature_and_goes_on(tmp_path: Path) -> None:
    """An unsigned gate ends the run in words; the next run looks at the gate again, and only at that."""
    tiny = Tiny.make(tmp_path)
    with pytest.raises(Waiting) as waiting:
        tiny.run()
    offer = tiny.case.document("offer.txt")
    assert (
        waiting.value.what == f"alpenblick: The customer confirms: {RESPONSIBLE} has not signed {offer} yet"
    )
    assert waiting.value.next_step == (
        f"fab sign --tenant alpenblick --gate confirm-offer --as {RESPONSIBLE} --key KEYFILE; "
        "then fab run --tenant alpenblick"
    )
    with pytest.raises(Waiting):
        tiny.run()
    sign_plainly(offer, tiny.key("anna", f'{RESPONSIBLE} namespaces="bascule"'))
    tiny.run(only="preparation")
    assert tiny.trace() == PREPARED, "the offer was written once"


@pytest.mark.parametrize("order", ["die", "die-after"])
@pytest.mark.parametrize("step", ["write-offer", "freeze-legacy", "open-door"])
def test_goes_on_from_the_step_that_had_not_finished(tiny: Tiny, step: str, order: str) -> None:
    """kill -9 half-way through a step, or just before it could say so: that one is done again, no other."""
    tiny.order(**{step.replace("-", "_"): [order]})
    status, _ = tiny.spawn()
    assert status == -9
    before = tiny.trace()
    assert before[-1] == (f"half {step}" if order == "die" else step)

    status, said = tiny.spawn()

    assert status == 0, said
    whole = [*PREPARED, *MOVED, "hand-over"]
    after = tiny.trace()
    if "freeze-legacy" in before[:-1]:
        assert after.pop(0) == "lease kept", "what renews the lease lives again"
    assert after == whole[whole.index(step) :]
    assert "was cut short and goes on" in said


def test_a_failed_step_is_taken_up_where_it_failed(tiny: Tiny) -> None:
    """Outside a protected phase nothing is undone and nothing repeated but the step that failed."""
    tiny.order(deploy_site=["fail", "break"])
    with pytest.raises(RunStopped) as stopped:
        tiny.run()
    assert str(stopped.value) == (
        "preparation stopped at deploy-site:test: deploy-site failed as it was told\n"
        "Legacy is writable; the site is closed.\n"
        "Next: fab prepare --tenant alpenblick"
    )
    with pytest.raises(RunStopped, match=r"KeyError: 'a defect' .traceback in .*faults.log") as stopped:
        tiny.run()
    assert "Traceback" in (tiny.case.folder / "faults.log").read_text()
    tiny.run(only="preparation")
    assert tiny.trace() == ["write-offer", "half deploy-site", "deploy-site test"]


def test_after_the_point_of_no_return_the_only_way_is_forward(tiny: Tiny) -> None:
    """A step that fails behind the open door stops the run; nothing is undone, the next run repeats it."""
    tiny.order(release_interfaces=["fail"])
    with pytest.raises(RunStopped, match="realisation stopped at release-interfaces") as stopped:
        tiny.run()
    assert stopped.value.state == "Legacy is read-only; the site is open."
    assert tiny.trace()[-2:] == ["lease let go", "half release-interfaces"]
    tiny.run()
    assert tiny.trace() == ["release-interfaces", "hand-over"]


def test_a_second_run_is_refused_while_one_is_at_work(tiny: Tiny) -> None:
    """It learns who is at work and since when; the lock ends with the process, also by kill -9."""
    tiny.order(write_offer=["hang"])
    first = tiny.start()
    try:
        assert wait_until(lambda: "hanging" in "".join(tiny.trace()), deadline_seconds=30, pace_seconds=0.05)
        holder = lock.holder(tiny.case.folder)
        assert holder is not None
        assert holder.pid == first.pid
        with pytest.raises(Refused) as refused:
            tiny.run()
        assert refused.value.what == f"{TENANT} is being worked on by {holder}"
        assert f"(process {first.pid}) since 2" in refused.value.what
    finally:
        first.kill()
        first.communicate()
    assert lock.holder(tiny.case.folder) is None
    tiny.run(only="preparation")


def test_a_phase_is_refused_before_its_turn(tiny: Tiny) -> None:
    """fab cutover does nothing before the preparation is finished."""
    with pytest.raises(Refused) as refused:
        tiny.run(only="realisation")
    assert str(refused.value) == (
        "realisation cannot begin: preparation is not finished\n"
        "Legacy is writable; the site is closed.\n"
        "Next: fab prepare --tenant alpenblick"
    )
    assert tiny.trace() == []


def test_a_document_changed_after_its_gate_stops_the_next_phase(tiny: Tiny) -> None:
    """Signed, passed, then changed: the phase after refuses to begin its work."""
    tiny.run(only="preparation")
    tiny.trace()
    tiny.case.document("offer.txt").write_text("One move, 900 francs\n")
    with pytest.raises(RunStopped, match=r"offer\.txt was changed after it was signed"):
        tiny.run()
    assert tiny.trace() == []


def test_a_playbook_changed_under_way_is_refused(tiny: Tiny) -> None:
    """Both digests are named; a named person may accept it, and then the phase begins anew."""
    tiny.order(deploy_site=["fail"])
    with pytest.raises(RunStopped):
        tiny.run()
    tiny.trace()
    path = tiny.root / "playbooks/tiny.yaml"
    path.write_text(path.read_text().replace("{environment: test}", "{environment: prod}"))

    with pytest.raises(
        Refused, match=r"was changed since preparation-1 began: [0-9a-f]{12} then, [0-9a-f]{12} now"
    ):
        tiny.run()
    assert tiny.trace() == []
    tiny.run(only="preparation", accepted_by="vera@vendor.example")
    assert tiny.trace() == ["write-offer", "deploy-site prod"]
    accepted = tiny.case.journal.last("playbook-accepted")
    assert accepted is not None
    assert accepted.data["by"] == "vera@vendor.example"


def test_journal_and_run_database_belong_together(tiny: Tiny) -> None:
    """Without its run database an attempt that did something is not begun a second time."""
    tiny.order(release_interfaces=["die"])
    assert tiny.spawn()[0] == -9
    (tiny.case.folder / "dbos.sqlite").unlink()
    tiny.trace()
    with pytest.raises(Refused, match="does not know alpenblick:realisation:1, which the journal tells of"):
        tiny.run()
    assert tiny.trace() == []


def test_the_run_database_is_private_and_holds_plain_outcomes(tiny: Tiny) -> None:
    """Mode 0600, and one workflow per phase under the tenant's own name and version."""
    tiny.run()
    path = tiny.case.folder / "dbos.sqlite"
    for file in tiny.case.folder.glob("dbos.sqlite*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT workflow_uuid, application_version FROM workflow_status").fetchall()
    assert sorted(name for name, _ in rows) == [
        f"{TENANT}:{p}:1" for p in ("preparation", "realisation", "start")
    ]
    assert {version for _, version in rows} == {f"1/{tiny.case.workspace.identity}/{TENANT}"}


def test_a_condition_on_modules_decides_what_is_planned(tiny: Tiny) -> None:
    """A step for ePDoc is planned for a tenant that has it, and named as left out for one that has not."""
    tiny.run(only="preparation")
    attempt = tiny.case.journal.last("attempt")
    assert attempt is not None
    assert attempt.data["left_out"] == ["bill-epdoc"]
    assert json.dumps(attempt.data)
