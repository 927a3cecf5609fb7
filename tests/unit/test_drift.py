"""Drift: when a check stops, who is excused, how old a check may be, and what many stacks come to."""

import json
import os
import signal
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from migrate.drift import agreed, fleet, records, runner
from migrate.drift.agreed import DriftException, excused
from migrate.drift.breaker import loss, stopped
from migrate.drift.findings import CHECKS, Finding, StackReport, unseen
from migrate.drift.report import DriftReport, lines
from migrate.errors import Refused
from migrate.waiting import wait_until
from provisioning.engine import Stack
from provisioning.errors import SiteError, WorkspaceError
from provisioning.looks import Look, Step
from provisioning.policy.resources import Resource
from provisioning.workspace import Workspace
from tests.support.local_sites import local_workspace

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
HOST = "bascule:local:Host"
DOOR = Finding(
    check="refresh", verdict="drifted", resource="alpha-door", type="bascule:local:Door", path="state"
)


def report(stack: str, *findings: Finding, at: datetime = NOW, **more: object) -> StackReport:
    tenant, environment = stack.rsplit("-", 1)
    return StackReport.model_validate(
        {
            "stack": stack,
            "tenant": tenant,
            "environment": environment,
            "checked_at": at,
            "outcomes": dict.fromkeys(CHECKS, "clean"),
            "findings": findings,
            **more,
        }
    )


def refresh(gone: Sequence[str], standing: int) -> Look:
    def step(type_: str, name: str, operation: str) -> Step:
        return Step(type_, name, operation, (), True, {}, {})

    steps = [step(type_, f"gone-{n}", "delete") for n, type_ in enumerate(gone)]
    return Look((*steps, *(step("x:y:Z", f"there-{n}", "same") for n in range(standing))), ())


@pytest.mark.parametrize(
    ("gone", "standing", "says"),
    [
        ([], 10, ""),
        (["x:y:Z"], 9, ""),  # a tenth is not more than a tenth
        (["x:y:Z"], 8, "1 of 9 resources are gone"),
        ([HOST], 99, "what holds data is gone: gone-0"),
    ],
)
def test_what_breaks_the_circuit(gone: list[str], standing: int, says: str) -> None:
    """More than a tenth gone, or anything that holds data: then a refresh is not believed."""
    assert loss(refresh(gone, standing), frozenset({HOST})) == says


class Place:
    """A survey that says what it is given."""

    STATEFUL = frozenset({HOST})
    MODULES: tuple[str, ...] = ()

    def __init__(self, says: str | SiteError) -> None:
        self.says = says

    def misplaced(self, stack: Stack, state: Sequence[Resource]) -> str:
        if isinstance(self.says, SiteError):
            raise self.says
        return self.says

    def beside(self, stack: Stack, state: Sequence[Resource], today: date) -> list[str]:
        raise AssertionError("nothing further is looked at")


@pytest.mark.parametrize(
    ("says", "verdicts", "told"),
    [
        ("", ["gone", "stopped"], "Account, region and host are the right ones"),
        ("its state is of region a, its configuration of b", ["error"], "It is the wrong place: its state"),
        (SiteError("AWS does not answer"), ["error"], "could not be told: AWS does not answer"),
    ],
)
def test_the_place_is_checked_before_a_loss_is_told(
    says: str | SiteError, verdicts: list[str], told: str
) -> None:
    """What a wrong account says of resources is not told as theirs; nothing is adopted in any case."""
    gone = Finding(check="refresh", verdict="gone", resource="alpha-host", type=HOST)
    stack = Stack(Workspace(Path("/nowhere")), "alpha-prod")
    found = stopped(Place(says), stack, [], "what holds data is gone", [gone])
    assert [one.verdict for one in found] == verdicts
    assert told in found[-1].says
    assert "Nothing was adopted" in found[-1].says


def exception(**changed: object) -> DriftException:
    given = {
        "stack": "alpha-prod",
        "resource": "alpha-door",
        "verdict": "drifted",
        "owner": "rosa@vendor.example",
    }
    reason = {"reason": "opened by hand for the audit", "expires": NOW.date()}
    return DriftException.model_validate({**given, **reason, **changed})


