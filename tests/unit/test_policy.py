"""The policy: what it refuses, that our own programs keep it, and what excuses from it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from provisioning.errors import WorkspaceError
from provisioning.policy import isolation, parity
from provisioning.policy.check import violations, waiting
from provisioning.policy.exceptions import FILE, PolicyException, load_exceptions
from provisioning.policy.resources import Resource, of_preview, of_state
from provisioning.policy.rules import RULES
from tests.support.aws_program import declared_stack, policed
from tests.support.aws_sites import PLATFORM
from tests.unit.test_aws_program import Vendor

TODAY = date(2026, 11, 27)
_SG, _RDS, _LT = (
    "ec2/securityGroup:SecurityGroup",
    "rds/instance:Instance",
    "ec2/launchTemplate:LaunchTemplate",
)
_FROM, _TO = "vpc/i:SecurityGroupIngressRule", "vpc/e:SecurityGroupEgressRule"
_PROD = {"tags": dict.fromkeys(("tenant", "environment", "stack", "data-class", "managed-by"), "prod")}


def _policy(**statement: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", **statement}]})


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "tags": ("kms/alias:Anything", {"tags": {"tenant": "alpha"}}),
    "key-rotates": ("kms/key:Key", {}),
    "key-deleted-slowly": ("kms/key:Key", {"deletionWindowInDays": 7}),
    "key-for-somebody": ("kms/key:Key", {"policy": _policy(Principal="*", Action="kms:*")}),
    "secret-encrypted": ("secretsmanager/secret:Secret", {}),
    "group-rules-apart": (_SG, {"ingress": [{"fromPort": 22}]}),
    "group-described": (_SG, {"description": ""}),
    "rule-in-described": (_FROM, {}),
    "rule-out-described": (_TO, {}),
    "rule-in-not-for-all": (_FROM, {"cidrIpv4": "0.0.0.0/0", "fromPort": 22, "toPort": 22}),
    "rule-out-not-to-all": (_TO, {"cidrIpv4": "0.0.0.0/0"}),
    "rule-in-by-port": (_FROM, {"ipProtocol": "-1"}),
    "default-group-empty": ("ec2/x:DefaultSecurityGroup", {"egress": [{"protocol": "-1"}]}),
    "subnet-private": ("ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True}),
    "host-metadata": (_LT, {"metadataOptions": {"httpTokens": "optional", "httpPutResponseHopLimit": 1}}),
    "host-no-key": (_LT, {"keyName": "mine"}),
    "host-no-public-address": (_LT, {"networkInterfaces": [{"associatePublicIpAddress": "true"}]}),
    "host-disks": (_LT, {"blockDeviceMappings": [{"ebs": {"volumeType": "gp3", "encrypted": "false"}}]}),
    "host-watched": (_LT, {}),
    "host-children-tagged": (_LT, {"tagSpecifications": [{"resourceType": "instance"}]}),
    "database-encrypted": (_RDS, {"storageEncrypted": True}),
    "database-private": (_RDS, {"publiclyAccessible": True}),
    "database-backups": (_RDS, {**_PROD, "backupRetentionPeriod": 7}),
    "database-backups-stay": (_RDS, {}),
    "database-kept": (_RDS, {"deletionProtection": False}),
    "database-final-snapshot": (_RDS, {"skipFinalSnapshot": True}),
    "database-standby": (_RDS, {**_PROD, "multiAz": False}),
    "database-no-password": (_RDS, {"manageMasterUserPassword": True, "password": "x"}),
    "database-iam": (_RDS, {}),
    "database-told": (_RDS, {"monitoringInterval": 0}),
    "database-kept-up": (_RDS, {"autoMinorVersionUpgrade": False}),
    "database-tls": ("rds/parameterGroup:ParameterGroup", {"parameters": [{"name": "a", "value": "1"}]}),
    "files-encrypted": ("efs/fileSystem:FileSystem", {"encrypted": True}),
    "files-for-somebody": ("efs/p:FileSystemPolicy", {"policy": _policy(Principal={"AWS": "*"})}),
    "bucket-not-public": ("s3/b:BucketPublicAccessBlock", {"blockPublicAcls": True}),
    "bucket-tls": ("s3/p:BucketPolicy", {"policy": _policy(Principal="*", Action="s3:GetObject")}),
    "bucket-owned": ("s3/o:BucketOwnershipControls", {"rule": {"objectOwnership": "ObjectWriter"}}),
    "bucket-encrypted": ("s3/e:BucketServerSideEncryptionConfiguration", {"rules": []}),
    "bucket-versioned": ("s3/v:BucketVersioning", {"versioningConfiguration": {"status": "Suspended"}}),
    "bucket-not-emptied": ("s3/bucket:Bucket", {"forceDestroy": True}),
    "balancer-strict": ("lb/loadBalancer:LoadBalancer", {"dropInvalidHeaderFields": True}),
    "trail-whole": ("cloudtrail/trail:Trail", {"isMultiRegionTrail": True, "kmsKeyId": "k"}),
    "balancer-of-connections": (
        "lb/loadBalancer:LoadBalancer",
        {"loadBalancerType": "network", "enableDeletionProtection": True},
    ),
    "listener-tls": ("lb/listener:Listener", {"protocol": "HTTPS", "port": 443}),
    "listener-sends-on": ("lb/listener:Listener", {"port": 80, "defaultActions": [{"type": "forward"}]}),
    "certificate-by-dns": (
        "acm/certificate:Certificate",
        {"validationMethod": "DNS", "domainName": "*.care.example"},
    ),
    "name-can-move": ("route53/record:Record", {"type": "A", "ttl": 3600, "records": ["192.0.2.1"]}),
    "role-bounded": ("iam/role:Role", {"tags": {"tenant": "alpha"}}),
    "role-trusts-somebody": ("iam/role:Role", {"assumeRolePolicy": _policy(Principal={"AWS": ["*"]})}),
    "right-named": ("iam/rolePolicy:RolePolicy", {"policy": _policy(Action=["*"], Resource="*")}),
    "log-kept": ("cloudwatch/logGroup:LogGroup", {"retentionInDays": 7, "kmsKeyId": "k"}),
    "alarm-reaches-somebody": ("cloudwatch/m:MetricAlarm", {"alarmActions": [], "treatMissingData": "x"}),
    "backup-of-something": ("backup/selection:Selection", {"resources": []}),
    "budget-told": ("budgets/budget:Budget", {}),
}
"""For each rule a resource that it must refuse: its type and inputs."""


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    return Vendor(tmp_path_factory.mktemp("vendor"))


def broken_by(resource: Resource, *exceptions: PolicyException) -> set[str]:
    return {one.rule for one in violations("alpha-prod", [resource], exceptions, TODAY)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_refuses_what_it_is_for(rule: Any) -> None:
    """There is a resource that each rule, by its id, refuses; no id stands twice."""
    kind, inputs = REFUSED[rule.id]
    assert rule.id in broken_by(Resource(f"aws:{kind}", "it", inputs))
    assert [one.id for one in RULES].count(rule.id) == 1
    assert rule.reason
    assert rule.remedy


def test_what_is_not_known_yet_waits() -> None:
    """In a preview a rule breaks on no value that AWS has still to tell; what cannot be read is refused."""
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    later = Resource("aws:s3/p:BucketPolicy", "it", {"policy": unknown})
    assert (broken_by(later), waiting([later])) == (set(), 1)
    assert broken_by(Resource("aws:s3/p:BucketPolicy", "it", {"policy": "{"})) == {"bucket-tls"}
    secret = Resource("aws:secretsmanager/secret:Secret", "it", {"kmsKeyId": unknown})
    assert (broken_by(secret), waiting([secret])) == (set(), 0)


def test_a_component_is_no_resource() -> None:
    """A policy pack is shown components too: one that is named as a resource of AWS breaks no rule."""
    assert broken_by(Resource("bascule:aws:LogGroup", "it", {})) == set()
    assert broken_by(Resource("aws:cloudwatch/logGroup:LogGroup", "it", {})) == {"log-kept"}


@pytest.mark.parametrize("stack", ["platform-test", "platform-prod", "alpha-test", "alpha-prod"])
def test_our_own_programs_keep_every_rule(vendor: Vendor, stack: str) -> None:
    """What the platform's and a tenant's programs declare breaks no rule."""
    tenant, _, environment = stack.partition("-")
    made = vendor.platforms[environment] if tenant == "platform" else vendor.site(stack)
    assert [str(one) for one in violations(stack, policed(made), [], TODAY)] == []


def test_every_rule_has_something_to_look_at(vendor: Vendor) -> None:
    """No rule is about a type that none of our programs declares: a misspelt one would never refuse."""
    platform = declared_stack(vendor.files.workspace, "platform-prod", {**PLATFORM, "accountRecord": "true"})
    every = policed(platform) + policed(vendor.site())
    assert [rule.id for rule in RULES if not any(map(rule.concerns, every))] == []


def test_a_bucket_is_more_than_a_bucket() -> None:
    """A bucket without what S3 keeps beside it is refused, by the names of what it lacks."""
    found = violations("alpha-prod", [Resource("aws:s3/bucket:Bucket", "x-bucket", {})], [], TODAY)
    assert [one.rule for one in found] == ["bucket-complete"]
    assert "BucketPublicAccessBlock" in found[0].reason


def _exception(**changed: Any) -> PolicyException:
    given = {
        "rule": "database-private",
        "stack": "alpha-prod",
        "resource": "it",
        "owner": "rosa@vendor.example",
        "reason": "the auditor looks from outside this week",
        "expires": date(2026, 12, 1),
    }
    return PolicyException(**{**given, **changed})


def test_an_exception_excuses_until_it_ends() -> None:
    """One rule of one resource of one stack, until its day; then it is told again, and the exception too."""
    open_one = Resource("aws:rds/instance:Instance", "it", {"publiclyAccessible": True})
    assert "database-private" not in broken_by(open_one, _exception())
    for other in ({"stack": "alpha-test"}, {"resource": "another"}, {"rule": "database-kept"}):
        assert "database-private" in broken_by(open_one, _exception(**other))
    ended = violations("alpha-prod", [open_one], [_exception(expires=date(2026, 11, 26))], TODAY)
    told = [str(one) for one in ended if one.rule == "database-private"]
    assert len(told) == 2
    assert "rosa@vendor.example ended on 2026-11-26" in told[1]


def test_an_exception_that_excuses_nothing_is_told() -> None:
    """What was mended needs no exception any more."""
    found = violations("alpha-prod", [], [_exception()], TODAY)
    assert ["excuses nothing any more" in str(one) for one in found] == [True]


def test_exceptions_are_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """Every fault of the file is told; without the file there are none."""
    assert load_exceptions(tmp_path) == []
    (tmp_path / FILE).write_text("- {rule: tags, stack: a-prod, resource: x, owner: nobody, reason: short}\n")
    with pytest.raises(WorkspaceError, match=r"(?s)3 to correct.*owner.*reason.*expires"):
        load_exceptions(tmp_path)


def test_test_and_prod_differ_as_listed(vendor: Vendor) -> None:
    """A tenant's two sites differ in nothing but the listed ways; another difference is named."""
    test, prod = (policed(vendor.site(f"alpha-{one}")) for one in ("test", "prod"))
    assert parity.differences(test, prod) == []
    weaker = [
        Resource(one.type, one.name, {**one.inputs, "iamDatabaseAuthenticationEnabled": False})
        if one.name == "alpha-database-instance"
        else one
        for one in test
        if one.name != "alpha-host-policy"
    ]
    assert parity.differences(weaker, prod) == [
        "alpha-host-policy is in prod only",
        "alpha-database-instance.iamDatabaseAuthenticationEnabled",
    ]


