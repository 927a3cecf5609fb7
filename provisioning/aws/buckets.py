"""
Buckets: for a tenant's artifacts and exports, and for logs.

Promise: private by every switch there is, TLS only, encrypted, versioned, owned by this account, and
never emptied by a destroy unless somebody said why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, Statement, TaggedArgs, Unsafe, deny_without_tls, policy


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs(TaggedArgs):
    key_arn: Input[str] | None
    """What encrypts it. None for a log bucket: load balancers write to none with a key of ours."""
    log_bucket: Input[str] | None = None
    """Where accesses are logged; None for the log bucket itself."""
    statements: Sequence[Statement] = ()
    """Further statements of its policy, each about everything in it."""
    about_bucket: Sequence[Statement] = ()
    """Further statements of its policy, each about the bucket itself."""
    expires_days: int | None = None
    """When objects go; by default never."""
    replaced_days: int = 90
    """When what was overwritten or deleted goes."""
    deleted_with_contents: Unsafe | None = None


class PrivateBucket(Component):
    name: Output[str]
    arn: Output[str]

    def __init__(self, name: str, args: PrivateBucketArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            force_destroy=args.deleted_with_contents is not None,
            tags=args.tags,
            opts=self.child,
        )
        self.name, self.arn = bucket.bucket, bucket.arn
        aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self.child,
        )
        by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms" if args.key_arn else "AES256", kms_master_key_id=args.key_arn
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by_default,
                    bucket_key_enabled=args.key_arn is not None,
                )
            ],
            opts=self.child,
        )
        shut = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self.child,
        )
        everything = Output.concat(bucket.arn, "/*")
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=policy(
                deny_without_tls([bucket.arn, everything]),
                *(_deny_other_keys(args.key_arn, everything) if args.key_arn is not None else ()),
                *({**statement, "Resource": everything} for statement in args.statements),
                *({**statement, "Resource": bucket.arn} for statement in args.about_bucket),
            ),
            opts=self.after(shut),
        )
        self._expire(name, args)
        if args.log_bucket is not None:
            aws.s3.BucketLogging(
                f"{name}-logging",
                bucket=bucket.bucket,
                target_bucket=args.log_bucket,
                target_prefix=Output.concat("s3/", bucket.bucket, "/"),
                opts=self.child,
            )
        self.register_outputs({"name": self.name})

    def _expire(self, name: str, args: PrivateBucketArgs) -> None:
        rule = aws.s3.BucketLifecycleConfigurationRuleArgs
        rules = [
            rule(
                id="tidy",
                status="Enabled",
                filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=7
                ),
                noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=args.replaced_days
                ),
            )
        ]
        if args.expires_days is not None:
            rules.append(
                rule(
                    id="expire",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.expires_days),
                )
            )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle", bucket=self.name, rules=rules, opts=self.child
        )


def _deny_other_keys(key_arn: Input[str], everything: Output[str]) -> list[Statement]:
    """Refuse objects encrypted in another way; those that do not say how get the bucket's own key."""
    header = "s3:x-amz-server-side-encryption"
    wanted: dict[str, Input[str]] = {header: "aws:kms", f"{header}-aws-kms-key-id": key_arn}
    return [
        {
            "Sid": f"OwnKey{number}",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": everything,
            # Who says nothing would be refused too, were it not asked for whoever says something.
            "Condition": {"StringNotEquals": {name: value}, "Null": {name: "false"}},
        }
        for number, (name, value) in enumerate(wanted.items())
    ]