def test_an_exception_excuses_its_property_until_its_day_is_over() -> None:
    """On the last day it excuses; a day later the drift counts, and the exception is told by its owner."""
    of_property = exception(property="state")
    (held,) = excused(report("alpha-prod", DOOR), [of_property], NOW.date()).findings
    assert (held.counts, held.excused_by) == (False, "rosa@vendor.example until 2026-11-27")
    drift, ended = excused(report("alpha-prod", DOOR), [of_property], NOW.date() + timedelta(days=1)).findings
    assert (drift.counts, ended.verdict, ended.counts) == (True, "exception", True)
    assert "rosa@vendor.example ended on 2026-11-27" in ended.says
    for other in (exception(property="reason"), exception(stack="beta-prod"), exception(verdict="gone")):
        assert excused(report("alpha-prod", DOOR), [other], NOW.date()).findings == (DOOR,)


def test_a_wrong_file_of_exceptions_is_told_whole(tmp_path: Path) -> None:
    """Without owner, reason and end nothing is excused, and nothing is checked."""
    (tmp_path / agreed.FILE).write_text("- {stack: a-prod, resource: x, verdict: error, reason: short}\n")
    with pytest.raises(
        WorkspaceError, match=r"(?s)4 to correct.*verdict.*owner.*reason.*expires|4 to correct"
    ):
        agreed.load_exceptions(tmp_path)
    assert agreed.load_exceptions(tmp_path / "none") == []


def test_a_check_that_told_nothing_makes_no_old_one_new(tmp_path: Path) -> None:
    """The age is that of the last good check; past 36 h it is a finding, and so is a stack never checked."""
    workspace = Workspace(tmp_path)
    assert records.kept(workspace, report("alpha-prod", DOOR)).good_at == NOW
    later = NOW + timedelta(hours=36)
    kept = records.kept(workspace, unseen("alpha-prod", later, "no answer"))
    assert kept.good_at == NOW
    assert [one.verdict for one in records.aged(kept, later).findings] == ["error"]
    old = records.aged(kept, later + timedelta(minutes=1)).findings[-1]
    assert (old.verdict, old.counts) == ("stale", True)
    never = records.aged(unseen("beta-prod", NOW, "it was never checked"), NOW)
    assert "last good check was never" in never.findings[-1].says


def test_a_stack_that_is_missing_in_the_backend_is_an_error(tmp_path: Path) -> None:
    """Another state backend makes no stack one that nobody stood up; one that never was is passed by."""
    workspace = Workspace(tmp_path)
    records.kept(workspace, report("alpha-prod"))
    missing = records.kept(workspace, report("alpha-prod", is_there=False))
    assert (missing.is_there, missing.findings[0].verdict, missing.good_at) == (True, "error", NOW)
    never = records.kept(workspace, report("beta-prod", is_there=False))
    assert DriftReport((never,), NOW).status == "clean"
    assert records.aged(never, NOW).findings == ()


def test_one_status_comes_of_many_stacks() -> None:
    """Drift makes it drift; what could not be told outweighs it; ignored and excused do not count."""
    ignored = DOOR.model_copy(update={"verdict": "ignored"})
    held = DOOR.model_copy(update={"excused_by": "somebody until some day"})
    clean = report("alpha-prod", ignored, held)
    assert DriftReport((clean,), NOW).status == "clean"
    assert DriftReport((clean, report("beta-prod", DOOR)), NOW).status == "drift"
    three = (clean, report("beta-prod", DOOR), unseen("gamma-prod", NOW, "no answer"))
    assert DriftReport(three, NOW).status == "unknown"


def test_causes_are_put_together_across_tenants() -> None:
    """The same property of the same type is one cause, whosever it is; so is the same fault."""
    beta = DOOR.model_copy(update={"resource": "beta-door"})
    found = DriftReport(
        (
            report("alpha-prod", DOOR),
            report("beta-prod", beta),
            unseen("gamma-prod", NOW, "gamma-prod: port 5432 does not answer"),
            unseen("delta-test", NOW, "delta-test: port 5433 does not answer"),
        ),
        NOW,
    )
    assert [(one.text, one.stacks) for one in found.causes] == [
        ("drifted: bascule:local:Door state", ("alpha-prod", "beta-prod")),
        ("error: …: port … does not answer", ("gamma-prod", "delta-test")),
    ]
    told = "\n".join(lines(found))
    assert "2 × drifted: bascule:local:Door state: alpha-prod, beta-prod" in told
    assert json.loads(json.dumps(found.as_json()))["status"] == "unknown"


