"""
The platform of one class: what the tenants of ``test``, or of ``prod``, in one account and region share.

Promise: it holds nobody's data but logs; what tenants must know of it stands in one SSM parameter; it is
protected from deletion, by the engine and by AWS, unless its configuration says otherwise and why.
"""

from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws
from pulumi import Config, Output, ResourceOptions
from pydantic import TypeAdapter, ValidationError

from provisioning.aws import record
from provisioning.aws.account import Account, pinned_account, provider_of
from provisioning.aws.alarms import (
    TOLD_BY,
    Alarms,
    AlarmsArgs,
    AlarmTopic,
    AlarmTopicArgs,
    watched_of_platform,
)
from provisioning.aws.backups import BackupVault, BackupVaultArgs
from provisioning.aws.baseline import AccountBaseline, AccountBaselineArgs
from provisioning.aws.buckets import PrivateBucket, PrivateBucketArgs
from provisioning.aws.budget import MonthlyBudget, MonthlyBudgetArgs
from provisioning.aws.certificate import SiteCertificate, SiteCertificateArgs
from provisioning.aws.component import Component, Unsafe, allow
from provisioning.aws.cost_tags import CostTags, CostTagsArgs
from provisioning.aws.dns import Zone, ZoneArgs
from provisioning.aws.identity import CiIdentity, CiIdentityArgs
from provisioning.aws.ingress import Ingress, IngressArgs
from provisioning.aws.keys import EncryptionKey, EncryptionKeyArgs
from provisioning.aws.network import Network, NetworkArgs
from provisioning.aws.sizes import HABITS
from provisioning.aws.tags import tags_of
from provisioning.errors import WorkspaceError
from provisioning.manifest import Environment, HostName
from provisioning.platform_facts import PlatformFacts, parameter_name

NAME = "platform"


@dataclass(frozen=True, kw_only=True)
class PlatformArgs:
    """What a platform takes from its stack's configuration, ``bascule:<key>``."""

    environment: Environment
    account: Account
    domain: str
    """Key ``domain``: a zone that is delegated to this account, such as care.example."""
    email: str
    """Key ``alarmEmail``: who hears of alarms and of the budget."""
    repository: str
    """Key ``repository``: ``owner/name`` of the workspace on GitHub."""
    image_id: str
    """Key ``image``: the machine image of all hosts, pinned, so that a new one is a change that is seen."""
    runbooks: str
    """Key ``runbooks``: address that an alarm's name is appended to."""
    budget_usd: int
    """Key ``budget``: of the whole account, a month."""
    cost_tags: bool
    """Key ``costTags``: that AWS has seen the tags, a day after the first ``up``, so that it takes them."""
    keeps_record: bool
    """Key ``accountRecord``: that what is done in the account is recorded here, not by an organisation."""
    has_way_out: bool
    """Key ``wayOut``: that hosts may reach the internet, each site what its own stack names."""
    deletable: Unsafe | None
    """Key ``deletable``: the reason why AWS is to allow deletion."""


def platform_args(environment: Environment, config: Config) -> PlatformArgs:
    """
    Read a platform's configuration.

    Raises:
        WorkspaceError: Something is missing or wrong; all of it is told at once.
    """
    wanted = ("domain", "alarmEmail", "repository", "image", "runbooks", "budget")
    given = {key: config.get(key) or "" for key in wanted}
    wrong = [f"bascule:{key} is missing" for key, value in given.items() if not value]
    if given["domain"]:
        try:
            TypeAdapter(HostName).validate_python(given["domain"])
        except ValidationError as error:
            wrong.append(f"bascule:domain is {given['domain']!r}: {error.errors()[0]['msg']}")
    if given["image"] and not given["image"].startswith("ami-"):
        wrong.append(f"bascule:image is {given['image']!r}, no machine image such as ami-0abc")
    if given["budget"] and not given["budget"].isdigit():
        wrong.append(f"bascule:budget is {given['budget']!r}, no whole number of USD a month")
    if wrong:
        raise WorkspaceError(
            f"the platform's configuration has {len(wrong)} to correct:\n  " + "\n  ".join(wrong),
            state="Nothing was touched.",
            next_step=f"pulumi config set bascule:KEY VALUE -s {NAME}-{environment} (see docs/aws.md)",
        )
    reason = config.get("deletable")
    return PlatformArgs(
        environment=environment,
        account=pinned_account(config),
        domain=given["domain"],
        email=given["alarmEmail"],
        repository=given["repository"],
        image_id=given["image"],
        runbooks=given["runbooks"],
        budget_usd=int(given["budget"]),
        keeps_record=config.get_bool("accountRecord") or False,
        has_way_out=config.get_bool("wayOut") or False,
        cost_tags=config.get_bool("costTags") or False,
        deletable=Unsafe(reason) if reason else None,
    )


