"""
Holding a stack's resources against the rules.

Promise: reads only; a stack without resources of AWS proves nothing, and that is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from provisioning.policy.exceptions import UNMANAGED, PolicyException
from provisioning.policy.resources import Resource
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
    here = [one for one in exceptions if one.stack == stack and one.rule != UNMANAGED]
    excused = {(one.rule, one.resource) for one in here if one.expires >= today}
    broken = [
        Violation(rule.id, resource.name, rule.reason, rule.remedy)
        for rule in RULES
        for resource in resources
        if rule.concerns(resource) and not rule.holds(resource)
    ]
    broken += [
        Violation(kind, name, f"has none of {', '.join(lacking)}", "use PrivateBucket")
        for kind, name, lacking in _incomplete_buckets(resources)
    ]
    found = [one for one in broken if (one.rule, one.resource) not in excused]
    still = {(one.rule, one.resource) for one in broken}
    for one in here:
        if one.expires < today:
            why = f"the exception of {one.owner} ended on {one.expires}"
            found.append(Violation(one.rule, one.resource, why, "mend it, or agree on a new date"))
        elif (one.rule, one.resource) not in still:
            why = f"the exception of {one.owner} excuses nothing any more"
            found.append(Violation(one.rule, one.resource, why, "take it out"))
    return found


_OF_A_BUCKET = (
    *("BucketVersioning", "BucketServerSideEncryptionConfiguration", "BucketPublicAccessBlock"),
    *("BucketOwnershipControls", "BucketPolicy", "BucketLifecycleConfiguration"),
)
"""What S3 keeps beside a bucket, and a bucket is nothing without."""


def _incomplete_buckets(resources: Sequence[Resource]) -> list[tuple[str, str, list[str]]]:
    found = []
    for bucket in (one for one in resources if one.type.endswith("s3/bucket:Bucket")):
        # Children are named after their component.
        component = bucket.name.removesuffix("bucket")
        kinds = {one.type.split(":")[-1] for one in resources if one.name.startswith(component)}
        if lacking := [kind for kind in _OF_A_BUCKET if kind not in kinds]:
            found.append(("bucket-complete", bucket.name, lacking))
    return found
