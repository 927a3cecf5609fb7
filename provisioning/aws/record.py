"""
What is done in the account, on record: a trail, a detector and a recorder of settings.

Promise: of every region, proof against later changes, encrypted. Made only in an account whose organisation
keeps none: twice is twice the bill, and the organisation's cannot be switched off from within.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, ResourceOptions

from provisioning.aws.account import Account
from provisioning.aws.component import Component, Statement, TaggedArgs, allow, trust

SERVICES = ("cloudtrail.amazonaws.com", "config.amazonaws.com")
"""Who writes into the log bucket, and uses the key for it."""


def about_objects(account: Account) -> list[Statement]:
    """Return what the log bucket lets them do with its objects."""
    return [
        allow(
            "s3:PutObject",
            "*",
            {"StringEquals": {"aws:SourceAccount": account.number}},
            Sid="Record",
            Principal={"Service": list(SERVICES)},
        )
    ]


def about_bucket(account: Account) -> list[Statement]:
    """Return what the log bucket lets them do with itself."""
    return [
        allow(
            ["s3:GetBucketAcl", "s3:ListBucket"],
            "*",
            {"StringEquals": {"aws:SourceAccount": account.number}},
            Sid="RecordAsks",
            Principal={"Service": list(SERVICES)},
        )
    ]


@dataclass(frozen=True, kw_only=True)
class AccountRecordArgs(TaggedArgs):
    account: Account
    key_arn: Input[str]
    bucket: Input[str]


class AccountRecord(Component):
    def __init__(self, name: str, args: AccountRecordArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        aws.cloudtrail.Trail(
            f"{name}-trail",
            s3_bucket_name=args.bucket,
            s3_key_prefix="trail",
            kms_key_id=args.key_arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            tags=args.tags,
            opts=self.child,
        )
        aws.guardduty.Detector(f"{name}-detector", enable=True, tags=args.tags, opts=self.child)
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust("config.amazonaws.com", args.account.number),
            tags=args.tags,
            opts=self.child,
        )
        reads = aws.iam.RolePolicyAttachment(
            f"{name}-reads",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AWS_ConfigRole",
            opts=self.child,
        )
        recorder = aws.cfg.Recorder(
            f"{name}-recorder",
            role_arn=role.arn,
            recording_group=aws.cfg.RecorderRecordingGroupArgs(
                all_supported=True, include_global_resource_types=True
            ),
            opts=self.after(reads),
        )
        channel = aws.cfg.DeliveryChannel(
            f"{name}-channel", s3_bucket_name=args.bucket, s3_key_prefix="settings", opts=self.after(recorder)
        )
        aws.cfg.RecorderStatus(
            f"{name}-recording", name=recorder.name, is_enabled=True, opts=self.after(channel)
        )
        self.register_outputs({})
