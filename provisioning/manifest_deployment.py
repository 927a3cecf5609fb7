"""
The parts of a manifest for a tenant who begins afresh: a site set up from a template and a signed workbook,
and what is billed for it.

Promise: amounts are `Decimal`; what only a custom environment has is refused for one from a template.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, HttpUrl, model_validator

from provisioning.manifest_base import Name, Person, RelativePath
from provisioning.model import Model

Amount = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=2)]


class PointOfContact(Person):
    """The one person at the customer who oversees the deployment, and is trained on the system."""

    knows_business: bool = Field(default=False, description="Has a commercial training.")
    knows_it: bool = Field(default=False, description="Has a training in IT.")

    @property
    def has_both_skills(self) -> bool:
        return self.knows_business and self.knows_it


class Pilot(Model):
    """A trial by users on their data, which are erased before going live."""

    days: int = Field(ge=1, le=31, description="Never longer than a month, however many days that has.")


class Deployment(Model):
    """How the site is set up."""

    kind: Literal["template", "custom"] = Field(
        description="template: exactly as the template is; custom: configured and with figures of its own."
    )
    template: Name = Field(description="Name of a folder in the workspace's templates/.")
    begins_on: date = Field(description="The first day of week 1.")
    contact: PointOfContact
    officer: Person | None = Field(default=None, description="custom: the vendor's customer success officer.")
    fee: Amount = Field(description="What the deployment costs; paid before it begins.")
    pilot: Pilot | None = Field(default=None, description="custom: a pilot phase before going live.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "custom" and self.officer is None:
            raise ValueError("officer is missing: a custom environment has a customer success officer")
        for part in ("officer", "pilot"):
            if self.kind == "template" and getattr(self, part) is not None:
                raise ValueError(f"{part} belongs to kind: custom; an environment from a template has none")
        return self


class Subscription(Model):
    """What is billed from going live on."""

    period: Literal["month", "year"] = Field(description="From one renewal to the next.")
    price: Amount = Field(description="For one period.")
    endpoint: HttpUrl = Field(description="https://…: where the billing system takes events.")
    ca_file: RelativePath | None = Field(
        default=None, description="PEM of the endpoint's authority; by default those of this machine."
    )
    secret_file: RelativePath = Field(
        description="The key that events are signed with, whsec_…: mode 0600, relative to the workspace."
    )

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        if self.endpoint.scheme != "https":
            raise ValueError("endpoint must begin with https://")
        return self
