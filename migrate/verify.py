"""
The go-live suite: run, read and judged.

The suite is a pytest-testinfra suite of its own, ``tests/golive/`` in the work tree and ``migrate/golive/``
in the installed package (one folder; the wheel takes it along). It runs as a process of its own, so that
neither the operator's pytest settings nor an earlier run in this process can change what it says.

Promise: only a run that is complete, of this attempt and without a failure is a pass. What was skipped needs
a waiver in force, and a waived check is counted as waived, never as passed.
"""

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast, get_args

from pydantic import AwareDatetime

from migrate import waivers
from migrate.case import Case
from migrate.errors import EvidenceError, VerificationError
from migrate.suite_run import SuiteRun
from provisioning.manifest import Environment
from provisioning.model import Model

DETAIL_CHARACTERS = 800

Outcome = Literal["passed", "failed", "error", "skipped", "waived"]


class Check(Model):
    """One check of the suite."""

    id: str
    """Such as ``tls.chain-is-trusted``; a waiver names it as ``golive:tls.chain-is-trusted``."""
    proves: str
    """The sentence that holds when it passes."""
    outcome: Outcome
    detail: str = ""
    seconds: float


class GoLive(Model):
    """What the suite found: evidence ``golive``."""

    tenant: str
    environment: Environment
    attempt: str
    """Empty when it was run by hand, outside a move; such a run opens no door."""
    started_at: AwareDatetime
    ended_at: AwareDatetime
    checks: tuple[Check, ...]
    fault: str = ""
    """Why the run itself does not count, such as having run no test; empty when it does."""

    @property
    def passed(self) -> bool:
        """Whether the door may open on this."""
        return not self.fault and bool(self.checks) and not self.blocking

    @property
    def blocking(self) -> list[Check]:
        """The checks that stand in the way."""
        return [check for check in self.checks if check.outcome not in ("passed", "waived")]

    @property
    def summary(self) -> str:
        """Such as ``41 passed, 1 waived``."""
        counted = Counter(check.outcome for check in self.checks)
        return ", ".join(f"{number} {outcome}" for outcome, number in counted.most_common()) or "no check ran"


def check_id(file: str, test: str) -> str:
    """Return ``tls.chain-is-trusted[x]`` for ``test_chain_is_trusted[x]`` of ``test_site_tls``."""
    name, bracket, rest = test.removeprefix("test_").partition("[")
    area = file.rpartition(".")[2].removeprefix("test_site_")
    return f"{area}.{name.replace('_', '-')}{bracket}{rest}"


def environment_called(name: str) -> Environment:
    """
    Return the environment of that name, as somebody typed it.

    Raises:
        VerificationError: There is none.
    """
    for environment in get_args(Environment):
        if name == environment:
            return cast(Environment, environment)
    raise VerificationError(f"no environment {name!r}", next_step="--environment test, or --environment prod")


def verify(case: Case, environment: Environment, *, attempt: str = "", suite: Path | None = None) -> GoLive:
    """
    Run the go-live suite against the site that the stack outputs name, and judge it.

    Args:
        attempt: The move that this is part of; with it, what only makes sense during a move is checked too.
        suite: Another folder than the suite that ships, in its shape.

    Raises:
        VerificationError: The suite is not installed or did not end in time.
        GateError: A waiver of a skipped check was changed after it was signed.
    """
    return judge(case, environment, attempt, SuiteRun(case, environment, attempt, suite=suite))


def judge(case: Case, environment: Environment, attempt: str, run: SuiteRun) -> GoLive:
    """Let a run of the suite, or of a part of it, come to its end and judge it; raises as `verify`."""
    started_at = datetime.now(UTC)
    with run:
        ran = run.finish()
        checks, fault = read_report(ran.report), ""
    if ran.status not in (0, 1):
        # 2 broken off, 3 internal error, 4 wrong usage, 5 nothing collected: not the whole suite.
        tail = "\n".join(ran.output.strip().splitlines()[-15:])
        fault = f"the suite ended with {ran.status}, so it is not complete:\n{tail}"
    elif not checks or sorted(check.id for check in checks) != sorted(map(_listed, ran.checklist)):
        fault = f"{len(checks)} results for {len(ran.checklist)} checks, so it is not complete"
    return GoLive(
        tenant=case.manifest.tenant,
        environment=environment,
        attempt=attempt,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        checks=waive(checks, lambda check: _waived_by(case, check)),
        fault=fault,
    )


