"""
Backups: the vault and plan of one class, and what of each site goes there.

Promise: nobody deletes a backup before its time, not even the account's administrators without a trace
(vault lock, governance mode); a restore is tried every month, not only hoped for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.account import Account
from provisioning.aws.component import Component, TaggedArgs, policy, refuse_unless, trust

_ROLES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")
_TESTED = ("RDS", "EFS")


@dataclass(frozen=True, kw_only=True)
class BackupVaultArgs(TaggedArgs):
    account: Account
    key_arn: Input[str]
    kept_days: int
    """How long, and at least so long."""


class BackupVault(Component):
    name: Output[str]
    plan_id: Output[str]
    role_arn: Output[str]

    def __init__(self, name: str, args: BackupVaultArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(args.kept_days >= 7, f"{name}: backups are kept for 7 days at least", "kept_days=7")
        vault = aws.backup.Vault(
            f"{name}-vault",
            kms_key_arn=args.key_arn,
            force_destroy=False,
            tags=args.tags,
            opts=ResourceOptions(parent=self, retain_on_delete=True),
        )
        aws.backup.VaultLockConfiguration(
            f"{name}-lock",
            backup_vault_name=vault.name,
            min_retention_days=args.kept_days,
            max_retention_days=366,
            opts=self.child,
        )
        aws.backup.VaultPolicy(
            f"{name}-kept",
            backup_vault_name=vault.name,
            policy=policy(
                {
                    "Sid": "Kept",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
                    "Resource": "*",
                }
            ),
            opts=self.child,
        )
        plan = aws.backup.Plan(
            f"{name}-plan",
            rules=[
                aws.backup.PlanRuleArgs(
                    rule_name="nightly",
                    target_vault_name=vault.name,
                    schedule="cron(0 3 * * ? *)",
                    start_window=60,
                    completion_window=300,
                    lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=args.kept_days),
                )
            ],
            tags=args.tags,
            opts=self.child,
        )
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trust("backup.amazonaws.com", args.account.number),
            tags=args.tags,
            opts=self.child,
        )
        for policy_name in _ROLES:
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy_name}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/service-role/{policy_name}",
                opts=self.child,
            )
        self.name, self.plan_id, self.role_arn = vault.name, plan.id, role.arn
        self._try_restores(name, args, vault)
        self.register_outputs({"name": self.name})

    def _try_restores(self, name: str, args: BackupVaultArgs, vault: aws.backup.Vault) -> None:
        testing = aws.backup.RestoreTestingPlan(
            f"{name}-restores",
            name=f"{name.replace('-', '_')}_monthly",
            schedule_expression="cron(0 6 1 * ? *)",
            recovery_point_selection=aws.backup.RestoreTestingPlanRecoveryPointSelectionArgs(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[vault.arn],
                recovery_point_types=["SNAPSHOT"],
                selection_window_days=7,
            ),
            tags=args.tags,
            opts=self.child,
        )
        for kind in _TESTED:
            aws.backup.RestoreTestingSelection(
                f"{name}-restores-{kind.lower()}",
                name=f"{name.replace('-', '_')}_{kind.lower()}",
                restore_testing_plan_name=testing.name,
                protected_resource_type=kind,
                protected_resource_arns=["*"],
                iam_role_arn=self.role_arn,
                validation_window_hours=4,
                opts=self.child,
            )


@dataclass(frozen=True, kw_only=True)
class BackupSelectionArgs:
    selection: str
    """Its name: at most 50 letters, digits, hyphens."""
    plan_id: Input[str]
    role_arn: Input[str]
    resources: Sequence[Input[str]]
    """ARNs. By name, not by tag: a tag that got lost would take the backup with it."""


class BackupSelection(Component):
    def __init__(self, name: str, args: BackupSelectionArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        refuse_unless(bool(args.resources), f"{name}: nothing is backed up", "resources= what holds data")
        aws.backup.Selection(
            f"{name}-selection",
            name=args.selection,
            plan_id=args.plan_id,
            iam_role_arn=args.role_arn,
            resources=args.resources,
            opts=self.child,
        )
        self.register_outputs({})
