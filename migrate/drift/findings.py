"""
What a check of one stack found: verdicts kept apart, one finding a property.

Promise: a finding names resources and properties and never a value, so it may be shown to anybody; what could
not be looked at is a finding of its own, `error`, and never the absence of one.
"""

import re
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from provisioning.model import Model

Check = Literal["refresh", "preview", "policy", "unmanaged", "maintenance", "record"]
CHECKS: tuple[Check, ...] = ("refresh", "preview", "policy", "unmanaged")
"""The four that every stack is asked; maintenance where its manifest asks for it, the record of all."""
Verdict = Literal[
    "drifted",  # a property is not as the state says
    "gone",  # a resource of the state is there no longer
    "ignored",  # it differs, and the program says that this is nobody's business
    "pending",  # the program says something that was not applied yet
    "rule",  # a rule of the policy is broken
    "unmanaged",  # it stands beside the program
    "maintenance",  # a patch level is too old
    "stopped",  # so much is gone that nothing further was looked at
    "locked",  # a lock of the state is left over
    "exception",  # one that has ended
    "stale",  # the last good check is too long ago
    "error",  # it could not be told
]
Outcome = Literal["clean", "found", "error", "stopped", "nothing"]
"""Of one check of one stack: `nothing` where there is nothing to ask, `stopped` where it was not made."""


class Finding(Model):
    """One thing about one stack."""

    check: Check
    verdict: Verdict
    resource: str = ""
    """Its name in the program."""
    type: str = ""
    path: str = ""
    """Of the property, such as ``files["etc/nginx/nginx.conf"]``; of a broken rule its id."""
    says: str = ""
    excused_by: str = ""
    """Who answers for it, and until when."""

    @property
    def counts(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.verdict != "ignored" and not self.excused_by

    @property
    def cause(self) -> str:
        """What is alike in the same finding of another tenant: all but whose resource it is."""
        # Such as ``role`` of "role intruder", and ``arn:aws:s3`` of a bucket's name.
        mark = re.match(r"arn:[^:]*:[^:]*|\w+", self.resource if self.verdict == "unmanaged" else "")
        kind = mark[0] if mark else self.type
        return f"{self.verdict}: {' '.join(word for word in (kind, self.path) if word) or _alike(self.says)}"

    def __str__(self) -> str:
        where = ".".join(word for word in (self.resource, self.path) if word)
        kind = f"{self.type} " if self.type else ""
        text = ": ".join(word for word in (f"{kind}{where}".strip(), self.says) if word)
        return f"{self.verdict:<11} {text}" + (f"  [excused: {self.excused_by}]" if self.excused_by else "")


def _alike(says: str) -> str:
    """The first line of a text that says something, without what is one stack's own."""
    first = next((line for line in says.splitlines() if not line.endswith(":")), says)
    own = r"\b[a-z][a-z0-9-]*-(test|prod)\b|\b[0-9a-f]{8,}\b|\d+"
    return re.sub(own, "…", first.removeprefix("error: "))[:120]


class StackReport(Model):
    """One stack at one time."""

    stack: str
    tenant: str
    environment: str
    checked_at: AwareDatetime
    seconds: float = 0
    resources: int = 0
    """How many were compared; components are none."""
    is_there: bool = True
    """Whether the state backend has it: what is not stood up has nothing to compare."""
    outcomes: dict[Check, Outcome] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    good_at: AwareDatetime | None = None
    """When a check of it last came to an end in which everything could be told."""

    @property
    def is_good(self) -> bool:
        return self.is_there and all(finding.verdict != "error" for finding in self.findings)

    def with_findings(self, *more: Finding) -> "StackReport":
        return self.model_copy(update={"findings": (*self.findings, *more)})

    def age_hours(self, now: datetime) -> float | None:
        """Since the last good check; None where there was none."""
        return (now - self.good_at).total_seconds() / 3600 if self.good_at else None


def split(stack: str) -> tuple[str, str]:
    """Return tenant and environment of a stack's name, as ``<tenant>-<environment>``."""
    tenant, _, environment = stack.rpartition("-")
    return tenant, environment


def unseen(stack: str, at: datetime, says: str) -> StackReport:
    """Return the report of a stack of which nothing could be told."""
    tenant, environment = split(stack)
    return StackReport(
        stack=stack,
        tenant=tenant,
        environment=environment,
        checked_at=at,
        outcomes=dict.fromkeys(CHECKS, "error"),
        findings=(Finding(check="refresh", verdict="error", says=says),),
    )
