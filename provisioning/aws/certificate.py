"""
Certificates of sites, from ACM, proved over DNS.

Promise: one name each, no wildcard. In a zone of ours issuing is part of `up`. In a customer's zone it is
not waited for: the certificate is asked for, what the customer has to enter is told, and only once `issued`
is declared is it used.
"""

from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs, refuse_unless
from provisioning.aws.dns import LOW_TTL_SECONDS


@dataclass(frozen=True, kw_only=True)
class SiteCertificateArgs(TaggedArgs):
    domain: str
    zone_id: Input[str] | None
    """The zone of ours that holds `domain`; None when that is a zone of the customer's."""
    issued: bool = False
    """Of a customer's zone: whether the proof stands there and ACM has issued."""


class SiteCertificate(Component):
    arn: Output[str] | None
    """None as long as there is nothing that a listener could use."""
    proof: Output[str]
    """The DNS record that proves the name, as one line: ``name type value``."""

    def __init__(self, name: str, args: SiteCertificateArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(
            "*" not in args.domain,
            f"{args.domain}: a site has a certificate of its own, no wildcard",
            "domain=",
        )
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=args.domain,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags=args.tags,
            opts=self.child,
        )
        options = certificate.domain_validation_options
        record_name = options.apply(lambda found: found[0].resource_record_name or "")
        record_type = options.apply(lambda found: found[0].resource_record_type or "")
        value = options.apply(lambda found: found[0].resource_record_value or "")
        self.proof = Output.concat(record_name, " ", record_type, " ", value)
        self.arn = certificate.arn if args.issued else None
        if args.zone_id is not None:
            record = aws.route53.Record(
                f"{name}-proof",
                zone_id=args.zone_id,
                name=record_name,
                type=record_type,
                ttl=LOW_TTL_SECONDS,
                records=[value],
                allow_overwrite=True,  # a name's proof is the same for each certificate of this account
                opts=self.child,
            )
            validated = aws.acm.CertificateValidation(
                f"{name}-validation",
                certificate_arn=certificate.arn,
                validation_record_fqdns=[record.fqdn],
                opts=self.child,
            )
            self.arn = validated.certificate_arn
        self.register_outputs({"proof": self.proof})
