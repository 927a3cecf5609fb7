"""
Alarms: what is watched, and whom an alarm reaches.

Promise: every alarm has an action, also when it ends, and a link to what to do. No data is an alarm too,
but where none is the good case: a load balancer counts no faults as long as there are none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs, allow, deny_without_tls, policy

TOLD_BY = tuple(f"{one}.amazonaws.com" for one in ("backup", "budgets", "cloudwatch", "events.rds"))
"""Services of AWS that tell people something, and so may use the topic and its key."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One number, and when it is too high (or, with `below`, too low)."""

    about: str
    """What is wrong when it rings, for a person."""
    namespace: str
    metric: str
    limit: float
    dimensions: Mapping[str, Input[str]]
    below: bool = False
    statistic: str = "Average"
    """Or a percentile, such as p95."""
    period_seconds: int = 60
    periods: int = 5
    silence_is_good: bool = False


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs(TaggedArgs):
    topic_arn: Input[str]
    runbooks: str
    """Address of the runbooks; an alarm's name is appended."""
    watched: Mapping[str, Watch]
    """By the alarm's name, such as ``database-storage``."""


class Alarms(Component):
    def __init__(self, name: str, args: AlarmsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        for alarm, watch in args.watched.items():
            percentile = watch.statistic.startswith("p")
            aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm}",
                alarm_description=f"{watch.about}. What to do: {args.runbooks.rstrip('/')}/{alarm}",
                namespace=watch.namespace,
                metric_name=watch.metric,
                dimensions=dict(watch.dimensions),
                statistic=None if percentile else watch.statistic,
                extended_statistic=watch.statistic if percentile else None,
                comparison_operator="LessThanThreshold" if watch.below else "GreaterThanThreshold",
                threshold=watch.limit,
                period=watch.period_seconds,
                evaluation_periods=watch.periods,
                treat_missing_data="notBreaching" if watch.silence_is_good else "breaching",
                alarm_actions=[args.topic_arn],
                ok_actions=[args.topic_arn],
                tags=args.tags,
                opts=self.child,
            )
        self.register_outputs({})


def watched_of_platform(*, vault: Input[str]) -> dict[str, Watch]:
    """Return what is watched once for all tenants of a class."""
    return {
        "backup-failed": Watch(
            about="A backup failed",
            namespace="AWS/Backup",
            metric="NumberOfBackupJobsFailed",
            statistic="Sum",
            limit=0,
            period_seconds=3600,
            periods=1,
            dimensions={"BackupVaultName": vault},
            silence_is_good=True,
        )
    }


@dataclass(frozen=True, kw_only=True)
class AlarmTopicArgs(TaggedArgs):
    key_arn: Input[str]
    account: str
    email: str
    """Who is told."""


class AlarmTopic(Component):
    arn: Output[str]

    def __init__(self, name: str, args: AlarmTopicArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        topic = aws.sns.Topic(
            f"{name}-topic", kms_master_key_id=args.key_arn, tags=args.tags, opts=self.child
        )
        self.arn = topic.arn
        aws.sns.TopicPolicy(
            f"{name}-topic-policy",
            arn=topic.arn,
            policy=policy(
                {**deny_without_tls([topic.arn]), "Action": "sns:Publish"},
                allow(
                    "sns:Publish",
                    topic.arn,
                    {"StringEquals": {"aws:SourceAccount": args.account}},
                    Principal={"Service": list(TOLD_BY)},
                ),
            ),
            opts=self.child,
        )
        aws.sns.TopicSubscription(
            f"{name}-email", topic=topic.arn, protocol="email", endpoint=args.email, opts=self.child
        )
        self.register_outputs({"arn": self.arn})
