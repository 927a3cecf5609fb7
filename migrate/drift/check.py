"""
The check of one stack: refresh, preview, policy, and what stands beside its program.

Promise: reads only, and nothing is taken into the state. Each of the four has an outcome of its own: an error
in one is told as that one's, and the others are still made. The program runs in the calling process, which is
this one stack's.
"""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from migrate.drift.breaker import loss, stopped
from migrate.drift.findings import CHECKS, Check, Finding, Outcome, StackReport, Verdict, split
from provisioning.engine import PLATFORM, Stack
from provisioning.errors import BasculeError, EngineError
from provisioning.looks import Look, Step, previewed, refreshed
from provisioning.manifest_file import load_manifest
from provisioning.partners import is_ours, partners
from provisioning.policy.check import violations
from provisioning.policy.exceptions import load_exceptions
from provisioning.policy.resources import on_aws, resource_of
from provisioning.survey import substrate_of, survey_of


def check(stack: Stack, today: date) -> StackReport:
    """
    Look at one stack.

    Raises:
        BasculeError: Nothing could be told: no engine, no manifest, a file of exceptions that is wrong.
    """
    began, at = time.monotonic(), datetime.now(UTC)
    tenant, environment = split(stack.name)
    survey = survey_of(substrate := substrate_of(stack.workspace, tenant))
    outcomes: dict[Check, Outcome] = dict.fromkeys(CHECKS, "stopped")
    found: list[Finding] = []

    def asked(check: Check, ask: Callable[[], Sequence[Finding] | None]) -> None:
        try:
            answer = ask()
        except BasculeError as error:
            answer = (Finding(check=check, verdict="error", says=error.what),)
        if answer is None:
            outcomes[check] = "nothing"
            return
        outcomes[check] = _outcome(answer)
        found.extend(answer)

    with partners(stack.workspace) as ours:
        refresh = refreshed(stack, ours)
        report = StackReport(
            stack=stack.name,
            tenant=tenant,
            environment=environment,
            checked_at=at,
            resources=len(refresh.real),
            is_there=refresh.is_there and (bool(refresh.real) or bool(refresh.faults)),
        )
        if not report.is_there:
            return report
        state = [resource_of(step.before) for step in refresh.steps if step.before]
        drift = _drift(stack, refresh)
        if why := "" if refresh.faults else loss(refresh, survey.STATEFUL):
            asked("refresh", lambda: stopped(survey, stack, state, why, drift))
        else:
            asked("refresh", lambda: drift)
            preview = previewed(stack, ours, with_our_program=is_ours(stack.workspace))
            asked("preview", lambda: _pending(preview))
            asked("policy", lambda: _policy(stack, substrate, preview, today))
            asked("unmanaged", lambda: _beside(survey.beside(stack, state, today)))
            asked("maintenance", lambda: _maintenance(stack, tenant, environment))
    seconds = round(time.monotonic() - began, 1)
    return report.model_copy(
        update={"seconds": seconds, "outcomes": outcomes, "findings": tuple(dict.fromkeys(found))}
    )


def _outcome(findings: Sequence[Finding]) -> Outcome:
    if any(finding.verdict == "error" for finding in findings):
        return "error"
    return "found" if any(finding.verdict != "ignored" for finding in findings) else "clean"


def _errors(check: Check, look: Look) -> list[Finding]:
    return [Finding(check=check, verdict="error", says=fault) for fault in look.faults]


def _drift(stack: Stack, look: Look) -> list[Finding]:
    found = _errors("refresh", look)
    for step in (one for one in look.real if one.operation != "same"):
        if step.operation == "delete":
            found.append(_about("refresh", "gone", step))
        else:
            found += [_about("refresh", "drifted", step, path) for path in step.properties or ("",)]
    return found + _ignored(stack, look)


def _about(check: Check, verdict: Verdict, step: Step, path: str = "", says: str = "") -> Finding:
    return Finding(check=check, verdict=verdict, resource=step.name, type=step.type, path=path, says=says)


def _ignored(stack: Stack, look: Look) -> list[Finding]:
    """
    Find what changed in properties that the program ignores.

    The engine leaves these out of its differences, so states are compared here. Which are ignored, and not
    only taken for the same by the provider, stands in the state alone; it is read where something changed.
    """
    changed = {step.before["urn"]: (step, names) for step in look.real if (names := _unnamed(step))}
    if not changed:
        return []
    try:
        exported = json.loads(stack.run("stack", "export", apart=True).stdout)
    except EngineError as error:
        return [Finding(check="refresh", verdict="error", says=error.what)]
    ignoring = {
        one["urn"]: set(map(_top, one.get("ignoreChanges") or ()))
        for one in exported["deployment"].get("resources", [])
    }
    return [
        _about("refresh", "ignored", step, name)
        for urn, (step, names) in changed.items()
        for name in names
        if {name, "*"} & ignoring.get(urn, set())
    ]


def _top(path: str) -> str:
    """The resource's own property that a path leads into."""
    return path.partition(".")[0].partition("[")[0]


def _unnamed(step: Step) -> list[str]:
    """Return properties that are not as they were, and are not among the step's differences."""
    if not (step.before and step.after):
        return []
    named = set(map(_top, step.properties))
    sides = [(step.before.get(kind) or {}, step.after.get(kind) or {}) for kind in ("inputs", "outputs")]
    return sorted(
        {
            name
            for old, new in sides
            for name in {*old, *new}
            if name not in named and old.get(name) != new.get(name)
        }
    )


def _pending(look: Look) -> list[Finding]:
    found = _errors("preview", look)
    for step in (one for one in look.changed if not one.type.startswith("pulumi:")):
        says = "" if step.operation == "update" else f"to {step.operation}"
        found += [_about("preview", "pending", step, path, says) for path in step.properties or ("",)]
    return found


def _policy(stack: Stack, substrate: str, look: Look, today: date) -> list[Finding] | None:
    if substrate != "aws":
        return None  # every rule is about resources of AWS
    if look.faults:
        raise EngineError("without a whole preview there is nothing to hold the rules against")
    planned = on_aws(resource_of(step.after) for step in look.steps if step.after)
    if not planned:
        raise EngineError(f"the preview of {stack.name} holds no resource of AWS, so nothing was checked")
    exceptions = load_exceptions(stack.workspace.stacks)
    types: dict[str, str] = {one.name: one.type for one in planned}
    return [
        Finding(
            check="policy",
            verdict="rule",
            resource=one.resource,
            type=types.get(one.resource, ""),
            path=one.rule,
            says=f"{one.reason}; {one.remedy}",
        )
        for one in violations(stack.name, planned, exceptions, today)
    ]


def _beside(names: Sequence[str]) -> list[Finding]:
    return [Finding(check="unmanaged", verdict="unmanaged", resource=name) for name in names]


def _maintenance(stack: Stack, tenant: str, environment: str) -> list[Finding] | None:
    if tenant == PLATFORM:
        return None
    manifest = load_manifest(stack.workspace, tenant)
    if not (manifest.operations and manifest.operations.maintenance):
        return None
    from migrate import maintenance  # here: SSH and databases, which most checks do without
    from migrate.connections import Hosts

    with Hosts(stack.workspace, manifest) as hosts:
        levels = maintenance.look(hosts, "prod" if environment == "prod" else "test")
    return [
        Finding(check="maintenance", verdict="maintenance", resource=level.program, says=str(level))
        for level in levels
        if level.is_old
    ]
