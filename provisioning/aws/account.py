"""
The account that a stack belongs to, pinned in its configuration and asked before anything is declared.

Promise: a program whose stack names one account never touches another: the provider refuses other accounts,
and a caller from another one ends the program before its first resource. Credentials come from the
environment and stand in no configuration.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Config, InvokeOptions, ResourceOptions, get_stack

from provisioning.errors import SiteError, WorkspaceError

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


@dataclass(frozen=True)
class Account:
    """Where a stack's resources are: `number` has 12 digits, `region` is such as eu-central-2."""

    number: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.number}:{resource}"

    @property
    def root(self) -> str:
        """The principal that hands a decision on to the account's own IAM policies."""
        return f"arn:aws:iam::{self.number}:root"


def pinned_account(config: Config) -> Account:
    """
    Return the account that the stack's configuration pins.

    Raises:
        WorkspaceError: It pins none, or it is no account and region.
    """
    number, region = config.get("account") or "", config.get("region") or ""
    stack = get_stack()
    if not re.fullmatch(r"[0-9]{12}", number):
        raise WorkspaceError(
            f"{stack} pins no AWS account: bascule:account is {number!r}, and must be its 12 digits",
            state="Nothing was touched.",
            next_step=f"pulumi config set bascule:account 123456789012 -s {stack}",
        )
    if not _REGION.fullmatch(region):
        raise WorkspaceError(
            f"{stack} pins no AWS region: bascule:region is {region!r}",
            state="Nothing was touched.",
            next_step=f"pulumi config set bascule:region eu-central-2 -s {stack}",
        )
    return Account(number, region)


def provider_of(account: Account, tags: Mapping[str, str]) -> aws.Provider:
    """
    Return the one provider of a stack, once the caller is known to be in the pinned account.

    Raises:
        SiteError: The credentials are another account's.
    """
    provider = aws.Provider(
        "aws",
        region=account.region,
        allowed_account_ids=[account.number],
        default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
        # The state holds nobody's protection from deletion: the provider is nothing to protect.
        opts=ResourceOptions(protect=False),
    )
    caller = aws.get_caller_identity(opts=InvokeOptions(provider=provider))
    if caller.account_id != account.number:
        raise SiteError(
            f"{get_stack()} belongs to AWS account {account.number}, but the credentials at hand are"
            f" {caller.arn}, of account {caller.account_id}",
            state="Nothing was touched.",
            next_step="take the right account's credentials; `aws sts get-caller-identity` tells whose",
        )
    return provider
