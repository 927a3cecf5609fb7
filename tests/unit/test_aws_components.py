"""Components on AWS, each by itself against Pulumi's mocks: what they refuse, what they are by default."""

from collections.abc import Callable
from typing import Any

import pytest
from pulumi import Output

from provisioning.aws.account import Account
from provisioning.aws.backups import (
    BackupSelection,
    BackupSelectionArgs,
    BackupVault,
    BackupVaultArgs,
)
from provisioning.aws.buckets import PrivateBucket, PrivateBucketArgs
from provisioning.aws.budget import MonthlyBudget, MonthlyBudgetArgs
from provisioning.aws.certificate import SiteCertificate, SiteCertificateArgs
from provisioning.aws.component import Component, Unsafe
from provisioning.aws.database import CustomerDatabase, CustomerDatabaseArgs
from provisioning.aws.host import ApplicationHosts, ApplicationHostsArgs
from provisioning.aws.identity import CiIdentity, CiIdentityArgs
from provisioning.aws.inbox import InboxEntrance, InboxEntranceArgs
from provisioning.aws.keys import EncryptionKey, EncryptionKeyArgs
from provisioning.aws.logs import LogGroup, LogGroupArgs
from provisioning.aws.network import Network, NetworkArgs
from provisioning.errors import SiteError
from tests.support.aws_program import Declared, declared

TAGS = {"tenant": "alpha"}
ACCOUNT = Account("111122223333", "eu-central-2")


def database(**changed: Any) -> Component:
    given = {
        "account": ACCOUNT,
        "stack": "alpha-prod",
        "database_name": "care",
        "instance_class": "db.t4g.small",
        "connections": 60,
        "vpc_id": "vpc-1",
        "subnets": ["s-1", "s-2"],
        "boundary_arn": "arn:boundary",
        "key_arn": "arn:key",
        "topic_arn": "arn:topic",
        "key_id": Output.from_input("0123456789abcdef"),
        "has_standby": True,
        "backup_days": 35,
        "log_days": 365,
        "tags": TAGS,
    }
    return CustomerDatabase("db", CustomerDatabaseArgs(**{**given, **changed}))


def hosts(**changed: Any) -> Component:
    words = (
        *(
            "vpc_id",
            "image_id",
            "instance_class",
            "key_arn",
            "profile_arn",
            "balancer_group",
            "endpoint_group",
        ),
        *(
            "object_store",
            "database_group",
            "files_group",
            "bucket",
            "bundle",
            "starter_arn",
        ),
    )
    given = {name: f"the-{name}" for name in words}
    more = {"account": ACCOUNT, "subnets": ["s-1"], "settings": {"a": "b"}, "tags": TAGS}
    more |= {"target_group_arns": ["the-targets"], "inbox_group": None}
    return ApplicationHosts("hosts", ApplicationHostsArgs(**{**given, **more, **changed}))


