"""
What carries a stack's tags and is in no state of it: made by hand, or left behind.

Promise: reads only. Passed by is what AWS itself makes for a stack: the hosts that a group starts, with their
disks and network cards, and snapshots, which outlive what they are of on purpose.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from provisioning.errors import SiteError
from provisioning.pinned import Pinned
from provisioning.policy.exceptions import PolicyException, excused_beside
from provisioning.policy.resources import Resource

_OF_HOSTS = ("instance", "volume", "network-interface")
_KEPT = ("snapshot", "recovery-point")


def unmanaged(
    session: Any,
    pinned: Pinned,
    state: Sequence[Resource],
    exceptions: Sequence[PolicyException],
    today: date,
) -> list[str]:
    """
    Return the ARNs that nobody's program knows, sorted, but for those that are excused today.

    Args:
        session: A boto3 session, in the stack's region.
        pinned: The stack, and its account.
        state: What the stack is made of, by `resources.of_state`.

    Raises:
        SiteError: The credentials are another account's, or AWS refuses to tell.
    """
    known = {word for one in state for word in one.identities}
    excused = excused_beside(exceptions, pinned.stack, today)
    try:
        pinned.refuse_others(session)
        tagged = _tagged(session, pinned.stack)
        found = [arn for arn in tagged if arn not in known and _name(arn) not in known]
    except (ClientError, BotoCoreError) as error:
        raise SiteError(
            f"AWS did not say what carries the tags of {pinned.stack}: {error}",
            state="Whether anything stands beside its program is not known.",
        ) from error
    return sorted(arn for arn in found if arn not in excused)


def _tagged(session: Any, stack: str) -> Iterator[str]:
    pages = session.client("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in pages.paginate(TagFilters=[{"Key": "stack", "Values": [stack]}]):
        for one in page["ResourceTagMappingList"]:
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            kind = _kind(one["ResourceARN"])
            if not (kind in _OF_HOSTS and tags.get("role") == "host") and kind not in _KEPT:
                yield one["ResourceARN"]


def _kind(arn: str) -> str:
    """Such as ``instance`` of ``arn:aws:ec2:…:instance/i-1``; RDS has a colon in the slash's place."""
    return arn.split(":", 5)[-1].replace("/", ":").split(":")[0]


def _name(arn: str) -> str:
    """What a resource is called by itself, as ids are: ``i-1`` of the above."""
    return arn.split(":", 5)[-1].replace("/", ":").split(":")[-1]