def test_nothing_of_one_tenant_names_anything_of_another(vendor: Vendor) -> None:
    """Two tenants' sites are apart; a rule that lets one into the other's database is found."""
    alpha, beta = policed(vendor.site("alpha-prod")), policed(vendor.site("beta-prod"))
    assert isolation.crossings(alpha, beta) == isolation.crossings(beta, alpha) == []
    group = next(one for one in beta if one.name == "beta-database-group")
    let_in = Resource(_FROM, "alpha-rule", {"securityGroupId": sorted(group.identities)[0]})
    assert isolation.crossings([let_in], beta) == ["alpha-rule names beta-database-group"]


def test_what_the_engine_says_is_understood() -> None:
    """Resources are read from a preview and from a state; those of other providers are passed by."""
    state = {
        "type": "aws:kms/key:Key",
        "urn": "urn:pulumi:a::b::c$aws:kms/key:Key::the-key",
        "id": "k-1",
        "inputs": {"enableKeyRotation": True},
        "outputs": {"arn": "arn:k-1"},
    }
    other = {"type": "bascule:local:Password", "urn": "urn:pulumi:a::b::x::p"}
    preview = json.dumps(
        {"steps": [{"op": "create", "newState": state}, {"newState": other}, {"op": "delete"}]}
    )
    (seen,) = of_preview(preview)
    assert (seen.name, seen.inputs) == ("the-key", {"enableKeyRotation": True})
    (standing,) = of_state(json.dumps({"deployment": {"resources": [state, other]}}))
    assert standing.identities == {"k-1", "arn:k-1"}
