"""
A tenant's site on AWS: what `provisioning.site` asks for, beside what the platform of its class shares.

Promise: its `outputs` are those of `SiteOutputs`, with every secret in them marked as secret. Test and prod
are declared by the same lines; what may differ between them is in `sizes.Habits` and in the manifest's
sizing.
"""

from pathlib import Path
from typing import Any

from pulumi import Config, Output, ResourceOptions

from provisioning import accounts
from provisioning.aws.access import HostKeyReport, HostKeyReportArgs, ssh_access
from provisioning.aws.account import pinned_account, provider_of
from provisioning.aws.alarms import Alarms, AlarmsArgs
from provisioning.aws.artifacts import ALSO_ON_HOSTS, HOST_FILES, Artifact, ArtifactArgs, pack
from provisioning.aws.backups import BackupSelection, BackupSelectionArgs
from provisioning.aws.buckets import PrivateBucket, PrivateBucketArgs
from provisioning.aws.budget import MonthlyBudget, MonthlyBudgetArgs
from provisioning.aws.component import Component, refuse_unless
from provisioning.aws.database import PORT, CustomerDatabase, CustomerDatabaseArgs
from provisioning.aws.door import SiteDoor, SiteDoorArgs
from provisioning.aws.files import FileStore, FileStoreArgs
from provisioning.aws.host import ApplicationHosts, ApplicationHostsArgs
from provisioning.aws.host_role import HostRole, HostRoleArgs, HostStarter, HostStarterArgs, host_rights
from provisioning.aws.host_settings import (
    BACKUPS,
    CONFIGURATION_MARK,
    CONNECTIONS,
    DOOR_COMMAND,
    FILES,
    MOVER,
    TEMPLATE,
    host_settings,
    made_secrets,
    roles,
    roles_of,
    secrets_of,
)
from provisioning.aws.inbox import InboxEntrance, InboxEntranceArgs
from provisioning.aws.keys import EncryptionKey, EncryptionKeyArgs
from provisioning.aws.logs import LogGroup, LogGroupArgs
from provisioning.aws.parameters import platform_facts
from provisioning.aws.runner import MigrationRunner, MigrationRunnerArgs
from provisioning.aws.secrets import SiteSecret, SiteSecretArgs
from provisioning.aws.site_config import database_authority, public_authorities, site_config
from provisioning.aws.site_names import SiteNames, SiteNamesArgs
from provisioning.aws.sizes import HABITS, database_class, host_class
from provisioning.aws.staging import Staging, StagingArgs
from provisioning.aws.tags import tags_of
from provisioning.aws.targets import SiteTargets, SiteTargetsArgs
from provisioning.aws.watched import watched_of_site
from provisioning.door_state import VERIFICATION_PATH
from provisioning.local.resources import Password, SshKey
from provisioning.running import running_workspace
from provisioning.site import SiteArgs
from provisioning.tunnel import tunnelled


