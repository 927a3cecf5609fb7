"""
The survey of stacks on AWS: `provisioning.survey` says what each part is for.

Promise: reads only, with the environment's credentials.
"""

import json
from collections.abc import Sequence
from datetime import date

from provisioning.engine import Stack
from provisioning.errors import SiteError
from provisioning.pinned import pinned_by, session_in
from provisioning.policy.exceptions import load_exceptions
from provisioning.policy.resources import Resource, on_aws
from provisioning.policy.unmanaged import unmanaged

STATEFUL = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:efs/fileSystem:FileSystem",
        "aws:kms/key:Key",
        "aws:rds/instance:Instance",
        "aws:route53/zone:Zone",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
    }
)

MODULES = ("provisioning.aws.site", "provisioning.aws.platform", "boto3")


def misplaced(stack: Stack, state: Sequence[Resource]) -> str:
    """Hold account and region of the state's provider, the configuration and the credentials together."""
    from botocore.exceptions import BotoCoreError, ClientError  # here: it takes long, and is seldom needed

    pinned = pinned_by(stack)
    for one in state:
        if one.type != "pulumi:providers:aws":
            continue
        accounts = json.loads(one.inputs.get("allowedAccountIds") or "[]")
        if accounts and accounts != [pinned.account]:
            return f"its state is of account {', '.join(accounts)}, its configuration of {pinned.account}"
        if (region := one.inputs.get("region")) and region != pinned.region:
            return f"its state is of region {region}, its configuration of {pinned.region}"
    session = session_in(pinned.region)
    try:
        pinned.refuse_others(session)
    except SiteError as error:
        return error.what
    except (ClientError, BotoCoreError) as error:
        raise SiteError(f"AWS did not say whose the credentials are: {error}") from error
    return ""


def beside(stack: Stack, state: Sequence[Resource], today: date) -> list[str]:
    """Return the ARNs that carry the stack's tag and are in no state of it."""
    pinned = pinned_by(stack)
    exceptions = load_exceptions(stack.workspace.stacks)
    return unmanaged(session_in(pinned.region), pinned, on_aws(state), exceptions, today)
