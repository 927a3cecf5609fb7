"""
Log groups.

Promise: encrypted with the stack's own key, kept for a stated number of days, and not deleted by accident.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs, refuse_unless

_KEPT_DAYS = (30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""What CloudWatch knows, from 30 days up."""


@dataclass(frozen=True, kw_only=True)
class LogGroupArgs(TaggedArgs):
    key_arn: Input[str]
    retention_days: int = 365
    log_name: Input[str] | None = None
    """Where AWS itself prescribes the name; else one made of the component's."""
    deletable: bool = False


class LogGroup(Component):
    name: Output[str]
    arn: Output[str]

    def __init__(self, name: str, args: LogGroupArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(
            args.retention_days in _KEPT_DAYS,
            f"{name}: CloudWatch keeps no log for {args.retention_days} days",
            f"retention_days= one of {', '.join(map(str, _KEPT_DAYS))}",
        )
        group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.log_name,
            kms_key_id=args.key_arn,
            retention_in_days=args.retention_days,
            deletion_protection_enabled=not args.deletable,
            tags=args.tags,
            opts=self.child,
        )
        self.name, self.arn = group.name, group.arn
        self.register_outputs({"name": self.name})
