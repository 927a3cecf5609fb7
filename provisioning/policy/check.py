"""
Holding a stack's resources against the rules.

Promise: reads only; a stack without resources of AWS proves nothing, and that is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from provisioning.policy.exceptions import UNMANAGED, PolicyException
from provisioning.policy.resources import Resource
from provisioning.policy.rule import Rule
from provisioning.policy.rules import RULES


@dataclass(frozen=True)
class Violation:
    """One resource that does not keep one rule, or an exception that no longer excuses anything."""

    rule: str
    resource: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}  {self.resource}: {self.reason}; {self.remedy}"


def violations(
    stack: str, resources: Sequence[Resource], exceptions: Sequence[PolicyException], today: date
) -> list[Violation]:
    """Return what does not keep the rules, in the order of the rules; exceptions that hold are left out."""
    found = broken(resources) + incomplete_buckets(resources)
    return excused(stack, found, exceptions, today) + outdated(stack, found, exceptions, today)


def broken(resources: Sequence[Resource], rules: Sequence[Rule] = RULES) -> list[Violation]:
    """Return what does not keep the rules that read one resource alone."""
    return [
        Violation(rule.id, resource.name, rule.reason, rule.remedy)
        for rule in rules
        for resource in resources
        if rule.breaks(resource)
    ]


def waiting(resources: Sequence[Resource]) -> int:
    """Return how many answers take what is not known yet, as before a stack stands."""
    return sum(rule.waits(resource) for rule in RULES for resource in resources)


def excused(
    stack: str, found: Sequence[Violation], exceptions: Sequence[PolicyException], today: date
) -> list[Violation]:
    """Return what is left of `found` without what an exception excuses that has not ended."""
    holding = {(one.rule, one.resource) for one in _of(stack, exceptions) if one.holds(today)}
    return [one for one in found if (one.rule, one.resource) not in holding]


def outdated(
    stack: str, found: Sequence[Violation], exceptions: Sequence[PolicyException], today: date
) -> list[Violation]:
    """Return the exceptions of a stack that have ended, or that excuse nothing of all that was `found`."""
    still = {(one.rule, one.resource) for one in found}
    told = []
    for one in _of(stack, exceptions):
        if not one.holds(today):
            why = f"the exception of {one.owner} ended on {one.expires}"
            told.append(Violation(one.rule, one.resource, why, "mend it, or agree on a new date"))
        elif (one.rule, one.resource) not in still:
            why = f"the exception of {one.owner} excuses nothing any more"
            told.append(Violation(one.rule, one.resource, why, "take it out"))
    return told


def _of(stack: str, exceptions: Sequence[PolicyException]) -> list[PolicyException]:
    return [one for one in exceptions if one.stack == stack and one.rule != UNMANAGED]


_OF_A_BUCKET = (
    *("BucketVersioning", "BucketServerSideEncryptionConfiguration", "BucketPublicAccessBlock"),
    *("BucketOwnershipControls", "BucketPolicy", "BucketLifecycleConfiguration"),
)
"""What S3 keeps beside a bucket, and a bucket is nothing without."""


def incomplete_buckets(resources: Sequence[Resource]) -> list[Violation]:
    """Return the buckets of a whole stack that lack something of what belongs to one."""
    found = []
    for bucket in (one for one in resources if one.type.endswith("s3/bucket:Bucket")):
        # Children are named after their component.
        component = bucket.name.removesuffix("bucket")
        kinds = {one.type.split(":")[-1] for one in resources if one.name.startswith(component)}
        if lacking := [kind for kind in _OF_A_BUCKET if kind not in kinds]:
            why = f"has none of {', '.join(lacking)}"
            found.append(Violation("bucket-complete", bucket.name, why, "use PrivateBucket"))
    return found
