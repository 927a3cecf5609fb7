"""
Parity: a tenant's test and prod sites differ in the listed ways and in nothing else.

Promise: what differs is named by resource and property; what names the environment itself is no difference.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from provisioning.policy.resources import Resource

ALLOWED: dict[tuple[str, str], str] = {
    ("aws:rds/instance:Instance", "multiAz"): "a standby in prod only",
    ("aws:rds/instance:Instance", "backupRetentionPeriod"): "retention",
    ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays"): "retention",
    ("aws:rds/instance:Instance", "instanceClass"): "size",
    ("aws:rds/parameterGroup:ParameterGroup", "parameters"): "size: max_connections",
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "threshold"): "size: of connections",
    ("aws:ec2/launchTemplate:LaunchTemplate", "instanceType"): "size",
    ("aws:budgets/budget:Budget", "limitAmount"): "budget",
    ("aws:lb/listenerRule:ListenerRule", "actions"): "the door",
    ("aws:lb/listenerRule:ListenerRule", "priority"): "each stack's own place",
    ("aws:ec2/launchTemplate:LaunchTemplate", "userData"): "names, digests and workers; see its sources",
    ("aws:lb/targetGroup:TargetGroup", "name"): "made of the stack's name",
}
"""What may differ, by type and property, and why."""

_MADE_UP = r"[0-9a-f]{7,64}|\bZ[0-9A-Z]{8,32}\b|[A-Za-z0-9]{32}"


def differences(test: Sequence[Resource], prod: Sequence[Resource]) -> list[str]:
    """Return what differs and may not, one line each: ``name.property`` or a resource that is missing."""
    ours, theirs = ({one.name: one for one in side} for side in (test, prod))
    found = [f"{name} is in test only" for name in sorted(ours.keys() - theirs.keys())]
    found += [f"{name} is in prod only" for name in sorted(theirs.keys() - ours.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        found += _differing(ours[name], theirs[name])
    return found


def _differing(test: Resource, prod: Resource) -> list[str]:
    if test.type != prod.type:
        return [f"{test.name} is of another type"]
    names = sorted({*test.inputs, *prod.inputs} - {"__defaults"})
    return [
        f"{test.name}.{name}"
        for name in names
        if (test.type, name) not in ALLOWED and _neutral(test.inputs, name) != _neutral(prod.inputs, name)
    ]


def _neutral(inputs: Mapping[str, Any], name: str) -> str:
    """A value without what names the environment, and without what AWS makes up."""
    text = re.sub(r"\b(test|prod)\b", "ENV", json.dumps(inputs.get(name), sort_keys=True))
    return re.sub(_MADE_UP, "ID", text)
