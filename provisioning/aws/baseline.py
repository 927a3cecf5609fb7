"""
What holds for the whole account in one region, whatever anybody declares in it.

Promise: no volume unencrypted, no snapshot, image or bucket public, no instance that hands out its
credentials to whoever asks plainly. What is done in the account is on record by `record`, or by the
organisation; policies of the organisation are not made here.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import ResourceOptions

from provisioning.aws.component import Component, TaggedArgs


@dataclass(frozen=True, kw_only=True)
class AccountBaselineArgs(TaggedArgs):
    pass


class AccountBaseline(Component):
    def __init__(self, name: str, args: AccountBaselineArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        aws.s3.AccountPublicAccessBlock(
            f"{name}-buckets",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.child,
        )
        aws.ebs.EncryptionByDefault(f"{name}-volumes", enabled=True, opts=self.child)
        aws.ebs.SnapshotBlockPublicAccess(f"{name}-snapshots", state="block-all-sharing", opts=self.child)
        aws.ec2.ImageBlockPublicAccess(f"{name}-images", state="block-new-sharing", opts=self.child)
        aws.ec2.InstanceMetadataDefaults(
            f"{name}-metadata", http_tokens="required", http_put_response_hop_limit=1, opts=self.child
        )
        aws.accessanalyzer.Analyzer(
            f"{name}-access", analyzer_name="bascule", type="ACCOUNT", tags=args.tags, opts=self.child
        )
        self.register_outputs({})
