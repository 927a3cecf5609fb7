"""
The rules: what a reviewer checks of a resource on AWS, each with the reason and what to do.

Promise: every rule is about inputs alone, so it can be asked before anything is made; each has a test with a
resource that it refuses. Ids are kept for good: exceptions name them.
"""

from provisioning.policy.resources import Resource
from provisioning.policy.rule import (
    Rule,
    at,
    at_least,
    both,
    equals,
    is_absent,
    is_off,
    is_on,
    is_there,
    statements,
)

TLS_POLICIES = ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",)
_TAGS = ("tenant", "environment", "stack", "data-class", "managed-by")
_EVERYBODY = ("0.0.0.0/0", "::/0")


def _is_prod(resource: Resource) -> bool:
    return resource.tags.get("environment") == "prod"


def _tagged(resource: Resource) -> bool:
    return "tags" not in resource.inputs or all(resource.tags.get(tag) for tag in _TAGS)


def _only_web_from_everybody(resource: Resource) -> bool:
    anybody = at(resource.inputs, "cidrIpv4") in _EVERYBODY or at(resource.inputs, "cidrIpv6") in _EVERYBODY
    ports = {at(resource.inputs, "fromPort"), at(resource.inputs, "toPort")}
    return not anybody or (resource.tags.get("tenant") == "platform" and ports <= {80, 443})


def _not_to_everybody(resource: Resource) -> bool:
    return at(resource.inputs, "cidrIpv4") not in _EVERYBODY and at(resource.inputs, "cidrIpv6") is None


def _refuses_plain(resource: Resource) -> bool:
    return any(
        one.get("Effect") == "Deny"
        and one.get("Principal") == "*"
        and at(one, "Condition.Bool") == {"aws:SecureTransport": "false"}
        for one in statements(resource) or []
    )


def _no_open_principal(resource: Resource) -> bool:
    found = statements(resource)
    return found is not None and not any(
        one.get("Effect") == "Allow" and one.get("Principal") in ("*", {"AWS": "*"}) for one in found
    )


def _no_everything(resource: Resource) -> bool:
    found = statements(resource)
    return found is not None and not any(
        one.get("Effect") == "Allow" and "*" in _listed(one.get("Action")) for one in found
    )


def _trusts_somebody(resource: Resource) -> bool:
    found = statements(resource, "assumeRolePolicy")
    return found is not None and not any("*" in _listed(at(one, "Principal.AWS")) for one in found)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _bounded(resource: Resource) -> bool:
    return resource.tags.get("tenant") == "platform" or is_there("permissionsBoundary")(resource)


def _forces_tls(resource: Resource) -> bool:
    return {"name": "rds.force_ssl", "value": "1"}.items() <= _parameter(resource, "rds.force_ssl").items()


def _parameter(resource: Resource, name: str) -> dict[str, object]:
    every = resource.inputs.get("parameters") or []
    return next((dict(one) for one in every if one.get("name") == name), {})


def _disks_encrypted(resource: Resource) -> bool:
    disks = resource.inputs.get("blockDeviceMappings") or []
    return bool(disks) and all(
        at(disk, "ebs.encrypted") == "true"
        and at(disk, "ebs.volumeType") == "gp3"
        and at(disk, "ebs.kmsKeyId")
        for disk in disks
    )


def _children_tagged(resource: Resource) -> bool:
    tagged = {one.get("resourceType") for one in resource.inputs.get("tagSpecifications") or []}
    return {"instance", "volume"} <= tagged


def _sends_on(resource: Resource) -> bool:
    return at(resource.inputs, "port") != 80 or equals("defaultActions.0.type", "redirect")(resource)


def _names_tls(resource: Resource) -> bool:
    return at(resource.inputs, "protocol") != "HTTPS" or at(resource.inputs, "sslPolicy") in TLS_POLICIES


def _carries_connections(resource: Resource) -> bool:
    """Whether a load balancer reads no requests."""
    return bool(at(resource.inputs, "loadBalancerType") == "network")


def _short_ttl(resource: Resource) -> bool:
    moves = at(resource.inputs, "type") in ("A", "AAAA") and is_there("records")(resource)
    ttl_seconds = at(resource.inputs, "ttl")
    return not moves or (isinstance(ttl_seconds, int | float) and ttl_seconds <= 60)


_RDS = "aws:rds/instance:Instance"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_FROM = ":SecurityGroupIngressRule"
_TO = ":SecurityGroupEgressRule"

