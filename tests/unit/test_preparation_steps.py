"""The steps before the move, and the look at the clock: what they wait for, and what they keep."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from migrate import waivers
from migrate.case import Case, digest_of
from migrate.connections import Hosts
from migrate.errors import ConnectionFailed, MigrationError, Waiting
from migrate.request import request_file
from migrate.schedule import Schedule, agree
from migrate.signatures import sign, verify
from migrate.step import Act, Result, StepContext
from migrate.steps import preparation
from migrate.waivers import Waiver
from provisioning.errors import ManifestError
from provisioning.workspace import Workspace
from tests.support import quoting
from tests.support.moves import Told

ANNA = "anna.kaeser@alpenblick.example"
VERA = "vera@vendor.example"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A workspace with the example's rate card, and nothing done yet."""
    (tmp_path / "stacks").mkdir()
    rates = (quoting.EXAMPLE / "stacks" / "rates.yaml").read_bytes()
    (tmp_path / "stacks" / "rates.yaml").write_bytes(rates)
    return Case(Workspace(tmp_path), quoting.manifest())


def do(case: Case, act: Act, **params: str) -> Result:
    return act(StepContext(case, Hosts(case.workspace, case.manifest), Told(), "preparation-1", params))


def key_of(case: Case, name: str, principals: str) -> Path:
    """Make a key and allow it to sign."""
    key = case.workspace.root / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    with (case.workspace.stacks / "allowed_signers").open("a") as file:
        file.write(f'{principals} namespaces="bascule" {public}\n')
    return key


def keep_schedule(case: Case, opens_at: datetime, hours: float = 21) -> Schedule:
    schedule = Schedule(
        opens_at=opens_at,
        closes_at=opens_at + timedelta(hours=hours),
        time_zone="Europe/Zurich",
        site_name="alpenblick.care.example",
        on_weekend=True,
        agreed_at=datetime.now(UTC),
        agreed_with=ANNA,
        estimate_high_seconds=600,
    )
    case.write_evidence("schedule", schedule)
    return schedule


def test_request_is_waited_for_then_recorded_from_its_file(case: Case) -> None:
    """Without a request the run waits and says how to record one; a request file is taken as it is."""
    with pytest.raises(Waiting) as told:
        do(case, preparation.record_the_request)
    assert told.value.what == "no quote request of alpenblick is recorded yet"
    assert told.value.next_step == "fab request --tenant alpenblick, or write stacks/alpenblick.request.yaml"
    asked = quoting.request(training={"training-online": 2}).model_dump(mode="json")
    request_file(case).write_text(yaml.safe_dump(asked))
    first = do(case, preparation.record_the_request)
    assert first == {"by": ANNA, "requested_at": "2026-11-02T09:15:00+01:00"}
    assert do(case, preparation.record_the_request) == first
    assert [record.kind for record in case.journal] == ["evidence"]


def test_faulty_request_file_is_told(case: Case) -> None:
    """A misspelt key in a request is named, with the one that was meant."""
    asked = quoting.request().model_dump(mode="json")
    asked["trainings"] = asked.pop("training")
    request_file(case).write_text(yaml.safe_dump(asked))
    with pytest.raises(ManifestError, match="unknown key; did you mean training"):
        do(case, preparation.record_the_request)


def test_repeated_offer_keeps_its_signature(case: Case) -> None:
    """The step may run again after the customer signed: the file is the same, the signature still good."""
    case.write_evidence("request", quoting.request())
    case.write_evidence("assessment", quoting.assessment())
    key = key_of(case, "anna", ANNA)
    first = do(case, preparation.write_the_offer)
    document = case.document("offer.pdf")
    sign(document, key)
    before = digest_of(document)
    case.write_evidence("assessment", quoting.assessment(measured_at=datetime.now(UTC)))
    assert do(case, preparation.write_the_offer) == first
    assert digest_of(document) == before
    assert verify(document, case.workspace.stacks / "allowed_signers", ANNA).signer == ANNA


