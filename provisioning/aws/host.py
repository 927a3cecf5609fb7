"""
The application's hosts: a launch template, and a group that keeps as many as asked for at work.

Promise: no key pair, no public address, no way in but Session Manager and the load balancer; disks encrypted
with the tenant's key; metadata only with a token and from no further than the host. What a host is made of
stands in its user data by name and digest, so that a change makes new hosts and an unchanged one none.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from provisioning.aws import database, files, inbox
from provisioning.aws.account import Account
from provisioning.aws.component import Component, TaggedArgs, refuse_unless
from provisioning.aws.ingress import HOST_PORT
from provisioning.aws.reach import Reach
from provisioning.tunnel import FIRST_PORT, LAST_PORT

_USER_DATA = """\
#!/bin/bash
set -euo pipefail
install -d -m 0755 /opt/bascule
cat > /opt/bascule/settings.json <<'SETTINGS'
{settings}
SETTINGS
aws s3 cp --region {region} "s3://{bucket}/{bundle}" /opt/bascule/host.zip
python3 -m zipfile -e /opt/bascule/host.zip /opt/bascule/host
exec python3 -I /opt/bascule/host/settle /opt/bascule/settings.json
"""
USER_DATA_BYTES = 16_384


@dataclass(frozen=True, kw_only=True)
class ApplicationHostsArgs(TaggedArgs):
    account: Account
    vpc_id: Input[str]
    subnets: Input[Sequence[Input[str]]]
    image_id: Input[str]
    instance_class: str
    key_arn: Input[str]
    profile_arn: Input[str]
    balancer_group: Input[str]
    endpoint_group: Input[str]
    object_store: Input[str]
    reaches: Sequence[Reach] = ()
    """What they may open connections to, beside AWS and the tenant's own database and files."""
    database_group: Input[str]
    files_group: Input[str]
    target_group_arns: Sequence[Input[str]]
    inbox_group: Input[str] | None
    """Security group of the way in for sftp interfaces, where the site has one."""
    bucket: Input[str]
    bundle: str
    """Key in the bucket of what ``provisioning/aws/host_files`` holds."""
    settings: Input[Mapping[str, str]]
    """For ``settle``, which stands in that folder; no secrets."""
    starter_arn: Input[str]
    """Role by which the group starts hosts; see `host_role.HostStarter`."""
    needs: Sequence[Resource] = ()
    """What has to be there before the first host starts."""
    count: int = 1
    disk_gb: int = 30
    role: Literal["host", "runner"] = "host"
    """Tag by which they are found; hosts serve the application, the runner carries a move's work."""
    takes_tunnels: bool = False
    """Whether the database's server reaches legacy by tunnels that end at a host."""