RULES: tuple[Rule, ...] = (
    Rule("tags", "", _tagged, "what nobody owns nobody pays for or finds", "tags=tags_of(...)"),
    # Keys and secrets
    Rule("key-rotates", ":Key", is_on("enableKeyRotation"), "old keys leak", "enable_key_rotation=True"),
    Rule(
        "key-deleted-slowly",
        ":Key",
        at_least("deletionWindowInDays", 30),
        "a deleted key takes all that it encrypts along",
        "deletion_window_in_days=30",
    ),
    Rule("key-for-somebody", ":Key", _no_open_principal, "a key for all is none", "name its principals"),
    Rule(
        "secret-encrypted", ":Secret", is_there("kmsKeyId"), "AWS's own key serves everybody", "kms_key_id="
    ),
    # Networks
    Rule(
        "group-rules-apart",
        "ec2/securityGroup:SecurityGroup",
        is_absent("ingress", "egress"),
        "rules within a group and beside it undo each other",
        "a SecurityGroupIngressRule or EgressRule each",
    ),
    Rule(
        "group-described",
        "ec2/securityGroup:SecurityGroup",
        is_there("description"),
        "nobody removes what nobody understands",
        "description=",
    ),
    Rule("rule-in-described", _FROM, is_there("description"), "as group-described", "description="),
    Rule("rule-out-described", _TO, is_there("description"), "as group-described", "description="),
    Rule(
        "rule-in-not-for-all",
        _FROM,
        _only_web_from_everybody,
        "only the shared load balancer is for everybody, on 80 and 443",
        "referenced_security_group_id=",
    ),
    Rule("rule-out-not-to-all", _TO, _not_to_everybody, "what may leave is named", "name the other end"),
    Rule(
        "rule-in-by-port",
        _FROM,
        both(equals("ipProtocol", "tcp", "udp"), is_there("fromPort", "toPort")),
        "a rule for all ports is no rule",
        "ip_protocol= and ports",
    ),
    Rule(
        "default-group-empty",
        ":DefaultSecurityGroup",
        is_absent("ingress", "egress"),
        "what has no group of its own gets this one",
        "ingress=[], egress=[]",
    ),
    Rule(
        "subnet-private",
        ":Subnet",
        is_off("mapPublicIpOnLaunch"),
        "nothing gets a public address by itself",
        "map_public_ip_on_launch=False",
    ),
    # Hosts
    Rule(
        "host-metadata",
        _TEMPLATE,
        both(
            equals("metadataOptions.httpTokens", "required"),
            equals("metadataOptions.httpPutResponseHopLimit", 1),
        ),
        "a forged request must not read the host's credentials",
        "http_tokens='required', hop limit 1",
    ),
    Rule("host-no-key", _TEMPLATE, is_absent("keyName"), "Session Manager is the way in", "no key_name"),
    Rule(
        "host-no-public-address",
        _TEMPLATE,
        is_off("networkInterfaces.0.associatePublicIpAddress"),
        "users come by the load balancer",
        "associate_public_ip_address='false'",
    ),
    Rule(
        "host-disks",
        _TEMPLATE,
        _disks_encrypted,
        "a disk that is thrown away still holds data",
        "encrypted='true', kms_key_id=, volume_type='gp3'",
    ),
    Rule("host-watched", _TEMPLATE, is_on("monitoring.enabled"), "alarms by the minute", "monitoring"),
    Rule("host-children-tagged", _TEMPLATE, _children_tagged, "as tags", "tag_specifications="),
    # Databases
    Rule(
        "database-encrypted",
        _RDS,
        both(is_on("storageEncrypted"), is_there("kmsKeyId")),
        "encrypted with the tenant's own key",
        "storage_encrypted=True, kms_key_id=",
    ),
    Rule(
        "database-private",
        _RDS,
        is_off("publiclyAccessible"),
        "only the site's hosts reach it",
        "publicly_accessible=False",
    ),
    Rule(
        "database-backups",
        _RDS,
        lambda one: at_least("backupRetentionPeriod", 35 if _is_prod(one) else 7)(one),
        "35 days in prod, 7 in test",
        "backup_retention_period=",
    ),
    Rule(
        "database-backups-stay",
        _RDS,
        is_off("deleteAutomatedBackups"),
        "backups outlive what they are of",
        "delete_automated_backups=False",
    ),
    Rule(
        "database-kept",
        _RDS,
        is_on("deletionProtection"),
        "nobody deletes a tenant's data by mistake",
        "deletable=None; a reason in bascule:deletable needs an exception too",
    ),
    Rule(
        "database-final-snapshot",
        _RDS,
        both(is_off("skipFinalSnapshot"), is_there("finalSnapshotIdentifier")),
        "the last state stays",
        "skip_final_snapshot=False, final_snapshot_identifier=",
    ),
    Rule(
        "database-standby",
        _RDS,
        lambda one: not _is_prod(one) or is_on("multiAz")(one),
        "a zone may fail",
        "multi_az=True in prod",
    ),
    Rule(
        "database-no-password",
        _RDS,
        both(is_on("manageMasterUserPassword"), is_absent("password", "passwordWo")),
        "AWS keeps and rotates the master's password",
        "manage_master_user_password=True",
    ),
    Rule(
        "database-iam",
        _RDS,
        is_on("iamDatabaseAuthenticationEnabled"),
        "people come by their own name",
        "iam_database_authentication_enabled=True",
    ),
    Rule(
        "database-told",
        _RDS,
        both(
            is_there("enabledCloudwatchLogsExports", "performanceInsightsKmsKeyId"),
            is_on("performanceInsightsEnabled", "copyTagsToSnapshot"),
            equals("monitoringInterval", 60),
        ),
        "what is not recorded cannot be looked into",
        "log exports, insights with the tenant's key, monitoring each minute",
    ),
    Rule(
        "database-kept-up",
        _RDS,
        both(
            is_on("autoMinorVersionUpgrade"),
            is_there("caCertIdentifier", "backupWindow", "maintenanceWindow", "maxAllocatedStorage"),
        ),
        "minor versions, certificates and space come by themselves, at a known hour",
        "the windows, ca_cert_identifier=, max_allocated_storage=",
    ),
    Rule(
        "database-tls",
        "rds/parameterGroup:ParameterGroup",
        _forces_tls,
        "no session without TLS",
        "rds.force_ssl = 1",
    ),
    # Files and objects
    Rule(
        "files-encrypted",
        ":FileSystem",
        both(is_on("encrypted"), is_there("kmsKeyId")),
        "encrypted with the tenant's own key",
        "encrypted=True, kms_key_id=",
    ),
    Rule("files-for-somebody", ":FileSystemPolicy", _no_open_principal, "hosts only", "name the role"),
    Rule(
        "bucket-not-public",
        ":BucketPublicAccessBlock",
        is_on("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
        "no bucket is public",
        "all four",
    ),
    Rule("bucket-tls", ":BucketPolicy", _refuses_plain, "TLS only", "deny_without_tls"),
    Rule(
        "bucket-owned",
        ":BucketOwnershipControls",
        equals("rule.objectOwnership", "BucketOwnerEnforced"),
        "no object belongs to whoever wrote it",
        "object_ownership='BucketOwnerEnforced'",
    ),
    Rule(
        "bucket-encrypted",
        ":BucketServerSideEncryptionConfiguration",
        equals("rules.0.applyServerSideEncryptionByDefault.sseAlgorithm", "aws:kms", "AES256"),
        "encrypted",
        "sse_algorithm='aws:kms'",
    ),
    Rule(
        "bucket-versioned",
        ":BucketVersioning",
        equals("versioningConfiguration.status", "Enabled"),
        "what was overwritten can be had again",
        "status='Enabled'",
    ),
    Rule(
        "bucket-not-emptied",
        "s3/bucket:Bucket",
        lambda one: not at(one.inputs, "forceDestroy") or one.tags.get("data-class") == "copies",
        "a destroy does not empty it, unless what it holds are copies",
        "as database-kept",
    ),
    # The way in
    Rule(
        "balancer-strict",
        ":LoadBalancer",
        lambda one: (
            _carries_connections(one)
            or both(
                is_on("dropInvalidHeaderFields", "enableDeletionProtection", "accessLogs.enabled"),
                equals("desyncMitigationMode", "defensive", "strictest"),
            )(one)
        ),
        "malformed requests reach no host, and who came is on record",
        "the four settings",
    ),
    Rule(
        "balancer-of-connections",
        ":LoadBalancer",
        lambda one: (
            not _carries_connections(one)
            or both(is_on("enableDeletionProtection"), is_there("securityGroups"))(one)
        ),
        "without a group it is open to everybody, and its address is in customers' firewalls",
        "security_groups=, enable_deletion_protection=True",
    ),
    Rule("listener-tls", ":Listener", _names_tls, "TLS by a policy that is named", f"{TLS_POLICIES[0]}"),
    Rule("listener-sends-on", ":Listener", _sends_on, "nothing is served without TLS", "a redirect"),
    Rule(
        "certificate-by-dns",
        "acm/certificate:Certificate",
        both(
            equals("validationMethod", "DNS"),
            lambda one: "*" not in str(at(one.inputs, "domainName")),
        ),
        "renewed by itself, and for one name",
        "validation_method='DNS', no wildcard",
    ),
    Rule("name-can-move", ":Record", _short_ttl, "a cutover waits for the old answer", "ttl=60"),
    # Rights
    Rule(
        "role-bounded", "iam/role:Role", _bounded, "no role goes beyond the boundary", "permissions_boundary="
    ),
    Rule("role-trusts-somebody", "iam/role:Role", _trusts_somebody, "a role for all is none", "a principal"),
    Rule("right-named", ":RolePolicy", _no_everything, "the least that is needed", "name the actions"),
    # Signals
    Rule(
        "trail-whole",
        ":Trail",
        both(is_on("isMultiRegionTrail", "enableLogFileValidation"), is_there("kmsKeyId")),
        "what is done in another region, or changed afterwards, is seen too",
        "is_multi_region_trail=True, enable_log_file_validation=True, kms_key_id=",
    ),
    Rule(
        "log-kept",
        ":LogGroup",
        both(at_least("retentionInDays", 30), is_there("kmsKeyId")),
        "long enough to look into a month",
        "retention_days=, key_arn=",
    ),
    Rule(
        "alarm-reaches-somebody",
        ":MetricAlarm",
        both(
            is_there("alarmActions", "treatMissingData"),
            lambda one: "https://" in str(at(one.inputs, "alarmDescription")),
        ),
        "an alarm without action or runbook is noise",
        "alarm_actions=, a link in the description",
    ),
    Rule("backup-of-something", ":Selection", is_there("resources"), "a plan for nothing", "resources="),
    Rule("budget-told", ":Budget", is_there("notifications"), "told ahead", "notifications="),
)