def test_every_stack_is_in_exactly_one_shard() -> None:
    """A name's shard follows from the name alone, shards are about alike in size, and none is left out."""
    names = [f"tenant-{n}-{environment}" for n in range(200) for environment in ("test", "prod")]
    shards = [fleet.chosen(names, shard=f"{n}/4") for n in range(1, 5)]
    assert sorted(name for shard in shards for name in shard) == sorted(names)
    assert min(map(len, shards)) > 60
    assert fleet.chosen(list(reversed(names)), shard="2/4") == list(reversed(shards[1]))
    for wrong in ("0/4", "5/4", "2", "a/b"):
        with pytest.raises(Refused, match="is no shard"):
            fleet.chosen(names, shard=wrong)
    with pytest.raises(Refused, match="no stack other-prod is configured"):
        fleet.chosen(names, stacks=["other-prod"])


def test_stacks_are_named_by_their_files(tmp_path: Path) -> None:
    """Configured is what has a stack's file and a tenant; the state backend is not asked."""
    (tmp_path / "stacks").mkdir()
    for name in (
        "alpha.yaml",
        "Pulumi.alpha-prod.yaml",
        "Pulumi.platform-test.yaml",
        "Pulumi.left-prod.yaml",
    ):
        (tmp_path / "stacks" / name).touch()
    assert fleet.configured(Workspace(tmp_path)) == ["alpha-prod", "platform-test"]


def test_a_process_that_is_killed_is_an_error_of_its_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each stack has a process of its own, at most so many at a time; one that dies takes no other along."""

    def checked(_: runner.Order, name: str) -> StackReport:
        if name == "beta-prod":
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(1, b"what a program prints\n")
        return report(name, resources=os.getpid())

    monkeypatch.setattr(runner, "_report", checked)
    names = ("alpha-prod", "beta-prod", "gamma-prod")
    runner.run(runner.Order(workspace=tmp_path, stacks=names, substrates=(), workers=2, jitter_seconds=0.1))
    told = {
        one.stack: one for one in map(StackReport.model_validate_json, capfd.readouterr().out.splitlines())
    }
    assert told.keys() == set(names)
    assert "killed by SIGKILL" in told["beta-prod"].findings[0].says
    assert len({os.getpid(), told["alpha-prod"].resources, told["gamma-prod"].resources}) == 3


def test_nothing_goes_on_for_who_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that is called off ends the engines that still work on other stacks."""
    begun = tmp_path / "begun"
    engine = tmp_path / "pulumi"
    engine.write_text(f'#!/bin/sh\ncase "$*" in *beta*) echo $$ > {begun}; exec sleep 600 ;; esac\nexit 1\n')
    engine.chmod(0o755)
    monkeypatch.setenv("BASCULE_PULUMI", str(engine))
    workspace = local_workspace(tmp_path, "alpha", "beta")
    for name in ("alpha-test", "beta-test"):
        (workspace.stacks / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    reports = fleet.checked(workspace, ["alpha-test", "beta-test"], workers=2)
    assert next(reports).stack == "alpha-test"
    assert wait_until(begun.is_file, deadline_seconds=60)
    process = int(begun.read_text())
    reports.close()  # type: ignore[attr-defined] # what stops asking for more does
    assert not Path(f"/proc/{process}").exists()


def test_workers_are_bounded_by_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's limit counts like the machine's memory: 700 MB a worker, and always one."""
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(fleet, "_GROUP_LIMIT", limit)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    for text, workers in (("100000000", 1), (str(2 * 700 * 1024**2), 2)):
        limit.write_text(text)
        assert fleet.workers_that_fit() == workers
    limit.write_text("max")
    assert fleet.workers_that_fit() > 0