class Site(Component):
    """One environment of one tenant, in the account that its stack pins."""

    outputs: dict[str, Any]
    """As `provisioning.site.SiteOutputs` names them."""

    def __init__(self, name: str, args: SiteArgs, opts: ResourceOptions | None = None) -> None:
        manifest, environment = args.manifest, args.environment
        config, workspace = Config("bascule"), running_workspace()
        self._config, self._account = site_config(config, manifest), pinned_account(config)
        database_ca = database_authority(workspace, self._account.region)
        self._name, self._args = name, args
        self._stack, self._sizing = manifest.stack(environment), manifest.sizing_of(environment)
        self._habits, self._tags = HABITS[environment], tags_of(manifest.tenant, environment)
        provider = provider_of(self._account, self._tags)
        self._platform = facts = platform_facts(environment, provider)
        outside = [str(one) for one in self._config.reaches if one.is_public]
        refuse_unless(
            facts.has_way_out or not outside,
            f"{self._stack} is to reach {', '.join(outside)}, and its platform has no way out",
            f"pulumi config set bascule:wayOut true -s platform-{environment}, then pulumi up there",
        )
        super().__init__(name, ResourceOptions.merge(opts, ResourceOptions(provider=provider)))

        self.passing = ResourceOptions.merge(self.child, ResourceOptions(protect=False))
        """Of what goes with the move."""
        starter = HostStarter(
            f"{name}-starter", HostStarterArgs(stack=self._stack, tags=self._tags), self.child
        )
        self._key = EncryptionKey(
            f"{name}-key",
            EncryptionKeyArgs(
                account=self._account,
                called=self._stack,
                description=f"All that {self._stack} keeps",
                disks_of=starter.arn,
                tags=self._tags,
            ),
            self.child,
        )
        self._passwords = {
            secret: Password(
                f"{name}-{secret.replace('_', '-')}",
                opts=self.child if secret in made_secrets(manifest) else self.passing,
            ).value
            for secret in secrets_of(args)
        }
        login = SshKey(f"{name}-login-key", comment=f"operator@{self._stack}", opts=self.child)
        role = HostRole(
            f"{name}-host", HostRoleArgs(boundary_arn=facts.boundary_arn, tags=self._tags), self.child
        )
        runner_role = self._runner_role()
        bucket = self._bucket()
        files = FileStore(
            f"{name}-files",
            FileStoreArgs(
                vpc_id=facts.vpc_id,
                subnets=facts.private_subnets,
                key_arn=self._key.arn,
                role_arns=[role.arn, *([runner_role.arn] if runner_role else [])],
                tags=self._tags,
            ),
            self.child,
        )
        database = self._database()
        names = self._names()
        targets = SiteTargets(
            f"{name}-targets",
            SiteTargetsArgs(stack=self._stack, vpc_id=facts.vpc_id, tags=self._tags),
            self.child,
        )
        door = SiteDoor(
            f"{name}-door",
            SiteDoorArgs(
                listener_arn=facts.listener_arn,
                target_group_arn=targets.arn,
                names=names.names,
                state=args.door,
                reason=args.door_reason,
                language=args.manifest.language,
                place=self._config.door_place,
                tags=self._tags,
            ),
            self.child,
        )
        entrance = self._entrance()
        secret = SiteSecret(
            f"{name}-secrets",
            SiteSecretArgs(
                key_arn=self._key.arn,
                values={
                    **self._passwords,
                    "accounts_token": accounts.token(manifest.access, workspace),
                    "inbox_host_key": entrance.private_key if entrance else "",
                },
                tags=self._tags,
            ),
            self.child,
        )
        reports = HostKeyReport(
            f"{name}-host-keys", HostKeyReportArgs(stack=self._stack, tags=self._tags), self.child
        )
        logs = {kind: self._log(kind) for kind in ("application", "web")}
        rights = role.may(
            host_rights(
                bucket_arn=bucket.arn,
                key_arn=self._key.arn,
                secrets=[secret.arn, database.master_secret],
                host_keys_arn=reports.arn,
                door_rule=door.rule_arn,
                log_groups=[group.arn for group in logs.values()],
            )
        )
        archives = workspace.state / "artifacts" / self._stack
        application = manifest.application
        artifact = self._artifact(
            "artifact",
            bucket,
            pack(
                workspace.root / application.artifact, f"{application.name}-{application.version}", archives
            ),
        )
        template = self._template(bucket, archives)
        bundle = self._artifact(
            "host-files", bucket, pack(HOST_FILES, "host-files", archives, also=ALSO_ON_HOSTS)
        )
        hosts_args = ApplicationHostsArgs(
            account=self._account,
            vpc_id=facts.vpc_id,
            subnets=facts.private_subnets,
            image_id=facts.image_id,
            instance_class=host_class(self._sizing),
            key_arn=self._key.arn,
            profile_arn=role.profile_arn,
            balancer_group=facts.balancer_group,
            endpoint_group=facts.endpoint_group,
            object_store=facts.object_store,
            reaches=self._config.reaches,
            database_group=database.group_id,
            files_group=files.group_id,
            target_group_arns=[targets.arn, *([entrance.target_group_arn] if entrance else [])],
            inbox_group=entrance.group_id if entrance else None,
            bucket=bucket.name,
            bundle=bundle.key,
            settings=Output.all(
                database_host=database.host,
                login_key=login.public_key,
                secret=secret.arn,
                secret_version=secret.version,
                master_secret=database.master_secret,
                files_id=files.id,
                bucket=bucket.name,
                artifact=artifact.key,
                template=template.key if template else "",
                host_keys_parameter=reports.name,
                door_rule=door.rule_arn,
                target_group=targets.arn,
                **{f"{kind}_log": group.name for kind, group in logs.items()},
            ).apply(
                lambda told: host_settings(
                    args,
                    region=self._account.region,
                    database_ca=database_ca,
                    accounts_authority=accounts.authority(manifest.access, workspace),
                    told=told,
                )
            ),
            starter_arn=starter.arn,
            takes_tunnels=args.tunnels and bool(tunnelled(manifest)),
            # A door's rule is what connects the targets with the load balancer.
            needs=[rights, artifact, bundle, door, *files.mounts, *([template] if template else [])],
            tags=self._tags,
        )
        hosts = ApplicationHosts(f"{name}-hosts", hosts_args, self.child)
        runner = None
        if runner_role is not None:
            runner = MigrationRunner(
                f"{name}-runner",
                MigrationRunnerArgs(
                    stack=self._stack,
                    hosts=hosts_args,
                    role=runner_role,
                    disk_gb=self._config.runner_disk_gb,
                    bucket_arn=bucket.arn,
                    key_arn=self._key.arn,
                    listener_arn=facts.listener_arn,
                    names=names.names,
                    place=self._config.door_place,
                    tags=self._tags,
                ),
                self.passing,
            )
        self._watch(targets, hosts, database, names)
        self._keep([database.arn, files.arn])
        self.outputs = {
            "tenant": manifest.tenant,
            "environment": environment,
            "substrate": "aws",
            "url": names.url,
            "ca": public_authorities(),
            "site_name": manifest.site_name,
            "verification_path": VERIFICATION_PATH,
            "verification_token": self._passwords["verification_token"],
            "certificate_proof": names.proof,
            "ssh": ssh_access(
                stack=self._stack,
                region=self._account.region,
                report=reports.read_after(hosts.group),
                identity=login.private_key,
                runner=runner.report if runner else None,
            ),
            "database": self._endpoint(database, database_ca),
            "files": FILES,
            "staging": self._staging() if args.moving else None,
            "backups": BACKUPS,
            "application_name": application.name,
            "application_version": application.version,
            "interface_token": self._passwords["interface_token"],
            "interface_inbox": "inbox",
            "sftp": entrance.access if entrance else None,
            "door": {"state": args.door, "command": DOOR_COMMAND},
            "configuration_mark": CONFIGURATION_MARK,
            "connections": CONNECTIONS,
            "template": TEMPLATE if template else None,
            "services": list(args.services),
        }
        self.register_outputs({})

    def _bucket(self) -> PrivateBucket:
        return PrivateBucket(
            f"{self._name}-store",
            PrivateBucketArgs(
                key_arn=self._key.arn,
                log_bucket=self._platform.log_bucket,
                deleted_with_contents=self._config.deletable,
                tags=self._tags,
            ),
            self.child,
        )

    def _staging(self) -> Output[str]:
        return Staging(
            f"{self._name}-staging",
            StagingArgs(key_arn=self._key.arn, log_bucket=self._platform.log_bucket, tags=self._tags),
            self.child,
        ).place

    def _artifact(self, what: str, bucket: PrivateBucket, packed: Any) -> Artifact:
        return Artifact(
            f"{self._name}-{what}",
            ArtifactArgs(bucket=bucket.name, key_arn=self._key.arn, packed=packed, tags=self._tags),
            ResourceOptions(parent=self, depends_on=[bucket]),
        )

    def _template(self, bucket: PrivateBucket, archives: Path) -> Artifact | None:
        """Keep the environment's template, where the site is set up from one, for the host to lay down."""
        deployment = self._args.manifest.deployment
        if deployment is None:
            return None
        source = running_workspace().root / "templates" / deployment.template
        return self._artifact("template", bucket, pack(source, f"template-{deployment.template}", archives))

    def _log(self, kind: str) -> LogGroup:
        return LogGroup(
            f"{self._name}-{kind}",
            LogGroupArgs(
                key_arn=self._key.arn,
                retention_days=self._habits.log_days,
                deletable=self._config.deletable is not None,
                tags=self._tags,
            ),
            self.child,
        )

    def _database(self) -> CustomerDatabase:
        return CustomerDatabase(
            f"{self._name}-database",
            CustomerDatabaseArgs(
                account=self._account,
                stack=self._stack,
                database_name=self._args.manifest.site_dbname,
                instance_class=database_class(self._sizing),
                connections=self._sizing.database_connections,
                vpc_id=self._platform.vpc_id,
                subnets=self._platform.data_subnets,
                boundary_arn=self._platform.boundary_arn,
                key_arn=self._key.arn,
                key_id=self._key.id,
                has_standby=self._habits.has_standby,
                backup_days=self._habits.backup_days,
                log_days=self._habits.log_days,
                topic_arn=self._platform.topic_arn,
                deletable=self._config.deletable,
                tags=self._tags,
            ),
            self.child,
        )

    def _runner_role(self) -> HostRole | None:
        """Who the migration runner is, where this move has one; its rights come with it."""
        if not (self._args.moving and self._config.runner):
            return None
        return HostRole(
            f"{self._name}-runner-host",
            HostRoleArgs(boundary_arn=self._platform.boundary_arn, tags=self._tags),
            self.passing,
        )

    def _entrance(self) -> InboxEntrance | None:
        """Let interfaces in that deliver by sftp, where there are any."""
        if not self._config.interface_addresses:
            return None
        facts = self._platform
        return InboxEntrance(
            f"{self._name}-inbox",
            InboxEntranceArgs(
                stack=self._stack,
                vpc_id=facts.vpc_id,
                subnets=facts.public_subnets,
                domain=facts.domain,
                zone_id=facts.zone_id,
                addresses=self._config.interface_addresses,
                deletable=self._config.deletable,
                tags=self._tags,
            ),
            self.child,
        )

    def _endpoint(self, database: CustomerDatabase, ca: str) -> dict[str, Any]:
        dbname = self._args.manifest.site_dbname
        logins = {
            role: {"name": roles_of(dbname)[role], "password": self._passwords[f"{role}_password"]}
            for role in (*roles(self._args.manifest), *([MOVER] if self._args.moving else []))
        }
        return {
            "engine": "postgresql",
            "host": database.host,
            "port": PORT,
            "dbname": dbname,
            "ca": ca,
            **logins,
        }

    def _names(self) -> SiteNames:
        facts = self._platform
        return SiteNames(
            f"{self._name}-names",
            SiteNamesArgs(
                stack=self._stack,
                site_name=self._args.manifest.site_name,
                domain=facts.domain,
                zone_id=facts.zone_id,
                listener_arn=facts.listener_arn,
                balancer_dns=facts.balancer_dns,
                balancer_zone=facts.balancer_zone,
                certificate_issued=self._config.certificate_issued,
                previous=self._config.previous_target,
                leads_to=self._config.name_leads_to,
                tags=self._tags,
            ),
            self.child,
        )

    def _watch(
        self, targets: SiteTargets, hosts: ApplicationHosts, database: CustomerDatabase, names: SiteNames
    ) -> None:
        facts = self._platform
        Alarms(
            f"{self._name}-watch",
            AlarmsArgs(
                topic_arn=facts.topic_arn,
                runbooks=facts.runbooks,
                watched=watched_of_site(
                    balancer=facts.balancer_suffix,
                    targets=targets.suffix,
                    scaling_group=hosts.scaling_group,
                    stack=self._stack,
                    database=database.identifier,
                    connections=self._sizing.database_connections,
                    certificate=names.certificate_arn,
                ),
                tags=self._tags,
            ),
            self.child,
        )
        MonthlyBudget(
            f"{self._name}-budget",
            MonthlyBudgetArgs(
                limit_usd=self._config.budget_usd,
                topic_arn=facts.topic_arn,
                tag=("stack", self._stack),
                tags=self._tags,
            ),
            self.child,
        )

    def _keep(self, resources: list[Output[str]]) -> None:
        BackupSelection(
            f"{self._name}-backups",
            BackupSelectionArgs(
                selection=self._stack,
                plan_id=self._platform.backup_plan,
                role_arn=self._platform.backup_role,
                resources=resources,
            ),
            self.child,
        )
