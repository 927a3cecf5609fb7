"""
The account that a trial may use: pinned in a file, and compared with whose credentials are at hand.

Promise: without credentials in the environment nothing is read and nobody asked; with another account's
nothing is touched.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import EmailStr, Field

from provisioning.manifest_base import HostName
from provisioning.model import Model
from provisioning.model_file import load_model

FILE = "aws-trial.yaml"
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")


class TrialAccount(Model):
    """``aws-trial.yaml`` in the checkout; git ignores it."""

    account: str = Field(pattern=r"^[0-9]{12}$")
    region: str
    parent_domain: HostName = Field(description="A zone of this account, below which the trial gets its own.")
    parent_zone: str = Field(description="Its id in Route 53, such as Z0123456789.")
    image: str = Field(pattern=r"^ami-", description="Amazon Linux 2023 for arm64, of this region.")
    email: EmailStr
    repository: str = Field(description="owner/name on GitHub.")
    database_authority: Path = Field(description="The region's bundle of RDS authorities, PEM.")
    budget_usd: int = Field(default=50, ge=1)

    @property
    def domain(self) -> str:
        return f"bascule-trial.{self.parent_domain}"


def has_credentials(environment: Mapping[str, str]) -> bool:
    """Tell whether credentials are in the environment; none are looked for elsewhere."""
    return any(environment.get(name) for name in _CREDENTIALS)


def load_account(checkout: Path) -> TrialAccount:
    """
    Return the account that the checkout pins.

    Raises:
        ManifestError: It pins none, or the file has faults.
    """
    return load_model(
        checkout / FILE, TrialAccount, next_step=f"write {FILE} in the checkout (docs/aws.md has its keys)"
    )
