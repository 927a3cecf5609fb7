"""
What the load balancer sends a site's users to.

Promise: a host counts as there once it is settled, whatever its application says: while a move is under way
the application has no data to be well with, and replacing hosts would not give it any. What the application
answers is watched by alarms.
"""

import hashlib
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs
from provisioning.aws.ingress import HOST_PORT

ALIVE_PATH = "/.bascule/alive"
"""Answered by the host's web server itself."""


def target_group_name(stack: str) -> str:
    """Return a name of at most 32 characters that no other stack's group has."""
    return f"{stack[:21].rstrip('-')}-{hashlib.sha256(stack.encode()).hexdigest()[:10]}"


@dataclass(frozen=True, kw_only=True)
class SiteTargetsArgs(TaggedArgs):
    stack: str
    vpc_id: Input[str]


class SiteTargets(Component):
    arn: Output[str]
    suffix: Output[str]
    """As metrics name the group."""

    def __init__(self, name: str, args: SiteTargetsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        group = aws.lb.TargetGroup(
            f"{name}-group",
            name=target_group_name(args.stack),
            vpc_id=args.vpc_id,
            port=HOST_PORT,
            protocol="HTTPS",
            target_type="instance",
            deregistration_delay=60,
            slow_start=30,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=ALIVE_PATH,
                protocol="HTTPS",
                matcher="200",
                interval=10,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=3,
            ),
            tags=args.tags,
            opts=self.child,
        )
        self.arn, self.suffix = group.arn, group.arn_suffix
        self.register_outputs({"arn": self.arn})
