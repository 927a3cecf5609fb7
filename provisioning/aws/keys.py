"""
Encryption keys: one for each tenant and environment, one for the shared parts.

Promise: the key rotates, cannot be deleted in less than 30 days, outlives its stack, and is used by this
account's own principals and the named services only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.account import Account
from provisioning.aws.component import Component, Statement, TaggedArgs, allow, policy

_USE = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"]


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs(TaggedArgs):
    account: Account
    called: str
    """What people find it by, such as the stack's name; a later key takes it over."""
    description: str
    services: Sequence[str] = ()
    """AWS services that use it in this account's name, such as ``cloudwatch.amazonaws.com``."""
    disks_of: Input[str] | None = None
    """ARN of the role by which hosts are started: it uses the key for their disks."""


class EncryptionKey(Component):
    arn: Output[str]
    id: Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        account = args.account
        statements: list[Statement] = [
            allow("kms:*", "*", Sid="AccountDecides", Principal={"AWS": account.root}),
            # CloudWatch Logs names no source account; its encryption context holds the log group.
            allow(
                _USE,
                "*",
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": account.arn("logs", "log-group:*")}},
                Sid="Logs",
                Principal={"Service": f"logs.{account.region}.amazonaws.com"},
            ),
        ]
        if args.services:
            statements.append(
                allow(
                    _USE,
                    "*",
                    {"StringEquals": {"aws:SourceAccount": account.number}},
                    Sid="Services",
                    Principal={"Service": sorted(args.services)},
                )
            )
        if args.disks_of is not None:
            principal = {"AWS": args.disks_of}
            grants = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
            statements += [
                allow(_USE, "*", Sid="Disks", Principal=principal),
                allow("kms:CreateGrant", "*", grants, Sid="DisksInUse", Principal=principal),
            ]
        key = aws.kms.Key(
            f"{name}-key",
            description=args.description,
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=policy(*statements),
            tags=args.tags,
            # Snapshots and backups outlive a stack, and without their key they are noise.
            opts=ResourceOptions(parent=self, retain_on_delete=True),
        )
        aws.kms.Alias(f"{name}-alias", name=f"alias/{args.called}", target_key_id=key.key_id, opts=self.child)
        self.arn, self.id = key.arn, key.key_id
        self.register_outputs({"arn": self.arn})
