"""
Names: the zone of one class, and each site's name in it.

Promise: only Amazon may issue certificates for its names, and none of them a wildcard; a zone with names in
it is not deleted. A site's name follows within a minute when it is led elsewhere, and what it led to before
stands by until somebody takes it out.
"""

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Literal

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs, refuse_unless

LOW_TTL_SECONDS = 60
"""How long resolvers may keep a name's old answer around a cutover."""


@dataclass(frozen=True, kw_only=True)
class ZoneArgs(TaggedArgs):
    domain: str


class Zone(Component):
    id: Output[str]
    name_servers: Output[list[str]]

    def __init__(self, name: str, args: ZoneArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        zone = aws.route53.Zone(
            f"{name}-zone", name=args.domain, force_destroy=False, tags=args.tags, opts=self.child
        )
        self.id = zone.zone_id
        self.name_servers = zone.name_servers.apply(list)
        aws.route53.Record(
            f"{name}-caa",
            zone_id=zone.zone_id,
            name=args.domain,
            type="CAA",
            ttl=3600,
            records=['0 issue "amazon.com"', '0 issuewild ";"'],
            opts=self.child,
        )
        self.register_outputs({"id": self.id})


@dataclass(frozen=True, kw_only=True)
class SiteNameArgs:
    domain: str
    zone_id: Input[str]
    balancer_dns: Input[str]
    balancer_zone: Input[str]
    previous: str | None = None
    """IPv4 address that the name led to before the move."""
    leads_to: Literal["site", "previous"] = "site"


class SiteName(Component):
    """The records of one site's name in a zone of ours; a customer's own zone is the customer's to change."""

    def __init__(self, name: str, args: SiteNameArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(
            args.leads_to == "site" or args.previous is not None,
            f"{args.domain} is to lead to what was before, and that is not known",
            "pulumi config set bascule:previousTarget ADDRESS",
        )
        # Weighted from the start: a simple record cannot be turned into a weighted one without a gap.
        weighted = aws.route53.RecordWeightedRoutingPolicyArgs
        weights = {"site": 0, "previous": 0, args.leads_to: 100}
        aws.route53.Record(
            f"{name}-site",
            zone_id=args.zone_id,
            name=args.domain,
            type="A",
            set_identifier="site",
            weighted_routing_policies=[weighted(weight=weights["site"])],
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=args.balancer_dns, zone_id=args.balancer_zone, evaluate_target_health=False
                )
            ],
            opts=self.child,
        )
        if args.previous is not None:
            refuse_unless(
                _is_address(args.previous),
                f"{args.domain}: {args.previous!r} is no IPv4 address",
                "pulumi config set bascule:previousTarget 192.0.2.10",
            )
            aws.route53.Record(
                f"{name}-previous",
                zone_id=args.zone_id,
                name=args.domain,
                type="A",
                ttl=LOW_TTL_SECONDS,
                set_identifier="previous",
                weighted_routing_policies=[weighted(weight=weights["previous"])],
                records=[args.previous],
                # It goes once nobody wants to go back.
                opts=ResourceOptions(parent=self, protect=False),
            )
        self.register_outputs({})


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True
