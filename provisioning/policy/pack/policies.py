"""
The rules in the words of pulumi-policy: one policy a rule, and two of the stack as a whole.

Promise: nothing is defined anew: rules, exceptions and what is excused are those of `provisioning.policy`;
what is not known yet, in a preview, is the engine's own word for it, as `fab policy` reads it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from pulumi_policy import (
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.deserialize import serialize_properties

from provisioning.policy.check import Violation, broken, excused, incomplete_buckets, outdated
from provisioning.policy.exceptions import PolicyException, load_exceptions
from provisioning.policy.resources import Resource
from provisioning.policy.rule import Rule
from provisioning.policy.rules import RULES
from provisioning.workspace import Workspace


def policies() -> list[Policy]:
    """
    Return all policies, with the exceptions of the workspace that the engine works in.

    Raises:
        WorkspaceError: There is no workspace, or its exceptions are not as they must be.
    """
    exceptions = load_exceptions(Workspace.find().stacks)
    return [
        *(_of_resources(rule, exceptions) for rule in RULES),
        _of_stack("bucket-complete", "what S3 keeps beside a bucket is declared", exceptions, _buckets),
        _of_stack("exceptions", "an exception excuses something, and until its end", exceptions, _exceptions),
    ]


def _of_resources(rule: Rule, exceptions: Sequence[PolicyException]) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        stack, one = _stack_of(args.urn), _resource(args)
        for found in excused(stack, broken([one], [rule]), exceptions, _today()):
            report(f"{found.resource}: {found.reason}; {found.remedy}", None)

    return ResourceValidationPolicy(rule.id, rule.reason, validate, remediation_steps=rule.remedy)


_OfStack = Callable[[str, Sequence[Resource], Sequence[PolicyException], date], list[Violation]]


def _of_stack(
    name: str, why: str, exceptions: Sequence[PolicyException], check: _OfStack
) -> StackValidationPolicy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        aws = [one for one in args.resources if one.resource_type.startswith("aws:")]
        if aws:
            stack = _stack_of(aws[0].urn)
            for found in check(stack, [_resource(one) for one in aws], exceptions, _today()):
                report(str(found), None)

    return StackValidationPolicy(name, why, validate)


def _buckets(
    stack: str, resources: Sequence[Resource], exceptions: Sequence[PolicyException], today: date
) -> list[Violation]:
    return excused(stack, incomplete_buckets(resources), exceptions, today)


def _exceptions(
    stack: str, resources: Sequence[Resource], exceptions: Sequence[PolicyException], today: date
) -> list[Violation]:
    return outdated(stack, broken(resources) + incomplete_buckets(resources), exceptions, today)


def _resource(one: Any) -> Resource:
    """What pulumi-policy hands over, as the rules read it; its proxies would refuse what is not known yet."""
    return Resource(one.resource_type, one.name, dict(serialize_properties(one.props)))


def _stack_of(urn: str) -> str:
    return urn.split("::")[0].rsplit(":", 1)[-1]


def _today() -> date:
    return datetime.now(UTC).date()
