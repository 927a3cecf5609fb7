"""
Who a site's hosts are, who starts them, and what they may do.

Promise: a host may do what it has to for its own site, each resource by its name where AWS knows one: read
its secrets and artifacts, report itself, flip its own door. No role of one tenant is trusted by another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, Statement, TaggedArgs, allow, policy, trust_of_instances
from provisioning.aws.watched import AGENT

_SESSIONS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]


@dataclass(frozen=True, kw_only=True)
class HostRoleArgs(TaggedArgs):
    boundary_arn: Input[str]


class HostRole(Component):
    """Who the hosts are; apart from what they may do, since what they use names the role in its policy."""

    arn: Output[str]
    profile_arn: Output[str]

    def __init__(self, name: str, args: HostRoleArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name = name
        self._role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust_of_instances(),
            permissions_boundary=args.boundary_arn,
            tags=args.tags,
            opts=self.child,
        )
        self.arn = self._role.arn
        self.profile_arn = aws.iam.InstanceProfile(
            f"{name}-profile", role=self._role.name, tags=args.tags, opts=self.child
        ).arn
        self.register_outputs({"arn": self.arn})

    def may(self, statements: Sequence[Statement]) -> aws.iam.RolePolicy:
        """Give the hosts their rights."""
        return aws.iam.RolePolicy(
            f"{self._name}-policy", role=self._role.id, policy=policy(*statements), opts=self.child
        )


def host_rights(
    *,
    bucket_arn: Output[str],
    key_arn: Output[str],
    secrets: Sequence[Input[str]],
    host_keys_arn: Output[str],
    door_rule: Output[str],
    log_groups: Sequence[Output[str]],
) -> list[Statement]:
    """Return what the hosts of a site may do; arguments are ARNs."""
    return [
        allow(_SESSIONS, "*", Sid="Sessions"),
        allow("s3:GetObject", Output.concat(bucket_arn, "/artifacts/*"), Sid="Artifacts"),
        allow(["kms:Decrypt", "kms:DescribeKey"], key_arn, Sid="Key"),
        allow("secretsmanager:GetSecretValue", list(secrets), Sid="Secrets"),
        allow(["ssm:GetParameter", "ssm:PutParameter"], host_keys_arn, Sid="HostKeys"),
        allow("elasticloadbalancing:DescribeRules", "*", Sid="DoorSeen"),
        allow("elasticloadbalancing:ModifyRule", door_rule, Sid="Door"),
        allow(
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [Output.concat(group, ":*") for group in log_groups],
            Sid="Logs",
        ),
        allow(
            "cloudwatch:PutMetricData",
            "*",
            {"StringEquals": {"cloudwatch:namespace": AGENT}},
            Sid="Measures",
        ),
    ]


def runner_rights(
    *, bucket_arn: Output[str], key_arn: Output[str], host_keys_arn: Output[str]
) -> list[Statement]:
    """Return what the migration runner may do: start, be reached, say by which key; no secret is for it."""
    return [
        allow(_SESSIONS, "*", Sid="Sessions"),
        allow("s3:GetObject", Output.concat(bucket_arn, "/artifacts/host-files-*"), Sid="HostFiles"),
        allow(["kms:Decrypt", "kms:DescribeKey"], key_arn, Sid="Key"),
        allow(["ssm:GetParameter", "ssm:PutParameter"], host_keys_arn, Sid="HostKeys"),
    ]


@dataclass(frozen=True, kw_only=True)
class HostStarterArgs(TaggedArgs):
    stack: str


class HostStarter(Component):
    """Auto Scaling's own role for one site: it may use that tenant's key for disks, and no other tenant's."""

    arn: Output[str]

    def __init__(self, name: str, args: HostStarterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.arn = aws.iam.ServiceLinkedRole(
            f"{name}-role",
            aws_service_name="autoscaling.amazonaws.com",
            custom_suffix=args.stack,
            description="Starts the site's hosts",
            tags=args.tags,
            opts=self.child,
        ).arn
        self.register_outputs({"arn": self.arn})
