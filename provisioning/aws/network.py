"""
What tenants of one class share of network: public for the load balancer, private for hosts, data for
databases.

Promise: nothing in it gets a public address by itself; databases have no way to or from the internet, hosts
none into it but where the platform is given one; both reach AWS through endpoints that serve this account
only; all traffic is on record.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.account import Account
from provisioning.aws.component import (
    Component,
    TaggedArgs,
    allow,
    policy,
    refuse_unless,
    trust,
)
from provisioning.aws.logs import LogGroup, LogGroupArgs

ZONES = ("a", "b")
"""Availability zones: as many as a load balancer and a standby ask for; endpoints cost by the zone."""
TIERS = ("public", "private", "data")

_ENDPOINTS = (
    *("ssm", "ssmmessages", "ec2messages"),  # sessions
    *("secretsmanager", "kms", "logs", "monitoring"),
    *("elasticloadbalancing", "elasticfilesystem"),  # the door; the files
)


@dataclass(frozen=True, kw_only=True)
class NetworkArgs(TaggedArgs):
    account: Account
    key_arn: Input[str]
    prefix: str = "10.20"
    """First two numbers of its addresses, a /16."""
    log_days: int = 365
    has_way_out: bool = False
    """Whether hosts are led to the internet; whereto, the rules of each site say."""


class Network(Component):
    vpc_id: Output[str]
    public_subnets: list[Output[str]]
    private_subnets: list[Output[str]]
    data_subnets: list[Output[str]]
    way_out: Output[str] | None = None
    """Address that hosts come from when they reach something on the internet; None where they cannot."""
    endpoint_group: Output[str]
    """Security group of the endpoints."""
    object_store: Output[str]
    """Prefix list of S3 behind its endpoint."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        numbers = args.prefix.split(".")
        refuse_unless(
            len(numbers) == 2 and all(n.isdigit() and int(n) < 256 for n in numbers),
            f"{name}: the network's prefix is {args.prefix!r}, which is no two numbers of an address",
            'prefix="10.20"',
        )
        self._name, self._args = name, args
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=f"{args.prefix}.0.0/16",
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=args.tags,
            opts=self.child,
        )
        self.vpc_id = vpc.id
        # Whatever is made without a group of its own gets this one, which lets nothing in or out.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-group", vpc_id=vpc.id, ingress=[], egress=[], tags=args.tags, opts=self.child
        )
        subnets = {tier: self._subnets(tier, number) for number, tier in enumerate(TIERS)}
        self.public_subnets, self.private_subnets, self.data_subnets = (subnets[tier] for tier in TIERS)
        routes = self._routes(subnets)
        if args.has_way_out:
            self.way_out = self._lead_out(routes["private"])
        self._record_traffic()
        self._endpoints(routes)
        self.register_outputs({"vpc_id": self.vpc_id})

    def private_cidrs(self) -> list[str]:
        """Return the addresses of the hosts' subnets."""
        return [self._cidr(TIERS.index("private"), zone) for zone in range(len(ZONES))]

    def _cidr(self, tier: int, zone: int) -> str:
        return f"{self._args.prefix}.{16 * (tier * len(ZONES) + zone)}.0/20"

    def _subnets(self, tier: str, number: int) -> list[Output[str]]:
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{letter}",
                vpc_id=self.vpc_id,
                cidr_block=self._cidr(number, zone),
                availability_zone=f"{self._args.account.region}{letter}",
                map_public_ip_on_launch=False,
                tags={**self._args.tags, "Name": f"{self._name}-{tier}-{letter}", "tier": tier},
                opts=self.child,
            ).id
            for zone, letter in enumerate(ZONES)
        ]

    def _routes(self, subnets: dict[str, list[Output[str]]]) -> dict[str, Output[str]]:
        """Return a route table a tier; only the public one has a way out."""
        tables = {}
        for tier in TIERS:
            table = aws.ec2.RouteTable(
                f"{self._name}-{tier}-routes", vpc_id=self.vpc_id, tags=self._args.tags, opts=self.child
            )
            tables[tier] = table.id
            for letter, subnet in zip(ZONES, subnets[tier], strict=True):
                aws.ec2.RouteTableAssociation(
                    f"{self._name}-{tier}-{letter}-routes",
                    route_table_id=table.id,
                    subnet_id=subnet,
                    opts=self.child,
                )
        gateway = aws.ec2.InternetGateway(
            f"{self._name}-internet", vpc_id=self.vpc_id, tags=self._args.tags, opts=self.child
        )
        aws.ec2.Route(
            f"{self._name}-public-way-out",
            route_table_id=tables["public"],
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self.child,
        )
        return tables

    def _lead_out(self, routes: Output[str]) -> Output[str]:
        """Lead hosts to the internet from one address, which others enter into their firewalls."""
        address = aws.ec2.Eip(
            f"{self._name}-way-out-address", domain="vpc", tags=self._args.tags, opts=self.child
        )
        # One, in one zone: a site serves users without it, and what needs it can wait.
        gateway = aws.ec2.NatGateway(
            f"{self._name}-way-out",
            allocation_id=address.allocation_id,
            subnet_id=self.public_subnets[0],
            tags=self._args.tags,
            opts=self.child,
        )
        aws.ec2.Route(
            f"{self._name}-private-way-out",
            route_table_id=routes,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=gateway.id,
            opts=self.child,
        )
        return address.public_ip

    def _record_traffic(self) -> None:
        args = self._args
        log = LogGroup(
            f"{self._name}-flow",
            LogGroupArgs(key_arn=args.key_arn, retention_days=args.log_days, tags=args.tags),
            self.child,
        )
        role = aws.iam.Role(
            f"{self._name}-flow-role",
            assume_role_policy=trust("vpc-flow-logs.amazonaws.com", args.account.number),
            tags=args.tags,
            opts=self.child,
        )
        aws.iam.RolePolicy(
            f"{self._name}-flow-policy",
            role=role.id,
            policy=policy(
                allow(
                    ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    Output.concat(log.arn, ":*"),
                )
            ),
            opts=self.child,
        )
        aws.ec2.FlowLog(
            f"{self._name}-flow-log",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination=log.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags=args.tags,
            opts=self.child,
        )

    def _endpoints(self, routes: dict[str, Output[str]]) -> None:
        args, region = self._args, self._args.account.region
        group = aws.ec2.SecurityGroup(
            f"{self._name}-endpoints-group",
            vpc_id=self.vpc_id,
            description="Endpoints of AWS services",
            revoke_rules_on_delete=True,
            tags=args.tags,
            opts=self.child,
        )
        self.endpoint_group = group.id
        # By address: a rule for each tenant's group would end at the limit of 60 rules.
        for letter, cidr in zip(ZONES, self.private_cidrs(), strict=True):
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-endpoints-from-private-{letter}",
                security_group_id=group.id,
                description="TLS from the hosts' subnets",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=cidr,
                tags=args.tags,
                opts=self.child,
            )
        of_this_account = {"StringEquals": {"aws:PrincipalAccount": args.account.number}}
        for service in _ENDPOINTS:
            aws.ec2.VpcEndpoint(
                f"{self._name}-{service}",
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=self.private_subnets,
                security_group_ids=[group.id],
                policy=policy(allow("*", "*", of_this_account, Principal="*")),
                tags=args.tags,
                opts=self.child,
            )
        packages = f"arn:aws:s3:::al2023-repos-{region}-*/*"
        store = aws.ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[routes["private"]],
            policy=policy(
                allow("*", "*", of_this_account, Principal="*"),
                # Amazon Linux fetches its packages without saying who it is.
                allow("s3:GetObject", packages, Principal="*"),
            ),
            tags=args.tags,
            opts=self.child,
        )
        self.object_store = store.prefix_list_id
