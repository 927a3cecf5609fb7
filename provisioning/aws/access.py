"""
The way to a site's host: OpenSSH through Session Manager.

Promise: no port is open to anybody; who may come is IAM's decision, and who came when is in the account's
trail. A host's key is made on the host and never leaves it: the host reports the public half, with its own
role, to a parameter that nobody else of the tenant may write, and only what was reported is trusted.
"""

import re
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, InvokeOutputOptions, Output, Resource, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs
from provisioning.aws.parameters import site_parameter
from provisioning.ssh_config import PINNED

USER = "site"
"""Who logs in, and whom the application runs as: files that a move brings belong to it."""
NOTHING_REPORTED = "none"

_CONFIG = f"""\
Host {{alias}}
    HostName {{alias}}
    User {{user}}
{PINNED}    ServerAliveInterval 30
    ProxyCommand {{proxy}}
"""
_FIND = (
    "aws ec2 describe-instances --region {region} --output text"
    " --filters Name=tag:stack,Values={stack} Name=tag:role,Values={role}"
    " Name=instance-state-name,Values=running"
    ' --query "Reservations[0].Instances[0].InstanceId"'
)
_PROXY = (
    "sh -c 'exec aws ssm start-session --region {region} --document-name AWS-StartSSHSession"
    ' --parameters portNumber=22 --target "$({find})"\''
)
"""The host is looked for at each connection: an auto scaling group may have put another in its place."""
_HOST_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/=]+")


def runner_alias(stack: str) -> str:
    """Return what the migration runner of a stack is called."""
    return f"{stack}-runner"


def ssh_config(stack: str, region: str, *, with_runner: bool = False) -> str:
    """Return the text of `provisioning.site.SshAccess.config`."""
    aliases = {"host": stack, **({"runner": runner_alias(stack)} if with_runner else {})}
    return "".join(
        _CONFIG.format(
            alias=alias,
            user=USER,
            proxy=_PROXY.format(region=region, find=_FIND.format(region=region, stack=stack, role=role)),
        )
        for role, alias in aliases.items()
    )


def known_hosts(alias: str, report: str) -> str:
    """Return known_hosts lines of what hosts reported, one key a line; empty when none did."""
    return "\n".join(f"{alias} {key}" for key in _HOST_KEY.findall(report))


@dataclass(frozen=True, kw_only=True)
class HostKeyReportArgs(TaggedArgs):
    stack: str
    what: str = "host-keys"
    """What the parameter is called among the site's."""


class HostKeyReport(Component):
    """Where hosts say what their SSH keys are."""

    name: str
    arn: Output[str]

    def __init__(self, name: str, args: HostKeyReportArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.name = site_parameter(args.stack, args.what)
        self.arn = aws.ssm.Parameter(
            f"{name}-parameter",
            name=self.name,
            description="Public SSH keys of the site's hosts, as they report them",
            type="String",
            insecure_value=NOTHING_REPORTED,
            tags=args.tags,
            # From then on its value is the hosts' own.
            opts=ResourceOptions(parent=self, ignore_changes=["insecureValue", "value"]),
        ).arn
        self.register_outputs({"arn": self.arn})

    def read_after(self, hosts: Resource) -> Output[str]:
        """Return what the hosts report once they answer: they do so before they serve anybody."""
        found = aws.ssm.get_parameter_output(
            name=self.name, opts=InvokeOutputOptions(parent=self, depends_on=[hosts])
        )
        return found.insecure_value


def ssh_access(
    *, stack: str, region: str, report: Output[str], identity: Input[str], runner: Output[str] | None = None
) -> dict[str, Input[str] | None]:
    """
    Return `provisioning.site.SshAccess`.

    Args:
        report: As `HostKeyReport.read_after` gives it.
        identity: The private key that logs in.
        runner: What the migration runner reports, while there is one.
    """
    alias = runner_alias(stack)
    known = Output.all(host=report, runner=runner or "").apply(
        lambda told: "\n".join(
            line for line in (known_hosts(stack, told["host"]), known_hosts(alias, told["runner"])) if line
        )
    )
    return {
        "alias": stack,
        "config": ssh_config(stack, region, with_runner=runner is not None),
        "known_hosts": known,
        "identity": identity,
        "runner": alias if runner is not None else None,
    }
