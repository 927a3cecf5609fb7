"""Only a complete pass of this attempt opens the door: run, judged and acted on, on a real local site."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fabric import Connection

from migrate import door, suite_run, verify, waivers
from migrate.errors import Undecided, VerificationError
from migrate.freeze import Freeze
from migrate.lock import held
from migrate.step import StepContext
from migrate.steps import golive as steps
from migrate.stop import Stop
from migrate.verify import GoLive
from migrate.waivers import Waiver
from migrate.web import ask
from provisioning.door_state import DoorState
from provisioning.errors import SiteError
from provisioning.local import postgres
from provisioning.site import SiteOutputs
from tests.support.golive_site import ATTEMPT, TENANT, GoLiveSite, golive_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoLiveSite]:
    with golive_site(tmp_path_factory.mktemp("verdict")) as running:
        yield running


@pytest.fixture
def ctx(site: GoLiveSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[StepContext]:
    """A step's context; giving up the freeze's way back, which other tests prove, is only noted."""
    monkeypatch.setattr(
        steps,
        "commit_freeze",
        lambda ctx: ctx.case.journal.append("committed", "freeze", attempt=ctx.attempt),
    )
    with site.context() as context:
        yield context


def suite(folder: Path, tests: str) -> Path:
    """A suite in the shape of the one that ships, with these tests."""
    folder.mkdir()
    (folder / "pytest.ini").write_text((suite_run.suite_folder() / "pytest.ini").read_text())
    (folder / "test_site_own.py").write_text(f"import pytest\n\n{tests}\n")
    return folder


FINE = 'def test_fine():\n    """It is fine."""\n'
NOT_RUN = {
    "nothing collected": ("", "the suite ended with 5, so it is not complete"),
    "a file that cannot be read": (f"{FINE}\nimport nothing_like_that\n", "the suite ended with 2"),
    "a run that breaks off": (
        f"{FINE}\ndef test_end():\n    pytest.exit('enough', returncode=0)\n",
        "results for 2 checks",
    ),
}


@pytest.mark.parametrize("case", NOT_RUN)
def test_a_run_that_is_not_complete_is_no_pass(site: GoLiveSite, tmp_path: Path, case: str) -> None:
    """No test, a test file that breaks, a run that ends half-way: none of them counts, whatever passed."""
    tests, fault = NOT_RUN[case]
    found = verify.verify(site.case, "prod", attempt=ATTEMPT, suite=suite(tmp_path / "suite", tests))
    assert not found.passed
    assert fault in found.fault


def test_a_skipped_check_blocks_until_it_is_waived(site: GoLiveSite, tmp_path: Path) -> None:
    """A skipped check keeps the door closed; a signed waiver of just that check lets it be, as `waived`."""
    own = suite(
        tmp_path / "suite", f"{FINE}\ndef test_hard():\n    '''It is hard.'''\n    pytest.skip('no tool')\n"
    )
    found = verify.verify(site.case, "prod", attempt=ATTEMPT, suite=own)
    assert [(check.id, check.outcome) for check in found.blocking] == [("own.hard", "skipped")]
    with pytest.raises(VerificationError) as refused:
        verify.require(found)
    assert str(refused.value) == (
        "golive-prod may not open: 1 passed, 1 skipped\n"
        "  skipped own.hard: no tool\n"
        "The door stays closed.\n"
        "Next: fab verify --tenant golive --environment prod, after mending it"
    )
    waive(site, "golive:own.hard")
    found = verify.verify(site.case, "prod", attempt=ATTEMPT, suite=own)
    assert (found.passed, found.summary) == (True, "1 passed, 1 waived")
    assert "waived by vera@vendor.example" in found.checks[1].detail


def test_a_waiver_makes_no_failure_a_pass(site: GoLiveSite, tmp_path: Path) -> None:
    """A check that ran and failed has found something: no waiver covers that."""
    waive(site, "golive:own.broken")
    own = suite(tmp_path / "suite", "def test_broken():\n    '''It is whole.'''\n    assert 1 == 2\n")
    found = verify.verify(site.case, "prod", attempt=ATTEMPT, suite=own)
    assert [(check.outcome, check.proves, check.detail) for check in found.checks] == [
        ("failed", "It is whole.", "assert 1 == 2")
    ]
    assert not found.passed


def waive(site: GoLiveSite, what: str) -> None:
    """Let the vendor's engineer sign a waiver."""
    key = site.workspace.root / "vera"
    if not key.exists():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key), "-C", "vera"]
        subprocess.run(command, check=True)
        public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        line = f'vera@vendor.example,vendor namespaces="bascule" {public}\n'
        (site.workspace.stacks / "allowed_signers").write_text(line)
    now = datetime.now(UTC)
    waiver = Waiver(
        tenant=TENANT,
        what=what,
        by="vera@vendor.example",
        reason="checked by hand, see the ticket",
        given_at=now,
        expires_at=now + timedelta(hours=1),
    )
    waivers.give(site.case, waiver, key)