class Platform(Component):
    """All that is shared."""

    outputs: dict[str, Any]
    """For the people who set a platform up; tenants read `PlatformFacts`."""

    def __init__(self, name: str, args: PlatformArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        account, environment = args.account, args.environment
        habits = HABITS[environment]
        tags = tags_of(NAME, environment, data_class="none")
        AccountBaseline(f"{name}-account", AccountBaselineArgs(tags=tags), self.child)
        key = EncryptionKey(
            f"{name}-key",
            EncryptionKeyArgs(
                account=account,
                called=f"{name}-{environment}",
                description="Logs, alarms and backups of the platform",
                services=[*TOLD_BY, *(record.SERVICES if args.keeps_record else ())],
                tags=tags,
            ),
            self.child,
        )
        logs = PrivateBucket(
            f"{name}-logs",
            PrivateBucketArgs(
                key_arn=None,
                expires_days=habits.log_days,
                statements=[
                    allow(
                        "s3:PutObject",
                        "*",
                        Sid="LoadBalancers",
                        Principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                    ),
                    allow(
                        "s3:PutObject",
                        "*",
                        {"StringEquals": {"aws:SourceAccount": account.number}},
                        Sid="Buckets",
                        Principal={"Service": "logging.s3.amazonaws.com"},
                    ),
                    *(record.about_objects(account) if args.keeps_record else ()),
                ],
                about_bucket=record.about_bucket(account) if args.keeps_record else (),
                deleted_with_contents=args.deletable,
                tags=tags,
            ),
            self.child,
        )
        if args.keeps_record:
            record.AccountRecord(
                f"{name}-record",
                record.AccountRecordArgs(account=account, key_arn=key.arn, bucket=logs.name, tags=tags),
                # AWS tries whether it may write.
                ResourceOptions(parent=self, depends_on=[logs]),
            )
        network = Network(
            f"{name}-network",
            NetworkArgs(
                account=account,
                key_arn=key.arn,
                log_days=habits.log_days,
                has_way_out=args.has_way_out,
                tags=tags,
            ),
            self.child,
        )
        zone = Zone(f"{name}-names", ZoneArgs(domain=args.domain, tags=tags), self.child)
        certificate = SiteCertificate(
            f"{name}-certificate",
            SiteCertificateArgs(domain=f"platform.{args.domain}", zone_id=zone.id, tags=tags),
            self.child,
        )
        assert certificate.arn is not None  # noqa: S101 - in a zone of ours it is always there
        ingress = Ingress(
            f"{name}-ingress",
            IngressArgs(
                vpc_id=network.vpc_id,
                subnets=network.public_subnets,
                host_cidrs=network.private_cidrs(),
                log_bucket=logs.name,
                certificate_arn=certificate.arn,
                deletable=args.deletable,
                tags=tags,
            ),
            # Whose logs AWS cannot write, it does not make.
            ResourceOptions(parent=self, depends_on=[logs]),
        )
        topic = AlarmTopic(
            f"{name}-alarms",
            AlarmTopicArgs(key_arn=key.arn, account=account.number, email=args.email, tags=tags),
            self.child,
        )
        vault = BackupVault(
            f"{name}-backups",
            BackupVaultArgs(account=account, key_arn=key.arn, kept_days=habits.backup_days, tags=tags),
            self.child,
        )
        Alarms(
            f"{name}-watch",
            AlarmsArgs(
                topic_arn=topic.arn,
                runbooks=args.runbooks,
                watched=watched_of_platform(vault=vault.name),
                tags=tags,
            ),
            self.child,
        )
        MonthlyBudget(
            f"{name}-budget",
            MonthlyBudgetArgs(limit_usd=args.budget_usd, topic_arn=topic.arn, tags=tags),
            self.child,
        )
        if args.cost_tags:
            CostTags(f"{name}-cost-tags", CostTagsArgs(keys=tuple(tags)), self.child)
        identity = CiIdentity(
            f"{name}-ci",
            CiIdentityArgs(account=account, repository=args.repository, environment=environment, tags=tags),
            self.child,
        )
        told = Output.all(
            vpc_id=network.vpc_id,
            public_subnets=network.public_subnets,
            private_subnets=network.private_subnets,
            data_subnets=network.data_subnets,
            has_way_out=args.has_way_out,
            endpoint_group=network.endpoint_group,
            object_store=network.object_store,
            balancer_suffix=ingress.suffix,
            balancer_dns=ingress.dns,
            balancer_zone=ingress.zone,
            listener_arn=ingress.listener_arn,
            balancer_group=ingress.group_id,
            domain=args.domain,
            zone_id=zone.id,
            log_bucket=logs.name,
            topic_arn=topic.arn,
            backup_plan=vault.plan_id,
            backup_role=vault.role_arn,
            boundary_arn=identity.boundary_arn,
            image_id=args.image_id,
            runbooks=args.runbooks,
        )
        aws.ssm.Parameter(
            f"{name}-facts",
            name=parameter_name(environment),
            description="What tenants must know of their platform",
            type="String",
            insecure_value=told.apply(lambda known: PlatformFacts.model_validate(known).model_dump_json()),
            tags=tags,
            opts=self.child,
        )
        self.outputs = {
            "parameter": parameter_name(environment),
            "name_servers": zone.name_servers,
            "way_out": network.way_out,
            "preview_role": identity.preview_role_arn,
            "deploy_role": identity.deploy_role_arn,
        }
        self.register_outputs({})


def platform_of(environment: Environment, config: Config, opts: ResourceOptions) -> Platform:
    """Declare the platform that the running stack is, in the account that it is pinned to."""
    args = platform_args(environment, config)
    provider = provider_of(args.account, tags_of(NAME, environment, data_class="none"))
    return Platform(NAME, args, ResourceOptions.merge(opts, ResourceOptions(provider=provider)))
