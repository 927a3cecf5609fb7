"""
The way in for interfaces that deliver by sftp: a load balancer of the site's own, for named addresses only.

Promise: it leads to the inbox and nowhere else, on hosts of this site alone; who is not at one of the
addresses meets a closed port. Its host key is the site's, so that a connector trusts whichever host answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.access import USER
from provisioning.aws.component import Component, TaggedArgs, Unsafe, refuse_unless
from provisioning.aws.targets import target_group_name
from provisioning.local.resources import SshKey

HOST_PORT = 2222
"""Where hosts listen for interfaces."""
PORT = 22
"""Where interfaces deliver."""


@dataclass(frozen=True, kw_only=True)
class InboxEntranceArgs(TaggedArgs):
    stack: str
    vpc_id: Input[str]
    subnets: Sequence[Input[str]]
    """Public ones."""
    domain: str
    """Of the zone that is ours."""
    zone_id: Input[str]
    addresses: Sequence[str]
    """Whence interfaces deliver, as IPv4 networks such as 192.0.2.0/28."""
    deletable: Unsafe | None = None


class InboxEntrance(Component):
    access: dict[str, Input[Any]]
    """As `provisioning.site.SftpAccess`."""
    private_key: Output[str]
    """The host key that hosts show to interfaces; a secret."""
    target_group_arn: Output[str]
    group_id: Output[str]

    def __init__(self, name: str, args: InboxEntranceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(
            bool(args.addresses),
            f"{name}: no address is named whence interfaces deliver by sftp",
            "pulumi config set bascule:interfacesFrom 192.0.2.0/28",
        )
        refuse_unless(
            len(args.subnets) > 0,
            f"{name}: the platform does not tell its public subnets",
            "pulumi up -s platform-<class>, which tells them",
        )
        domain = f"{args.stack}-inbox.{args.domain}"
        key = SshKey(f"{name}-key", comment=domain, opts=self.child)
        self.private_key = key.private_key.apply(str.strip)
        self.access = {
            "host": domain,
            "port": PORT,
            "user": USER,
            "known_hosts": key.public_key.apply(lambda text: f"{domain} {' '.join(text.split()[:2])}"),
        }
        self.group_id = self._group(name, args)
        balancer = aws.lb.LoadBalancer(
            f"{name}-nlb",
            load_balancer_type="network",
            internal=False,
            subnets=args.subnets,
            security_groups=[self.group_id],
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=args.deletable is None,
            tags=args.tags,
            opts=self.child,
        )
        targets = aws.lb.TargetGroup(
            f"{name}-group-of-hosts",
            name=target_group_name(f"{args.stack}-inbox"),
            vpc_id=args.vpc_id,
            port=HOST_PORT,
            protocol="TCP",
            target_type="instance",
            deregistration_delay=60,
            health_check=aws.lb.TargetGroupHealthCheckArgs(protocol="TCP", interval=10),
            tags=args.tags,
            opts=self.child,
        )
        listener = aws.lb.Listener(
            f"{name}-sftp",
            load_balancer_arn=balancer.arn,
            port=PORT,
            protocol="TCP",
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)],
            tags=args.tags,
            opts=self.child,
        )
        aws.route53.Record(
            f"{name}-name",
            zone_id=args.zone_id,
            name=domain,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=False
                )
            ],
            opts=self.child,
        )
        # Of a listener, so that hosts are counted only once somebody asks after their health.
        self.target_group_arn = Output.all(targets.arn, listener.arn).apply(lambda both: str(both[0]))
        self.register_outputs({"domain": domain})

    def _group(self, name: str, args: InboxEntranceArgs) -> Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="The way in for sftp interfaces",
            revoke_rules_on_delete=True,
            tags=args.tags,
            opts=self.child,
        )
        for address in args.addresses:
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-from-{address.replace('/', '-')}",
                security_group_id=group.id,
                description="Interfaces of the tenant",
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                cidr_ipv4=address,
                tags=args.tags,
                opts=self.child,
            )
        return group.id