def test_fab_verify_tells_a_script(site: GoLiveSite) -> None:
    """`fab verify --json` gives every check, and ends with 1 when the door may not open."""
    site.pretend(healthz=(500, {}))
    try:
        command = [
            sys.executable,
            "-m",
            "fabric",
            "verify",
            "--tenant",
            TENANT,
            "--environment",
            "prod",
            "--json",
        ]
        done = run_fab(site, *command[3:])
    finally:
        site.place.path("files/pretend.json").unlink()
    told = json.loads(done.stdout)
    assert (done.returncode, told["passed"]) == (1, False)
    assert [c["id"] for c in told["checks"] if c["outcome"] != "passed"] == ["application.health"]


def run_fab(site: GoLiveSite, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a fab command in the workspace, as its own process."""
    fab = Path(sys.executable).with_name("fab")
    command = [str(fab), "-r", str(Path(verify.__file__).parents[1]), *words]
    return subprocess.run(command, cwd=site.workspace.root, text=True, capture_output=True, check=False)


@pytest.fixture(scope="module")
def passed(site: GoLiveSite) -> GoLive:
    """What the suite finds in this attempt on a sound site; run once, for it takes a while."""
    found = verify.verify(site.case, "prod", attempt=ATTEMPT)
    assert found.passed, found.blocking
    return found


@pytest.mark.parametrize(
    "right", ["UPDATE ON care.rows", "USAGE ON SEQUENCE care.rows_n_seq", "USAGE ON SCHEMA care"]
)
def test_a_right_that_the_application_lost_is_found(site: GoLiveSite, right: str) -> None:
    """On what its owner made the application may read and write, draw and look; each is asked."""
    with postgres.session(site.place, 5432, "care") as session:
        session.execute("SET ROLE care_owner")
        session.execute("CREATE SCHEMA care; CREATE TABLE care.rows (n serial)")
        try:
            assert all(one.outcome == "passed" for one in site.checks("database").values())
            session.execute(f"REVOKE {right} FROM care_app".encode())
            failed = [one.id for one in site.checks("database").values() if one.outcome != "passed"]
            assert failed == ["database.application-reads-and-writes"]
        finally:
            session.execute("DROP SCHEMA care CASCADE")


def test_no_hand_opens_a_prod_site_that_never_went_live(site: GoLiveSite) -> None:
    """`fab door` does not go round the go-live suite, nor get in the way of a run."""
    words = ("door", "--tenant", TENANT, "--environment", "prod", "--state", "open")
    refused = run_fab(site, *words)
    assert refused.returncode == 1
    assert refused.stderr.startswith("golive-prod has not gone live;")
    with held(site.case.folder, TENANT):
        refused = run_fab(site, *words)
    assert (refused.returncode, f"process {os.getpid()}" in refused.stderr) == (1, True)


def test_a_suite_that_fails_ends_the_step(ctx: StepContext, site: GoLiveSite) -> None:
    """The step fails with the checks that failed, keeps what it found, and the door stays closed."""
    site.pretend(healthz=(500, {}))
    try:
        with pytest.raises(VerificationError, match=r"failed +application.health"):
            steps.verify_site(ctx)
    finally:
        site.place.path("files/pretend.json").unlink()
    assert [check.id for check in ctx.case.read_evidence("golive", GoLive).blocking] == ["application.health"]
    with pytest.raises(VerificationError, match=r"golive-prod may not open: \d+ passed, 1 failed"):
        steps.open_door(ctx)
    assert not door.seen_open(ctx.hosts.site())


NO_VERDICT: dict[str, tuple[dict[str, object] | None, str]] = {
    "none": (None, "no go-live result counts: no evidence 'golive' for golive yet"),
    "another attempt's": ({"attempt": "realisation-0"}, "of prod, realisation-0; it proves nothing"),
    "one by hand": ({"attempt": ""}, "of prod, a run by hand; it proves nothing"),
    "another site's": ({"environment": "test"}, "of test, realisation-1; it proves nothing"),
    "an empty one": ({"checks": ()}, "golive-prod may not open: no check ran"),
    "half a one": ({"fault": "it broke off"}, "golive-prod may not open: it broke off"),
}


@pytest.mark.parametrize("verdict", NO_VERDICT)
def test_the_door_stays_closed_without_a_verdict(ctx: StepContext, passed: GoLive, verdict: str) -> None:
    """Only a pass of this attempt at this site counts; else neither freeze nor door is touched."""
    changed, why = NO_VERDICT[verdict]
    ctx.case.write_evidence("golive", passed.model_copy(update=changed))
    if changed is None:
        (ctx.case.folder / "evidence" / "golive.json").unlink()
    with pytest.raises(VerificationError, match=why):
        steps.open_door(ctx)
    assert not door.seen_open(ctx.hosts.site())
    assert ctx.case.journal.last("committed") is None


def test_a_door_that_will_not_open_is_made_sure_to_be_closed(
    ctx: StepContext, passed: GoLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flip that fails closes the door again, so that the run may fall back; or nobody can tell."""
    ctx.case.write_evidence("golive", passed)
    flip = door.flip

    def fails_to_open(connection: Connection, site: SiteOutputs, state: DoorState, reason: str = "") -> None:
        flip(connection, site, state, reason)
        if state == "open":
            raise SiteError("nobody answers behind it")

    monkeypatch.setattr(door, "flip", fails_to_open)
    with pytest.raises(SiteError, match="nobody answers behind it"):
        steps.open_door(ctx)
    assert not door.seen_open(ctx.hosts.site())

    def fails(connection: object, outputs: object, state: str, reason: str = "") -> None:
        raise SiteError("the host is gone")

    monkeypatch.setattr(door, "flip", fails)
    with pytest.raises(Undecided, match="the host is gone"):
        steps.open_door(ctx)


def test_the_door_opens_on_a_pass_and_stays_open(ctx: StepContext, site: GoLiveSite, passed: GoLive) -> None:
    """After a pass the door opens; a repeat changes nothing, the stop included; the program is told."""
    ctx.case.write_evidence("golive", passed)
    steps.open_door(ctx)
    assert door.seen_open(ctx.hosts.site())
    stop = ctx.case.read_evidence("stop", Stop)
    assert stop.frozen_at == ctx.case.read_evidence("freeze", Freeze).frozen_at
    assert 0 < stop.actual_seconds == round((stop.opened_at - stop.frozen_at).total_seconds(), 3)

    # As after a crash: the door is open, so even a verdict that no longer counts is not asked for again.
    committed = [record for record in ctx.case.journal if record.kind == "committed"]
    ctx.case.write_evidence("golive", passed.model_copy(update={"checks": ()}))
    steps.open_door(ctx)
    assert ctx.case.read_evidence("stop", Stop) == stop
    assert [record for record in ctx.case.journal if record.kind == "committed"] == committed

    steps.declare_open(ctx)
    assert site.stack.outputs().door.state == "open"


def test_only_the_verifier_says_in_which_role_to_ask(site: GoLiveSite) -> None:
    """By the open door nobody may give themselves rights: the application never hears of it."""
    there = site.stack.outputs()
    rights = {"X-Verification-Entitlements": "documents:read", "If-Match": '"not-there"'}
    assert ask(there, "/files/documents/x", headers=rights).status == 401
    assert ask(there, "/files/documents/x", headers=rights, verified=True).status == 412


def test_a_site_is_suspended_with_a_reason_by_fab_door(site: GoLiveSite) -> None:
    """`fab door` suspends with a reason that users read, tells the state, and the program says the same."""
    words = ("door", "--tenant", TENANT, "--environment", "prod")
    done = run_fab(site, *words, "--state", "suspended", "--reason", "Unpaid; <call> us")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "golive-prod: suspended, on the host, from outside and in its program\n"
    with site.context() as ctx:
        answer = ask(ctx.hosts.site())
        assert (answer.status, "Unpaid; &lt;call&gt; us" in answer.body) == (503, True)
    assert run_fab(site, *words).stdout == "suspended\n"
    refused = run_fab(site, *words, "--state", "suspended")
    assert (refused.returncode, "a reason goes with suspended" in refused.stderr) == (1, True)
