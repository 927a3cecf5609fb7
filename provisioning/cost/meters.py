"""
What AWS charges for a resource whatever is done with it, in the words of the price table.

Promise: read from a resource's inputs; a type that stands in none of these lists is not known to cost
nothing, and comes out as not priced.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from provisioning.policy.resources import Resource
from provisioning.policy.rule import at

BY_USE = frozenset(
    {
        *("aws:backup/plan:Plan", "aws:backup/restoreTestingPlan:RestoreTestingPlan"),
        *("aws:cloudwatch/logGroup:LogGroup", "aws:ec2/flowLog:FlowLog"),
        *("aws:cloudtrail/trail:Trail", "aws:cfg/recorder:Recorder", "aws:guardduty/detector:Detector"),
        "aws:efs/fileSystem:FileSystem",
        *("aws:s3/bucket:Bucket", "aws:s3/bucketObjectv2:BucketObjectv2"),
        "aws:sns/topic:Topic",
    }
)
"""Charged by what is stored in them or passes through them, and by nothing else."""

FREE = frozenset(
    f"aws:{one}"
    for one in (
        "accessanalyzer/analyzer:Analyzer",  # of access from outside the account
        "acm/certificate:Certificate",
        "acm/certificateValidation:CertificateValidation",
        "backup/restoreTestingSelection:RestoreTestingSelection",
        "backup/selection:Selection",
        "backup/vault:Vault",
        "backup/vaultPolicy:VaultPolicy",
        "backup/vaultLockConfiguration:VaultLockConfiguration",
        "budgets/budget:Budget",  # one that only tells
        "cfg/deliveryChannel:DeliveryChannel",
        "cfg/recorderStatus:RecorderStatus",
        "costexplorer/costAllocationTag:CostAllocationTag",
        "ebs/encryptionByDefault:EncryptionByDefault",
        "ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess",
        "ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
        "ec2/instanceMetadataDefaults:InstanceMetadataDefaults",
        "ec2/internetGateway:InternetGateway",
        "ec2/launchTemplate:LaunchTemplate",  # what is started from it is charged to the group
        "ec2/route:Route",
        "ec2/routeTable:RouteTable",
        "ec2/routeTableAssociation:RouteTableAssociation",
        "ec2/securityGroup:SecurityGroup",
        "ec2/subnet:Subnet",
        "ec2/vpc:Vpc",
        "efs/fileSystemPolicy:FileSystemPolicy",
        "efs/mountTarget:MountTarget",
        "iam/instanceProfile:InstanceProfile",
        "iam/openIdConnectProvider:OpenIdConnectProvider",
        "iam/policy:Policy",
        "iam/role:Role",
        "iam/rolePolicy:RolePolicy",
        "iam/rolePolicyAttachment:RolePolicyAttachment",
        "iam/serviceLinkedRole:ServiceLinkedRole",
        "kms/alias:Alias",
        "lb/listener:Listener",
        "lb/listenerCertificate:ListenerCertificate",
        "lb/listenerRule:ListenerRule",
        "lb/targetGroup:TargetGroup",
        "rds/eventSubscription:EventSubscription",
        "rds/parameterGroup:ParameterGroup",
        "rds/subnetGroup:SubnetGroup",
        "route53/record:Record",
        "s3/accountPublicAccessBlock:AccountPublicAccessBlock",
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "s3/bucketLogging:BucketLogging",
        "s3/bucketOwnershipControls:BucketOwnershipControls",
        "s3/bucketPolicy:BucketPolicy",
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "s3/bucketVersioning:BucketVersioning",
        "secretsmanager/secretVersion:SecretVersion",
        "sns/topicPolicy:TopicPolicy",
        "sns/topicSubscription:TopicSubscription",
        "ssm/parameter:Parameter",  # a standard one
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "wafv2/webAclAssociation:WebAclAssociation",
    )
)
"""Never charged."""

METRICS_OF_A_HOST = 7
"""What EC2 reports each minute of a host that is watched in detail; each counts as a metric."""


@dataclass(frozen=True)
class Charge:
    """So many units of what the price table calls `meter`."""

    meter: str
    units: Decimal = Decimal(1)


_Stack = Sequence[Resource]


def _database(one: Resource, _: _Stack) -> Iterator[Charge]:
    standby = " with standby" if at(one.inputs, "multiAz") else ""
    yield Charge(f"database {at(one.inputs, 'instanceClass')}{standby}")
    yield Charge(
        f"database storage {at(one.inputs, 'storageType')}{standby}", _number(one, "allocatedStorage")
    )
    if at(one.inputs, "manageMasterUserPassword"):
        yield Charge("secret")


def _hosts(one: Resource, stack: _Stack) -> Iterator[Charge]:
    hosts = _number(one, "minSize")
    wanted = at(one.inputs, "launchTemplate.id")
    template = next((other for other in stack if wanted in other.identities), one)
    yield Charge(f"host {at(template.inputs, 'instanceType')}", hosts)
    for disk in at(template.inputs, "blockDeviceMappings") or []:
        size_gb = Decimal(str(at(disk, "ebs.volumeSize")))
        yield Charge(f"disk {at(disk, 'ebs.volumeType')}", hosts * size_gb)
    if at(template.inputs, "monitoring.enabled"):
        yield Charge("metric", hosts * METRICS_OF_A_HOST)


def _endpoint(one: Resource, _: _Stack) -> Iterator[Charge]:
    if (kind := at(one.inputs, "vpcEndpointType")) != "Gateway":
        name = "endpoint" if kind == "Interface" else f"endpoint {kind}"
        yield Charge(name, Decimal(len(at(one.inputs, "subnetIds") or [])))


def _balancer(one: Resource, _: _Stack) -> Iterator[Charge]:
    yield Charge(f"balancer {at(one.inputs, 'loadBalancerType')}")
    if not at(one.inputs, "internal"):
        yield Charge("public address", Decimal(len(at(one.inputs, "subnets") or [])))


def _firewall(one: Resource, _: _Stack) -> Iterator[Charge]:
    yield Charge("firewall")
    yield Charge("firewall rule", Decimal(len(at(one.inputs, "rules") or [])))


def _each(meter: str) -> "_Meter":
    return lambda _, __: iter([Charge(meter)])


def _number(one: Resource, path: str) -> Decimal:
    return Decimal(str(at(one.inputs, path) or 0))


_Meter = Callable[[Resource, _Stack], Iterator[Charge]]
_METERS: dict[str, _Meter] = {
    "aws:autoscaling/group:Group": _hosts,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _each("alarm"),
    "aws:ec2/eip:Eip": _each("public address"),
    "aws:ec2/natGateway:NatGateway": _each("way out"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:kms/key:Key": _each("key"),
    "aws:lb/loadBalancer:LoadBalancer": _balancer,
    "aws:rds/instance:Instance": _database,
    "aws:route53/zone:Zone": _each("zone"),
    "aws:secretsmanager/secret:Secret": _each("secret"),
    "aws:wafv2/webAcl:WebAcl": _firewall,
}


def charges(one: Resource, stack: Sequence[Resource]) -> list[Charge] | None:
    """Return what a resource of a stack is charged as; None for a type that nobody looked up."""
    if one.type in BY_USE | FREE:
        return []
    meter = _METERS.get(one.type)
    return list(meter(one, stack)) if meter else None
