"""
The names that a site answers to: one in a zone of ours, always, and the customer's own where that is
elsewhere.

Promise: nothing waits for a customer. A name in the customer's zone is served once its certificate was
declared issued; until then, and afterwards too, the site answers at the name that is ours.
"""

from dataclasses import dataclass
from typing import Literal

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.certificate import SiteCertificate, SiteCertificateArgs
from provisioning.aws.component import Component, TaggedArgs, refuse_unless
from provisioning.aws.dns import SiteName, SiteNameArgs


@dataclass(frozen=True, kw_only=True)
class SiteNamesArgs(TaggedArgs):
    stack: str
    site_name: str
    """As agreed with the customer."""
    domain: str
    """Of the zone that is ours."""
    zone_id: Input[str]
    listener_arn: Input[str]
    balancer_dns: Input[str]
    balancer_zone: Input[str]
    certificate_issued: bool = False
    previous: str | None = None
    leads_to: Literal["site", "previous"] = "site"


class SiteNames(Component):
    url: str
    names: list[str]
    certificate_arn: Output[str]
    """Of the name that is ours."""
    proof: Output[str] | None = None
    """The DNS record that the customer has to enter; None where the site's name is ours to prove."""

    def __init__(self, name: str, args: SiteNamesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        is_ours = args.site_name.endswith(f".{args.domain}")
        ours = args.site_name if is_ours else f"{args.stack}.{args.domain}"
        refuse_unless(
            is_ours or args.previous is None,
            f"{args.site_name} is not in our zone {args.domain}: its records are the customer's to change",
            "pulumi config rm bascule:previousTarget",
        )
        self.url, self.names = f"https://{ours}", sorted({ours, args.site_name})
        certificate = SiteCertificate(
            f"{name}-ours",
            SiteCertificateArgs(domain=ours, zone_id=args.zone_id, tags=args.tags),
            self.child,
        )
        assert certificate.arn is not None  # noqa: S101 - in a zone of ours it is always there
        self.certificate_arn = certificate.arn
        self._serve(f"{name}-ours", certificate.arn, args)
        SiteName(
            f"{name}-records",
            SiteNameArgs(
                domain=ours,
                zone_id=args.zone_id,
                balancer_dns=args.balancer_dns,
                balancer_zone=args.balancer_zone,
                previous=args.previous,
                leads_to=args.leads_to,
            ),
            self.child,
        )
        if not is_ours:
            theirs = SiteCertificate(
                f"{name}-theirs",
                SiteCertificateArgs(
                    domain=args.site_name, zone_id=None, issued=args.certificate_issued, tags=args.tags
                ),
                self.child,
            )
            self.proof = theirs.proof
            if theirs.arn is not None:
                self._serve(f"{name}-theirs", theirs.arn, args)
        self.register_outputs({"url": self.url})

    def _serve(self, name: str, certificate_arn: Output[str], args: SiteNamesArgs) -> None:
        aws.lb.ListenerCertificate(
            f"{name}-served",
            listener_arn=args.listener_arn,
            certificate_arn=certificate_arn,
            opts=self.child,
        )
