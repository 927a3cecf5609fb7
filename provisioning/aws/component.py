"""
What every component of this folder has in common: arguments, tags, policies, and exceptions from safety.

Promise: children are parented to their component, so that protection, provider and name follow it; whoever
takes less than the safe default has to write down why, in a word that can be searched for: `Unsafe`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, Input, Output, ResourceOptions

from provisioning.errors import SiteError

Statement = Mapping[str, Any]
"""One statement of an IAM policy; values may be outputs."""


@dataclass(frozen=True)
class Unsafe:
    """Leave to take less than the safe default; `reason` is for whoever reviews the program."""

    reason: str

    def __post_init__(self) -> None:
        if len(self.reason.split()) < 3:
            raise SiteError(
                f"an unsafe setting was asked for with the reason {self.reason!r}, which explains nothing",
                next_step="say in a few words why, and until when",
            )


@dataclass(frozen=True, kw_only=True)
class TaggedArgs:
    """Arguments of a component whose children carry tags."""

    tags: Mapping[str, str]
    """As `provisioning.aws.tags` makes them; put on every child that can carry some."""


class Component(ComponentResource):
    """A component of type ``bascule:aws:<class>``."""

    def __init__(self, name: str, opts: ResourceOptions | None) -> None:
        super().__init__(f"bascule:aws:{type(self).__name__}", name, {}, opts)
        self.child = ResourceOptions(parent=self)

    def after(self, *others: Any) -> ResourceOptions:
        """Return the options of a child that AWS takes only once `others` are there."""
        return ResourceOptions(parent=self, depends_on=list(others))


def refuse_unless(holds: bool, what: str, remedy: str) -> None:
    """
    Refuse a plain argument at construction.

    Raises:
        SiteError: `holds` is false.
    """
    if not holds:
        raise SiteError(what, next_step=remedy)


def policy(*statements: Statement) -> Output[str]:
    """Return a policy document as JSON text, its keys in a settled order: it never differs from itself."""
    return Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def allow(
    actions: str | list[str], resources: Input[Any], condition: Mapping[str, Any] | None = None, **more: Any
) -> Statement:
    """Return a statement that allows `actions` on `resources`; `more` are members such as Principal."""
    made: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resources, **more}
    return {**made, "Condition": condition} if condition else made


def deny_without_tls(resources: list[Input[str]]) -> Statement:
    """Return the statement that refuses whoever comes without TLS."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "*",
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def trust(service: str, account: str) -> str:
    """Return the trust policy of a role that one AWS service assumes, on behalf of this account only."""
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, sort_keys=True)


def trust_of_instances() -> str:
    """Return the trust policy of an EC2 instance's role; instances send no source account along."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, sort_keys=True)
