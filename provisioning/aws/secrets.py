"""
What a site's host must know and nobody may read: one secret, fetched by the host when it starts.

Promise: encrypted with the tenant's key, readable by the site's own hosts; in the state only encrypted;
never in user data, an argument or a plain parameter. The database's master is not in it: AWS keeps that one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions

from provisioning.aws.component import Component, TaggedArgs


@dataclass(frozen=True, kw_only=True)
class SiteSecretArgs(TaggedArgs):
    key_arn: Input[str]
    values: Mapping[str, Input[str]]
    """What the host knows them by, such as ``owner_password``."""


class SiteSecret(Component):
    arn: Output[str]
    version: Output[str]
    """Changes with the values, so that hosts come to fetch them again."""

    def __init__(self, name: str, args: SiteSecretArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            description="What the site's host must know",
            kms_key_id=args.key_arn,
            recovery_window_in_days=30,
            tags=args.tags,
            opts=self.child,
        )
        version = aws.secretsmanager.SecretVersion(
            f"{name}-values",
            secret_id=secret.id,
            secret_string=Output.json_dumps(Output.secret(dict(args.values)), sort_keys=True),
            # Other values are another version; the secret itself stays.
            opts=ResourceOptions(parent=self, protect=False),
        )
        self.arn, self.version = secret.arn, version.version_id
        self.register_outputs({"arn": self.arn})