def entrance(**changed: Any) -> InboxEntrance:
    given = {name: f"the-{name}" for name in ("stack", "vpc_id", "domain", "zone_id")}
    more = {"subnets": ["s-1"], "addresses": ["192.0.2.0/28"], "tags": TAGS}
    return InboxEntrance("inbox", InboxEntranceArgs(**{**given, **more, **changed}))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a database without backups": (lambda: database(backup_days=0), "RDS keeps 1 to 35"),
    "a database that cannot grow": (lambda: database(storage_limit_gb=20), "cannot grow"),
    "no hosts": (lambda: hosts(count=0), "0 hosts carry nothing"),
    "a log for a week": (
        lambda: LogGroup("log", LogGroupArgs(key_arn="k", retention_days=7, tags=TAGS)),
        "keeps no log for 7 days",
    ),
    "a budget of nothing": (
        lambda: MonthlyBudget("b", MonthlyBudgetArgs(limit_usd=0, topic_arn="t", tags=TAGS)),
        "a budget of 0 USD",
    ),
    "a backup of nothing": (
        lambda: BackupSelection(
            "b", BackupSelectionArgs(selection="s", plan_id="p", role_arn="r", resources=[])
        ),
        "nothing is backed up",
    ),
    "backups for a day": (
        lambda: BackupVault("v", BackupVaultArgs(account=ACCOUNT, key_arn="k", kept_days=1, tags=TAGS)),
        "7 days at least",
    ),
    "a wildcard": (
        lambda: SiteCertificate("c", SiteCertificateArgs(domain="*.care.example", zone_id="z", tags=TAGS)),
        "no wildcard",
    ),
    "a network without numbers": (
        lambda: Network("n", NetworkArgs(account=ACCOUNT, key_arn="k", prefix="10.x", tags=TAGS)),
        "no two numbers",
    ),
    "interfaces from nowhere": (lambda: entrance(addresses=()), "no address is named"),
    "a platform without public subnets": (lambda: entrance(subnets=()), "does not tell its public subnets"),
    "any repository": (
        lambda: CiIdentity(
            "i", CiIdentityArgs(account=ACCOUNT, repository="vendor/*", environment="prod", tags=TAGS)
        ),
        "is no repository",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_arguments_are_refused(what: str) -> None:
    """What would be unsafe or make no sense is refused at construction, with what to write instead."""
    build, told = REFUSED[what]
    with pytest.raises(SiteError, match=told) as refused:
        declared(build)
    assert refused.value.next_step


def made(build: Callable[[], Any]) -> Declared:
    return declared(build)


def test_a_database_is_safe_by_default() -> None:
    """Nothing has to be asked for to be private, encrypted, kept and told; names are new with the key."""
    instance = made(database).inputs("db-instance")
    assert instance["deletionProtection"] is True
    assert instance["publiclyAccessible"] is False
    assert (instance["identifier"], instance["finalSnapshotIdentifier"]) == (
        "alpha-prod-01234567",
        "alpha-prod-final-0123456789abcdef",
    )
    for reason in (None, Unsafe("a trial that ends this week")):
        kept = made(lambda reason=reason: database(deletable=reason))  # type: ignore[misc] # bound now
        assert kept.inputs("db-instance")["deletionProtection"] is (reason is None)
    logs = {one.inputs["name"] for one in made(database).of_type(":LogGroup")}
    assert logs == {f"/aws/rds/instance/alpha-prod-01234567/{kind}" for kind in ("postgresql", "upgrade")}


def test_hosts_have_one_way_in() -> None:
    """One rule lets somebody in, the load balancer; each way out names its other end."""
    declared_hosts = made(hosts)
    into = [one.inputs for one in declared_hosts.of_type(":SecurityGroupIngressRule")]
    mine = [one for one in into if one["securityGroupId"].startswith("ec2")]
    assert [one["referencedSecurityGroupId"] for one in mine] == ["the-balancer_group"]
    out = [one.inputs for one in declared_hosts.of_type(":SecurityGroupEgressRule")]
    assert len(out) == 4
    assert all("cidrIpv4" not in one for one in out)
    group = declared_hosts.inputs("hosts-hosts")
    assert (group["minSize"], group["waitForElbCapacity"]) == (1, 1)
    assert all(tag["propagateAtLaunch"] for tag in group["tags"])


def test_a_key_serves_its_account_and_whom_it_names() -> None:
    """A key's policy names the account, its logs and, for disks, one role with grants for AWS's use only."""
    key = made(
        lambda: EncryptionKey(
            "k",
            EncryptionKeyArgs(
                account=ACCOUNT, called="k", description="d", disks_of="arn:starter", tags=TAGS
            ),
        )
    ).inputs("k-key")
    assert key["policy"].count("arn:starter") == 2
    assert "kms:GrantIsForAWSResource" in key["policy"]


def test_a_bucket_is_private_by_default() -> None:
    """A bucket asked for with its key alone has all that S3 keeps beside it, and nothing expires."""
    bucket = made(lambda: PrivateBucket("b", PrivateBucketArgs(key_arn="k", tags=TAGS)))
    assert len(bucket.resources) == 7
    assert bucket.inputs("b-bucket")["forceDestroy"] is False
    assert "expiration" not in bucket.inputs("b-lifecycle")["rules"][0]
