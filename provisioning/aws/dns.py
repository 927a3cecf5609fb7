"""
Names: the zone of one class.

Promise: only Amazon may issue certificates for its names, and none of them a wildcard; a zone with names in
it is not deleted.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs

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
