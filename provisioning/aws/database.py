"""
The tenant's database: RDS for PostgreSQL.

Promise: encrypted, private, TLS only; its master's password is made, kept and rotated by AWS and known to no
state; deleting it leaves its automatic backups and a final snapshot whose name was never used before. Its
logs go to groups of ours, which are there before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.account import Account
from provisioning.aws.component import Component, TaggedArgs, Unsafe, refuse_unless, trust
from provisioning.aws.logs import LogGroup, LogGroupArgs

PORT = 5432
MASTER = "bascule_master"
_VERSION = "17"
_AUTHORITY = "rds-ca-rsa2048-g1"
_LOGS = ("postgresql", "upgrade")
_EVENTS = ("availability", "deletion", "failover", "failure", "low storage", "maintenance", "recovery")


@dataclass(frozen=True, kw_only=True)
class CustomerDatabaseArgs(TaggedArgs):
    account: Account
    stack: str
    database_name: str
    instance_class: str
    connections: int
    vpc_id: Input[str]
    subnets: Input[Sequence[Input[str]]]
    boundary_arn: Input[str]
    key_arn: Input[str]
    key_id: Output[str]
    has_standby: bool
    backup_days: int
    log_days: int
    storage_gb: int = 20
    storage_limit_gb: int = 500
    topic_arn: Input[str]
    """Who hears of failures, fail-overs and a full disk."""
    deletable: Unsafe | None = None


class CustomerDatabase(Component):
    host: Output[str]
    identifier: Output[str]
    arn: Output[str]
    group_id: Output[str]
    master_secret: Output[str]
    """ARN of the secret that AWS keeps for the master."""

    def __init__(self, name: str, args: CustomerDatabaseArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(
            1 <= args.backup_days <= 35,
            f"{name}: backups for {args.backup_days} days; RDS keeps 1 to 35",
            "backup_days=",
        )
        refuse_unless(
            args.storage_limit_gb > args.storage_gb,
            f"{name}: {args.storage_gb} GB cannot grow to {args.storage_limit_gb} GB",
            "storage_limit_gb= more than storage_gb",
        )
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="The tenant's database",
            revoke_rules_on_delete=True,
            tags=args.tags,
            opts=self.child,
        )
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets", subnet_ids=args.subnets, tags=args.tags, opts=self.child
        )
        # The key is as new as the site, and so are these names, however often a site of that name is made.
        self.identifier = args.key_id.apply(lambda key: f"{args.stack}-{key[:8]}")
        logs = [
            LogGroup(
                f"{name}-{kind}",
                LogGroupArgs(
                    key_arn=args.key_arn,
                    retention_days=args.log_days,
                    log_name=Output.concat("/aws/rds/instance/", self.identifier, "/", kind),
                    deletable=args.deletable is not None,
                    tags=args.tags,
                ),
                self.child,
            )
            for kind in _LOGS
        ]
        instance = aws.rds.Instance(
            f"{name}-instance",
            identifier=self.identifier,
            engine="postgres",
            engine_version=_VERSION,
            instance_class=args.instance_class,
            db_name=args.database_name,
            port=PORT,
            allocated_storage=args.storage_gb,
            max_allocated_storage=args.storage_limit_gb,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.key_arn,
            username=MASTER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key_arn,
            iam_database_authentication_enabled=True,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            publicly_accessible=False,
            multi_az=args.has_standby,
            parameter_group_name=self._parameters(name, args),
            ca_cert_identifier=_AUTHORITY,
            backup_retention_period=args.backup_days,
            backup_window="01:00-02:00",
            maintenance_window="sun:02:30-sun:03:30",
            auto_minor_version_upgrade=True,
            apply_immediately=False,
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            deletion_protection=args.deletable is None,
            skip_final_snapshot=False,
            final_snapshot_identifier=Output.concat(args.stack, "-final-", args.key_id),
            enabled_cloudwatch_logs_exports=list(_LOGS),
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key_arn,
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring(name, args),
            tags=args.tags,
            opts=self.after(*logs),
        )
        aws.rds.EventSubscription(
            f"{name}-events",
            sns_topic=args.topic_arn,
            source_type="db-instance",
            source_ids=[instance.identifier],
            event_categories=list(_EVENTS),
            tags=args.tags,
            opts=self.child,
        )
        self.host, self.arn = instance.address, instance.arn
        self.group_id = group.id
        self.master_secret = instance.master_user_secrets.apply(lambda kept: kept[0].secret_arn or "")
        self.register_outputs({"host": self.host})

    def _parameters(self, name: str, args: CustomerDatabaseArgs) -> Output[str]:
        settings = {
            "log_connections": "1",
            "log_disconnections": "1",
            "log_min_duration_statement": "1000",
            "max_connections": str(args.connections),
            "password_encryption": "scram-sha-256",
            "rds.force_ssl": "1",
            "rds.logical_replication": "1",
        }
        at_restart = {"max_connections", "rds.logical_replication"}
        return aws.rds.ParameterGroup(
            f"{name}-parameters",
            family=f"postgres{_VERSION}",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(
                    name=setting,
                    value=value,
                    apply_method="pending-reboot" if setting in at_restart else "immediate",
                )
                for setting, value in settings.items()
            ],
            tags=args.tags,
            opts=self.child,
        ).name

    def _monitoring(self, name: str, args: CustomerDatabaseArgs) -> Output[str]:
        role = aws.iam.Role(
            f"{name}-monitoring-role",
            assume_role_policy=trust("monitoring.rds.amazonaws.com", args.account.number),
            permissions_boundary=args.boundary_arn,
            tags=args.tags,
            opts=self.child,
        )
        aws.iam.RolePolicyAttachment(
            f"{name}-monitoring-policy",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=self.child,
        )
        return role.arn
