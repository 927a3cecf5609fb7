"""
Where a migration's dumps and files wait on their way: a bucket that is there only while the move lasts.

Promise: private and encrypted as every bucket; whatever lies in it goes by itself after a month, and all of
it with the bucket when the move is over: what it holds are copies.
"""

from dataclasses import dataclass

from pulumi import Input, Output, ResourceOptions

from provisioning.aws.buckets import PrivateBucket, PrivateBucketArgs
from provisioning.aws.component import Component, TaggedArgs, Unsafe

COPIES = "copies"
"""Data class of what can be made again from where it came from."""
EXPIRES_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class StagingArgs(TaggedArgs):
    key_arn: Input[str]
    log_bucket: Input[str]


class Staging(Component):
    place: Output[str]
    """As ``archive: {to: ...}`` in a manifest takes it."""

    def __init__(self, name: str, args: StagingArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, ResourceOptions.merge(opts, ResourceOptions(protect=False)))
        bucket = PrivateBucket(
            f"{name}-copies",
            PrivateBucketArgs(
                key_arn=args.key_arn,
                log_bucket=args.log_bucket,
                expires_days=EXPIRES_DAYS,
                replaced_days=1,
                deleted_with_contents=Unsafe("it holds copies, and goes with the move"),
                tags={**args.tags, "data-class": COPIES},
            ),
            self.child,
        )
        self.place = Output.concat("s3://", bucket.name)
        self.register_outputs({"place": self.place})
