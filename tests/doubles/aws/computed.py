"""
What AWS makes up of a resource, as far as programs use it: its id, its ARN, a few outputs more.

Promise: always the same for the same key.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from wheel import outputs_of

State = dict[str, Any]

_COMPUTED: dict[str, Callable[[State, str], State]] = {
    "aws:acm/certificate:Certificate": lambda inputs, _: {
        "domainValidationOptions": [
            {
                "domainName": inputs["domainName"],
                "resourceRecordName": f"_proof.{inputs['domainName']}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_value.acm-validations.aws.",
            }
        ]
    },
    "aws:lb/loadBalancer:LoadBalancer": lambda _, key: {
        "dnsName": f"alb-{key}.elb.amazonaws.com",
        "zoneId": "Z0ELB",
        "arnSuffix": f"app/alb/{key}",
    },
    "aws:route53/zone:Zone": lambda _, key: {
        "zoneId": f"Z{key.upper()}",
        "nameServers": [f"ns-{number}.awsdns.example" for number in range(4)],
    },
    "aws:route53/record:Record": lambda inputs, _: {"fqdn": inputs["name"].rstrip(".")},
    "aws:ec2/eip:Eip": lambda _, key: {"allocationId": f"eipalloc-{key}", "publicIp": "203.0.113.9"},
    "aws:ec2/vpcEndpoint:VpcEndpoint": lambda _, key: {"prefixListId": f"pl-{key}"},
    "aws:kms/key:Key": lambda _, key: {"keyId": key},
    "aws:ec2/launchTemplate:LaunchTemplate": lambda _, __: {"latestVersion": 1},
    "aws:lb/targetGroup:TargetGroup": lambda _, key: {"arnSuffix": f"targetgroup/{key}"},
    "aws:rds/instance:Instance": lambda inputs, key: {
        "address": f"{inputs['identifier']}.{key}.rds.amazonaws.com",
        "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:::secret:rds!{key}"}],
    },
    "aws:s3/bucketObjectv2:BucketObjectv2": lambda _, key: {"versionId": key},
    "aws:secretsmanager/secretVersion:SecretVersion": lambda inputs, _: {
        "versionId": hashlib.sha256(inputs["secretString"].encode()).hexdigest()[:16]
    },
}


def computed(kind: str, name: str, key: str, inputs: State, account: str) -> tuple[str, State]:
    """
    Return id and outputs of a resource.

    Args:
        kind: Its type token, such as ``aws:kms/key:Key``.
        key: 16 hex digits that tell it from every other.
    """
    service = kind.split(":")[1].split("/")[0]
    arn = f"arn:aws:{service}:eu-central-2:{account}:{name}/{key}"
    made = {"arn": arn, **dict.fromkeys(("name", "bucket"), f"{name}-{key[:7]}")}
    outputs = {one: value for one, value in made.items() if one in outputs_of(kind) - set(inputs)}
    if kind in _COMPUTED:
        outputs |= _COMPUTED[kind](inputs, key)
    if kind == "aws:ssm/parameter:Parameter":
        return inputs["name"], outputs
    return (arn if service == "lb" else f"{kind.split('/')[0][4:]}-{key}"), outputs
