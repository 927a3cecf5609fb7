"""
The migration runner: a machine of the hosts' size that carries a move's work, while the move lasts.

Promise: it sees the site's database and files, and no secret of the site; users never come to it. It reports
its own SSH key, and counts as there once it has. Nothing of it is left once the stack does not ask for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.access import HostKeyReport, HostKeyReportArgs
from provisioning.aws.component import Component, TaggedArgs
from provisioning.aws.door import PLACES
from provisioning.aws.host import ApplicationHosts, ApplicationHostsArgs
from provisioning.aws.host_role import HostRole, runner_rights
from provisioning.aws.host_settings import runner_settings
from provisioning.aws.targets import ALIVE_PATH, SiteTargets, SiteTargetsArgs

_PLACES = 1_999
"""Priorities after those of all doors; a load balancer takes 50 000."""


@dataclass(frozen=True, kw_only=True)
class MigrationRunnerArgs(TaggedArgs):
    stack: str
    hosts: ApplicationHostsArgs
    """Of the site's hosts: the runner is as they are, but for what it is started with and who it is."""
    role: HostRole
    disk_gb: int
    """What it holds beside its system: a dump of the whole database, in a bulk move."""
    bucket_arn: Output[str]
    key_arn: Output[str]
    listener_arn: Input[str]
    names: Sequence[str]
    """Host names of the site."""
    place: int
    """Of the site's door."""


class MigrationRunner(Component):
    report: Output[str]
    """What it reports as its SSH key."""

    def __init__(self, name: str, args: MigrationRunnerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        reports = HostKeyReport(
            f"{name}-host-keys",
            HostKeyReportArgs(stack=args.stack, what="runner-host-keys", tags=args.tags),
            self.child,
        )
        rights = args.role.may(
            runner_rights(bucket_arn=args.bucket_arn, key_arn=args.key_arn, host_keys_arn=reports.arn)
        )
        targets = SiteTargets(
            f"{name}-targets",
            SiteTargetsArgs(stack=f"{args.stack}-runner", vpc_id=args.hosts.vpc_id, tags=args.tags),
            self.child,
        )
        hosts = ApplicationHosts(
            name,
            replace(
                args.hosts,
                role="runner",
                disk_gb=args.disk_gb,
                profile_arn=args.role.profile_arn,
                target_group_arns=[targets.arn],
                inbox_group=None,
                takes_tunnels=False,
                settings=Output.from_input(args.hosts.settings).apply(
                    lambda told: runner_settings(told, reports.name)
                ),
                needs=[*args.hosts.needs, rights, self._asked(name, args, targets)],
                count=1,
            ),
            self.child,
        )
        self.report = reports.read_after(hosts.group)
        self.register_outputs({})

    def _asked(self, name: str, args: MigrationRunnerArgs, targets: SiteTargets) -> aws.lb.ListenerRule:
        """Have the load balancer ask after it: by that Auto Scaling knows when it is ready, as with hosts."""
        condition = aws.lb.ListenerRuleConditionArgs
        return aws.lb.ListenerRule(
            f"{name}-asked",
            listener_arn=args.listener_arn,
            priority=2 * PLACES + 1 + (args.place - 1) % _PLACES,
            conditions=[
                condition(host_header=aws.lb.ListenerRuleConditionHostHeaderArgs(values=list(args.names))),
                condition(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=[f"{ALIVE_PATH}/runner"])
                ),
            ],
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            tags=args.tags,
            opts=self.child,
        )