class ApplicationHosts(Component):
    scaling_group: Output[str]
    group: aws.autoscaling.Group
    """Done once as many hosts as asked for answer the load balancer."""
    group_id: Output[str]

    def __init__(self, name: str, args: ApplicationHostsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(args.count >= 1, f"{name}: {args.count} hosts carry nothing", "count=1")
        self._name, self._args = name, args
        self.group_id = self._group()
        template = self._template()
        refresh = aws.autoscaling.GroupInstanceRefreshArgs
        self.group = aws.autoscaling.Group(
            f"{name}-hosts",
            min_size=args.count,
            max_size=args.count + 1,
            vpc_zone_identifiers=args.subnets,
            target_group_arns=args.target_group_arns,
            health_check_type="ELB",
            health_check_grace_period=600,
            service_linked_role_arn=args.starter_arn,
            wait_for_elb_capacity=args.count,
            wait_for_capacity_timeout="20m",
            launch_template=aws.autoscaling.GroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            instance_refresh=refresh(
                strategy="Rolling",
                preferences=aws.autoscaling.GroupInstanceRefreshPreferencesArgs(
                    # The new host answers before the old one goes.
                    min_healthy_percentage=100,
                    max_healthy_percentage=200,
                    auto_rollback=True,
                ),
            ),
            tags=[
                aws.autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=True)
                for key, value in sorted(self._tags().items())
            ],
            # How many are at work is the group's own business from then on.
            opts=ResourceOptions(
                parent=self, ignore_changes=["desiredCapacity"], depends_on=list(args.needs)
            ),
        )
        self.scaling_group = self.group.name
        self.register_outputs({"scaling_group": self.scaling_group})

    def _tags(self) -> dict[str, str]:
        return {**self._args.tags, "Name": self._name, "role": self._args.role}

    def _group(self) -> Output[str]:
        args, name = self._args, self._name
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="The tenant's hosts",
            revoke_rules_on_delete=True,
            tags=args.tags,
            opts=self.child,
        )
        into, out = aws.vpc.SecurityGroupIngressRule, aws.vpc.SecurityGroupEgressRule

        def rule(
            kind: type[aws.vpc.SecurityGroupIngressRule] | type[aws.vpc.SecurityGroupEgressRule],
            what: str,
            port: int | tuple[int, int],
            why: str,
            **ends: Input[str],
        ) -> None:
            first, last = port if isinstance(port, tuple) else (port, port)
            kind(
                f"{name}-{what}",
                description=why,
                ip_protocol="tcp",
                from_port=first,
                to_port=last,
                tags=args.tags,
                opts=self.child,
                **ends,
            )

        mine, theirs = "security_group_id", "referenced_security_group_id"
        users = {mine: group.id, theirs: args.balancer_group}
        rule(into, "from-balancer", HOST_PORT, "Users, by the load balancer", **users)
        if args.inbox_group is not None:
            why, port = "Interfaces, by their own way in", inbox.HOST_PORT
            rule(into, "from-inbox", port, why, **{mine: group.id, theirs: args.inbox_group})
            rule(out, "inbox-to-hosts", port, why, **{mine: args.inbox_group, theirs: group.id})
        endpoints = {mine: group.id, theirs: args.endpoint_group}
        rule(out, "to-endpoints", 443, "Endpoints of AWS services", **endpoints)
        rule(out, "to-store", 443, "S3", **{mine: group.id, "prefix_list_id": args.object_store})
        for end in args.reaches:
            rule(
                out,
                f"to-{end.network.replace('/', '-')}-{end.port}",
                end.port,
                "What the stack names under reaches",
                cidr_ipv4=end.network,
                security_group_id=group.id,
            )
        for what, port, other in (
            ("database", database.PORT, args.database_group),
            ("files", files.PORT, args.files_group),
        ):
            why = f"The tenant's {what}"
            rule(out, f"to-{what}", port, why, **{mine: group.id, theirs: other})
            rule(into, f"{what}-from-hosts", port, "The tenant's hosts", **{mine: other, theirs: group.id})
        if args.takes_tunnels:
            why = "Legacy, by the tunnel that it opened to a host"
            ports = (FIRST_PORT, LAST_PORT)
            rule(into, "tunnels-from-database", ports, why, **{mine: group.id, theirs: args.database_group})
            rule(out, "database-to-tunnels", ports, why, **{mine: args.database_group, theirs: group.id})
        return group.id

    def _template(self) -> aws.ec2.LaunchTemplate:
        args = self._args
        disk = aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
            device_name="/dev/xvda",
            ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                volume_size=args.disk_gb,
                volume_type="gp3",
                encrypted="true",
                kms_key_id=args.key_arn,
                delete_on_termination="true",
            ),
        )
        return aws.ec2.LaunchTemplate(
            f"{self._name}-template",
            image_id=args.image_id,
            instance_type=args.instance_class,
            update_default_version=True,
            iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=args.profile_arn),
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
            network_interfaces=[
                aws.ec2.LaunchTemplateNetworkInterfaceArgs(
                    associate_public_ip_address="false",
                    delete_on_termination="true",
                    security_groups=[self.group_id],
                )
            ],
            block_device_mappings=[disk],
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=self._tags())
                for kind in ("instance", "volume", "network-interface")
            ],
            user_data=self._user_data(),
            tags=args.tags,
            opts=self.child,
        )

    def _user_data(self) -> Output[str]:
        args = self._args

        def text(known: dict[str, Any]) -> str:
            settings = json.dumps(known["settings"], indent=1, sort_keys=True)
            made = _USER_DATA.format(
                settings=settings, region=args.account.region, bucket=known["bucket"], bundle=args.bundle
            )
            length = len(made.encode())
            refuse_unless(
                length <= USER_DATA_BYTES,
                f"{self._name}: what hosts start with is {length} bytes, AWS takes {USER_DATA_BYTES}",
                "fewer application.settings in the manifest, or shorter ones",
            )
            return base64.b64encode(made.encode()).decode()

        return Output.all(settings=args.settings, bucket=args.bucket).apply(text)
