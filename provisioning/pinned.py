"""
Where a stack's resources are on AWS, as its configuration pins it, for whoever asks AWS beside the engine.

Promise: credentials come from the environment alone; another account's are refused before anything is asked.
"""

from dataclasses import dataclass
from typing import Any

from provisioning.engine import Stack
from provisioning.errors import SiteError


@dataclass(frozen=True)
class Pinned:
    """`account` has 12 digits, `region` is such as eu-central-2."""

    stack: str
    account: str
    region: str

    def refuse_others(self, session: Any) -> None:
        """
        Ask whose credentials these are.

        Raises:
            SiteError: Another account's.
            ClientError: AWS takes them for nobody's.
        """
        caller = session.client("sts").get_caller_identity()["Account"]
        if caller != self.account:
            raise SiteError(
                f"{self.stack} belongs to AWS account {self.account}, the credentials to {caller}",
                state="Nothing was asked further.",
                next_step="take the right account's credentials",
            )


def pinned_by(stack: Stack) -> Pinned:
    """
    Return where a stack is pinned to.

    Raises:
        EngineError: It is not configured for AWS.
    """
    keys = ("bascule:account", "bascule:region")
    plain = [value for key in keys if isinstance(value := stack.settings.get(key), str)]
    if len(plain) == len(keys):  # as it nearly always is; else they are numbers, or secrets
        return Pinned(stack.name, *plain)
    account, region = (
        stack.run("config", "get", f"bascule:{key}", apart=True).stdout.strip()
        for key in ("account", "region")
    )
    return Pinned(stack.name, account, region)


def session_in(region: str) -> Any:
    """Return a boto3 session with the environment's credentials."""
    import boto3  # here: it takes long, and few commands ask AWS

    return boto3.Session(region_name=region)