def joined(before: GoLive, final: GoLive) -> GoLive:
    """
    Return the verdict on both parts together.

    Raises:
        VerificationError: They are not parts of one attempt.
    """
    if (before.attempt, before.environment) != (final.attempt, final.environment):
        raise VerificationError(
            f"the closed site was verified in {before.attempt}, not in {final.attempt}",
            state="The door stays closed.",
            next_step=f"fab run --tenant {final.tenant}",
        )
    return final.model_copy(
        update={
            "started_at": before.started_at,
            "checks": before.checks + final.checks,
            "fault": "; ".join(filter(None, (before.fault, final.fault))),
        }
    )


def waive(checks: tuple[Check, ...], waived_by: Callable[[Check], str | None]) -> tuple[Check, ...]:
    """
    Turn skipped checks that a waiver in force covers into waived ones.

    Only what was skipped: a check that ran and failed has found something, which no signature makes true.
    """
    return tuple(
        check.model_copy(update={"outcome": "waived", "detail": f"{check.detail}; {reason}"})
        if check.outcome == "skipped" and (reason := waived_by(check))
        else check
        for check in checks
    )


def read_report(path: Path) -> tuple[Check, ...]:
    """Return the checks of a JUnit report; none when there is no report or it is cut short."""
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - written by our own run, into our own folder
    except (OSError, ElementTree.ParseError):
        return ()
    return tuple(_check(test) for test in root.iter("testcase"))


def require_passed(case: Case, environment: Environment, attempt: str) -> GoLive:
    """
    Return the verdict of this attempt, if the door may open on it.

    Raises:
        VerificationError: It did not pass, is of another attempt or environment, or there is none.
    """
    closed = "The door stays closed."
    try:
        found = case.read_evidence("golive", GoLive)
    except EvidenceError as error:
        raise VerificationError(f"no go-live result counts: {error.what}", state=closed) from error
    if (found.environment, found.attempt) != (environment, attempt) or not attempt:
        raise VerificationError(
            f"the last go-live result is of {found.environment}, {found.attempt or 'a run by hand'}; "
            f"it proves nothing for {environment}, {attempt or 'no attempt'}",
            state=closed,
            next_step=f"fab run --tenant {case.manifest.tenant}",
        )
    require(found)
    return found


def require(found: GoLive, *, shown: bool = False) -> None:
    """
    Args:
        shown: Somebody who looked by hand has every check before them already, and no door was to open.

    Raises:
        VerificationError: The result is not a pass; names every check that stands in the way.
    """
    if found.passed:
        return
    lines = [
        f"  {check.outcome:7} {check.id}: {check.detail.splitlines()[0] if check.detail else check.proves}"
        for check in (() if shown else found.blocking)
    ]
    raise VerificationError(
        "\n".join(
            [f"{found.tenant}-{found.environment} may not open: {found.fault or found.summary}", *lines]
        ),
        state="This changed nothing; its door is as it was." if shown else "The door stays closed.",
        next_step=f"fab verify --tenant {found.tenant} --environment {found.environment}, after mending it",
    )


def _listed(line: str) -> str:
    file, _, test = line.partition(" ")
    return check_id(file, test)


def _check(test: ElementTree.Element) -> Check:
    outcome: Outcome = "passed"
    detail = ""
    # A test whose tear-down fails after it passed has an <error> too: the worst one counts.
    for tag, meaning in (("skipped", "skipped"), ("failure", "failed"), ("error", "error")):
        if (found := test.find(tag)) is not None:
            outcome, detail = meaning, found.get("message", "")  # type: ignore[assignment] # one of three
    proves = next(
        (
            each.get("value", "")
            for each in test.iterfind("properties/property")
            if each.get("name") == "proves"
        ),
        "",
    )
    return Check(
        id=check_id(test.get("classname", ""), test.get("name", "")),
        proves=proves,
        outcome=outcome,
        detail=detail.strip()[:DETAIL_CHARACTERS],
        seconds=round(float(test.get("time", "0")), 3),
    )


def _waived_by(case: Case, check: Check) -> str | None:
    waiver = waivers.active(case, f"golive:{check.id}")
    if waiver is None:
        return None
    return f"waived by {waiver.by} until {waiver.expires_at:%F %R %Z}: {waiver.reason}"
