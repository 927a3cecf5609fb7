"""
The tenant's files: a folder that every host of the site sees, on EFS.

Promise: encrypted at rest and on the way, reached from the site's own hosts only, and kept when hosts come
and go. A folder, not a bucket: the site contract gives one, the application writes to one, and what carries
files renames them; backups (`backups.BackupSelection`) keep its versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs, allow, policy
from provisioning.aws.network import ZONES

PORT = 2049


@dataclass(frozen=True, kw_only=True)
class FileStoreArgs(TaggedArgs):
    vpc_id: Input[str]
    subnets: Sequence[Input[str]]
    """One in each of `network.ZONES`."""
    key_arn: Input[str]
    role_arns: Sequence[Input[str]]
    """Of whoever mounts them."""


class FileStore(Component):
    id: Output[str]
    arn: Output[str]
    group_id: Output[str]
    mounts: list[aws.efs.MountTarget]
    """Hosts need them before they start."""

    def __init__(self, name: str, args: FileStoreArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="The tenant's files",
            revoke_rules_on_delete=True,
            tags=args.tags,
            opts=self.child,
        )
        store = aws.efs.FileSystem(
            f"{name}-store",
            encrypted=True,
            kms_key_id=args.key_arn,
            throughput_mode="elastic",
            tags={**args.tags, "Name": name},
            opts=self.child,
        )
        self.id, self.arn, self.group_id = store.id, store.arn, group.id
        aws.efs.FileSystemPolicy(
            f"{name}-policy",
            file_system_id=store.id,
            policy=policy(
                allow(
                    [
                        "elasticfilesystem:ClientMount",
                        "elasticfilesystem:ClientWrite",
                        "elasticfilesystem:ClientRootAccess",
                    ],
                    store.arn,
                    {"Bool": {"aws:SecureTransport": "true"}},
                    # As AWS gives it back: one alone is no list.
                    Principal={
                        "AWS": args.role_arns[0] if len(args.role_arns) == 1 else list(args.role_arns)
                    },
                )
            ),
            opts=self.child,
        )
        self.mounts = [
            aws.efs.MountTarget(
                f"{name}-mount-{zone}",
                file_system_id=store.id,
                subnet_id=subnet,
                security_groups=[group.id],
                opts=self.child,
            )
            for zone, subnet in zip(ZONES, args.subnets, strict=True)
        ]
        self.register_outputs({"id": self.id})
