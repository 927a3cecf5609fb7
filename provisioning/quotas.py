"""
Room on AWS: what one more tenant of a class would cross, asked of the account before anything is made.

Promise: reads only; a limit that the account has raised counts as raised, one that cannot be read as AWS's
default.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from provisioning.errors import SiteError
from provisioning.manifest import Environment
from provisioning.pinned import Pinned
from provisioning.platform_facts import PlatformFacts, parameter_name

ONE_SITE = {"certificates": 2, "target groups": 2, "rules": 3, "databases": 1}
"""What one site takes at most: a second certificate for a customer's own name, a migration runner."""
_LIMITS = {
    "certificates": ("elasticloadbalancing", "L-9365A611", 25),
    "target groups": ("elasticloadbalancing", "L-822D1B1B", 100),
    "rules": ("elasticloadbalancing", "L-7EED9B64", 100),
    "databases": ("rds", "L-7B6409FD", 40),
    "networks": ("vpc", "L-F678F1CE", 5),
}
"""Service, quota code, and what AWS gives by default."""


@dataclass(frozen=True)
class Room:
    """One limit: how much of it is used, and how much one more site takes."""

    what: str
    used: int
    limit: int
    needed: int

    @property
    def is_enough(self) -> bool:
        return self.used + self.needed <= self.limit

    def __str__(self) -> str:
        end = "" if self.is_enough else f": no room for {self.needed} more"
        return f"{self.what}: {self.used} of {self.limit} used{end}"


def room_for_a_site(session: Any, environment: Environment, pinned: Pinned) -> list[Room]:
    """
    Return what is used of each limit that a site of this class meets.

    Args:
        session: A boto3 session, in the class's region.
        pinned: The platform's stack, and its account.

    Raises:
        SiteError: The credentials are another account's, there is no platform, or AWS refuses to tell.
    """
    try:
        pinned.refuse_others(session)
        name = parameter_name(environment)
        told = session.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        used = dict(_used(session, PlatformFacts.model_validate_json(told).listener_arn))
        return [Room(what, used[what], _limit(session, what), needed) for what, needed in ONE_SITE.items()]
    except (ClientError, BotoCoreError) as error:
        raise SiteError(
            f"AWS did not say what is used in account {pinned.account}: {error}",
            state="Whether there is room is not known.",
            next_step=f"pulumi up -s platform-{environment}, if it does not stand yet",
        ) from error


def room_for_a_platform(session: Any) -> Room:
    """Return what is used of the one limit that a platform meets: networks of the region."""
    return Room("networks", _count(session, "ec2", "describe_vpcs", "Vpcs"), _limit(session, "networks"), 1)


def _used(session: Any, listener_arn: str) -> Iterator[tuple[str, int]]:
    balancers = session.client("elbv2")
    (listener,) = balancers.describe_listeners(ListenerArns=[listener_arn])["Listeners"]
    on_listener, on_balancer = {"ListenerArn": listener_arn}, {"LoadBalancerArn": listener["LoadBalancerArn"]}
    certificates = _pages(session, "elbv2", "describe_listener_certificates", "Certificates", **on_listener)
    yield "certificates", sum(1 for one in certificates if not one.get("IsDefault"))
    rules = _pages(session, "elbv2", "describe_rules", "Rules", **on_listener)
    yield "rules", sum(1 for one in rules if not one["IsDefault"])
    yield "target groups", _count(session, "elbv2", "describe_target_groups", "TargetGroups", **on_balancer)
    yield "databases", _count(session, "rds", "describe_db_instances", "DBInstances")


def _count(session: Any, service: str, call: str, list_name: str, **asked: str) -> int:
    return sum(1 for _ in _pages(session, service, call, list_name, **asked))


def _pages(session: Any, service: str, call: str, list_name: str, **asked: str) -> Iterator[dict[str, Any]]:
    for page in session.client(service).get_paginator(call).paginate(**asked):
        yield from page[list_name]


def _limit(session: Any, what: str) -> int:
    service, code, default = _LIMITS[what]
    client = session.client("service-quotas")
    try:
        found = client.get_service_quota(ServiceCode=service, QuotaCode=code)
    except client.exceptions.NoSuchResourceException:
        return default
    return int(found["Quota"]["Value"])
