"""
The circuit breaker: a refresh that says that a site is gone is more often a look at the wrong place.

Promise: nothing is adopted: the state stays as it is, so that whoever put the credentials, the region or the
host right finds it whole. What a wrong place said of resources is not told as theirs.
"""

from collections.abc import Sequence

from migrate.drift.findings import Finding
from provisioning.engine import Stack
from provisioning.errors import BasculeError
from provisioning.looks import Look
from provisioning.policy.resources import Resource
from provisioning.survey import Survey

LARGEST_LOSS = 0.1
"""Of the resources of a stack; more is no drift."""


def loss(look: Look, stateful: frozenset[str]) -> str:
    """Say what makes a refresh incredible: more than a tenth gone, or anything that holds data; else ""."""
    gone = [step for step in look.real if step.operation == "delete"]
    holding = [step.name for step in gone if step.type in stateful]
    parts = []
    if len(gone) > LARGEST_LOSS * len(look.real):
        parts.append(f"{len(gone)} of {len(look.real)} resources are gone")
    if holding:
        parts.append(f"what holds data is gone: {', '.join(sorted(holding))}")
    return "; ".join(parts)


def stopped(
    survey: Survey, stack: Stack, state: Sequence[Resource], why: str, found: Sequence[Finding]
) -> tuple[Finding, ...]:
    """Check account and region, and return what may be said: with the right ones, also what is gone."""
    rest = "Nothing was adopted and nothing further was looked at."
    try:
        wrong = survey.misplaced(stack, state)
    except BasculeError as error:
        text = f"{why}. Whether this is the right account and region could not be told: {error.what}. {rest}"
        return (Finding(check="refresh", verdict="error", says=text),)
    if wrong:
        text = f"{why}. It is the wrong place: {wrong}. {rest}"
        return (Finding(check="refresh", verdict="error", says=text),)
    text = f"{why}. Account, region and host are the right ones. {rest}"
    return (*found, Finding(check="refresh", verdict="stopped", says=text))
