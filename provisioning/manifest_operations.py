"""
How a tenant is operated: when people work, how it is followed after going live, and what its year looks like.

Promise: as `provisioning.manifest` has it; a manifest without this part is one of a tenant that is only
moved.
"""

from datetime import time
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from provisioning.model import Model

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(Model):
    """When people work, on the clock of ``window.time_zone``; sites are switched and upgraded outside."""

    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    opens: time = time(8)
    closes: time = time(16)

    @field_validator("opens", "closes", mode="before")
    @classmethod
    def _is_in_quotes(cls, value: object) -> object:
        # YAML reads 16:00 without quotes as the number 960.
        if not isinstance(value, str | time):
            raise ValueError('write it in quotes, such as "16:00"')
        return value

    @model_validator(mode="after")
    def _is_a_part_of_a_day(self) -> Self:
        if self.opens.tzinfo or self.closes.tzinfo or self.closes <= self.opens:
            raise ValueError("opens and closes are such as 08:00 and 16:00, of one day, without an offset")
        return self


class Hypercare(Model):
    """How a site is followed after going live, and what has to hold before it is handed over."""

    days: int = Field(default=21, ge=1, le=180, description="At least so long.")
    open_incidents_at_most: int = Field(default=0, ge=0, le=100)
    errors_per_thousand_at_most: int = Field(
        default=5, ge=0, le=1000, description="Requests that the site answered with 500 or above."
    )


class Wheel(Model):
    """The annual wheel: months, 1 for January."""

    status_month: int = Field(default=9, ge=1, le=12, description="The yearly status meeting.")
    customer_centre_months: tuple[int, ...] = (2, 5, 8, 11)
    upgrade_months: tuple[int, ...] = (3, 6, 10)
    notice_days: int = Field(
        default=21, ge=1, le=120, description="A notice goes out so long before an upgrade."
    )

    @model_validator(mode="after")
    def _are_months(self) -> Self:
        for months in (self.customer_centre_months, self.upgrade_months):
            if not months or any(not 1 <= month <= 12 for month in months) or len(set(months)) < len(months):
                raise ValueError("months are different numbers from 1 to 12")
        return self


Program = Literal["postgresql", "nginx", "openssh", "openssl"]
PatchLevel = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*$")]


class Operations(Model):
    """``operations:`` of a manifest."""

    hours: Hours = Field(default_factory=Hours)
    hypercare: Hypercare = Field(default_factory=Hypercare)
    wheel: Wheel = Field(default_factory=Wheel)
    maintenance: dict[Program, PatchLevel] = Field(
        default_factory=dict, description="The least version of each program on the sites; fab drift looks."
    )
