"""
The load balancer that the sites of one class share, and the web firewall before it.

Promise: whoever names no site gets 404; port 80 only sends on to 443; TLS 1.2 or later by a policy that is
named; requests that are malformed or known to be hostile reach no host.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs, Unsafe

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
HOST_PORT = 8443
"""Where hosts listen, with TLS."""

_RULE_SETS = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet")


@dataclass(frozen=True, kw_only=True)
class IngressArgs(TaggedArgs):
    vpc_id: Input[str]
    subnets: Sequence[Input[str]]
    host_cidrs: Sequence[str]
    log_bucket: Input[str]
    certificate_arn: Input[str]
    """Of the platform itself: shown to whoever names no site."""
    firewall_only_counts: Unsafe | None = None
    deletable: Unsafe | None = None


class Ingress(Component):
    arn: Output[str]
    suffix: Output[str]
    """As metrics name the load balancer."""
    dns: Output[str]
    zone: Output[str]
    listener_arn: Output[str]
    group_id: Output[str]

    def __init__(self, name: str, args: IngressArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self.group_id = self._group()
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            load_balancer_type="application",
            internal=False,
            subnets=args.subnets,
            security_groups=[self.group_id],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            enable_deletion_protection=args.deletable is None,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=args.log_bucket, prefix="alb", enabled=True),
            tags=args.tags,
            opts=self.child,
        )
        self.arn, self.suffix = balancer.arn, balancer.arn_suffix
        self.dns, self.zone = balancer.dns_name, balancer.zone_id
        self.listener_arn = self._listeners()
        self._firewall()
        self.register_outputs({"arn": self.arn})

    def _group(self) -> Output[str]:
        args = self._args
        group = aws.ec2.SecurityGroup(
            f"{self._name}-group",
            vpc_id=args.vpc_id,
            description="The shared load balancer",
            revoke_rules_on_delete=True,
            tags=args.tags,
            opts=self.child,
        )
        for port, why in ((443, "Users, with TLS"), (80, "Users who typed no https, sent on")):
            aws.vpc.SecurityGroupIngressRule(
                f"{self._name}-from-users-{port}",
                security_group_id=group.id,
                description=why,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4="0.0.0.0/0",
                tags=args.tags,
                opts=self.child,
            )
        # By address: a rule for each tenant's group would end at the limit of 60 rules.
        for number, cidr in enumerate(args.host_cidrs):
            aws.vpc.SecurityGroupEgressRule(
                f"{self._name}-to-hosts-{number}",
                security_group_id=group.id,
                description="Hosts of the tenants",
                ip_protocol="tcp",
                from_port=HOST_PORT,
                to_port=HOST_PORT,
                cidr_ipv4=cidr,
                tags=args.tags,
                opts=self.child,
            )
        return group.id

    def _listeners(self) -> Output[str]:
        action = aws.lb.ListenerDefaultActionArgs
        aws.lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=self.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                action(
                    type="redirect",
                    redirect=aws.lb.ListenerDefaultActionRedirectArgs(
                        protocol="HTTPS", port="443", status_code="HTTP_301"
                    ),
                )
            ],
            tags=self._args.tags,
            opts=self.child,
        )
        return aws.lb.Listener(
            f"{self._name}-https",
            load_balancer_arn=self.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._args.certificate_arn,
            default_actions=[
                action(
                    type="fixed-response",
                    fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
                        content_type="text/plain", message_body="no such site\n", status_code="404"
                    ),
                )
            ],
            # Also with answers of the load balancer itself, such as a closed door's.
            routing_http_response_strict_transport_security_header_value="max-age=31536000",
            routing_http_response_x_content_type_options_header_value="nosniff",
            routing_http_response_server_enabled=False,
            tags=self._args.tags,
            opts=self.child,
        ).arn

    def _firewall(self) -> None:
        counts = self._args.firewall_only_counts is not None
        override = aws.wafv2.WebAclRuleOverrideActionArgs(
            count=aws.wafv2.WebAclRuleOverrideActionCountArgs()  # type: ignore[no-untyped-call] # as generated
            if counts
            else None,
            none=None if counts else aws.wafv2.WebAclRuleOverrideActionNoneArgs(),  # type: ignore[no-untyped-call] # as generated
        )
        rules = [
            aws.wafv2.WebAclRuleArgs(
                name=rule_set,
                priority=priority,
                override_action=override,
                statement=aws.wafv2.WebAclRuleStatementArgs(
                    managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                        vendor_name="AWS", name=rule_set
                    )
                ),
                visibility_config=aws.wafv2.WebAclRuleVisibilityConfigArgs(
                    cloudwatch_metrics_enabled=True, metric_name=rule_set, sampled_requests_enabled=False
                ),
            )
            for priority, rule_set in enumerate(_RULE_SETS)
        ]
        firewall = aws.wafv2.WebAcl(
            f"{self._name}-firewall",
            scope="REGIONAL",
            default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
            rules=rules,
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
                # Samples would show what patients' forms hold.
                cloudwatch_metrics_enabled=True,
                metric_name=f"{self._name}-firewall",
                sampled_requests_enabled=False,
            ),
            tags=self._args.tags,
            opts=self.child,
        )
        aws.wafv2.WebAclAssociation(
            f"{self._name}-firewall-use",
            resource_arn=self.arn,
            web_acl_arn=firewall.arn,
            opts=self.child,
        )