def test_date_is_waited_for(case: Case) -> None:
    """Nobody agreed yet: the run waits for the responsible person, and shows what was wished."""
    case.write_evidence("assessment", quoting.assessment())
    with pytest.raises(Waiting) as told:
        do(case, preparation.agree_schedule)
    assert told.value.what == (
        "date and site name are not agreed with Anna Käser yet; wished: Tuesday 2027-03-09 17:00"
    )
    assert told.value.next_step == "fab schedule --tenant alpenblick, or with --opens … --closes …"
    window = case.manifest.window
    now = datetime(2027, 1, 4, tzinfo=UTC)
    agree(case, quoting.assessment(), window.opens_at, window.closes_at, now=now)
    assert do(case, preparation.agree_schedule)["site_name"] == "alpenblick.care.example"


def test_agreed_window_that_no_longer_fits_is_waited_for(case: Case) -> None:
    """When the estimate outgrows the window, a new one has to be agreed on."""
    estimate = quoting.assessment().estimate
    grown = estimate.model_copy(
        update={"parts": (estimate.parts[0].model_copy(update={"high_seconds": 90_000.0}),)}
    )
    case.write_evidence("assessment", quoting.assessment(estimate=grown))
    window = case.manifest.window
    now = datetime(2027, 1, 4, tzinfo=UTC)
    agree(case, quoting.assessment(), window.opens_at, window.closes_at, now=now)
    with pytest.raises(
        Waiting, match="what was agreed no longer holds: the window of alpenblick breaks 1 rule"
    ):
        do(case, preparation.agree_schedule)


@pytest.fixture
def all_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of the clock have no hosts."""
    monkeypatch.setattr(preparation, "require_all_answer", lambda hosts: [])


@pytest.mark.usefixtures("all_answer")
def test_move_begins_within_the_window(case: Case) -> None:
    """Inside the agreed hours nothing is waited for."""
    schedule = keep_schedule(case, datetime.now(UTC) - timedelta(hours=1))
    assert do(case, preparation.check_window) == {
        "opens_at": schedule.opens_at.isoformat(),
        "closes_at": schedule.closes_at.isoformat(),
    }


def test_move_does_not_begin_while_somebody_does_not_answer(case: Case) -> None:
    """Whoever cannot be reached is told before anything is held or frozen, all at once."""
    keep_schedule(case, datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(ConnectionFailed) as told:
        do(case, preparation.check_window)
    lines = str(told.value).splitlines()
    assert lines[0] == "not everybody answers whom the move needs:"
    assert any("has no Host" in line for line in lines)
    assert "The move did not begin: no interface was held, nothing was frozen." in lines


@pytest.mark.usefixtures("all_answer")
def test_move_outside_the_window_needs_a_waiver(case: Case) -> None:
    """Before it opens the run waits and says when; a signed waiver lets it begin, marked as waived."""
    keep_schedule(case, datetime.now(UTC) + timedelta(days=2))
    with pytest.raises(Waiting) as told:
        do(case, preparation.check_window)
    assert told.value.what.startswith("the window opens at ")
    assert "fab waive --tenant alpenblick --what window" in told.value.next_step
    now = datetime.now(UTC)
    waiver = Waiver(
        tenant="alpenblick",
        what="window",
        by=VERA,
        reason="The customer is here and asks for it.",
        given_at=now,
        expires_at=now + timedelta(hours=1),
    )
    waivers.give(case, waiver, key_of(case, "vera", f"vendor,{VERA}"))
    result = do(case, preparation.check_window)
    assert result["waived"] is True
    assert result["by"] == VERA


def test_environment_of_a_site_is_checked(case: Case) -> None:
    """A playbook that asks for an environment that does not exist is told so."""
    with pytest.raises(MigrationError) as told:
        do(case, preparation.deploy_site, environment="production")
    assert str(told.value) == (
        "deploy-site: environment is 'production'\nNext: write with: {environment: test} or prod"
    )
