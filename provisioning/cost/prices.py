"""
The price table of a region: what AWS asks for a unit of what it charges by time alone.

Promise: nothing is fetched; region, currency, date and source stand in the table, and whatever does not stand
in it has no price. A workspace's own table, ``stacks/prices.<region>.yaml``, goes before the one that ships.
"""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from provisioning.manifest_base import Text
from provisioning.model import Model
from provisioning.model_file import load_model
from provisioning.workspace import Workspace

HOURS_A_MONTH = 730
"""As AWS reckons itself."""

_Amount = Annotated[Decimal, Field(gt=0, le=100_000)]


class Price(Model):
    """Of one unit, by the hour or by the month."""

    hour: _Amount | None = None
    month: _Amount | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.hour is None) == (self.month is None):
            raise ValueError("give the price of an hour or of a month, one of the two")
        return self

    @property
    def a_month(self) -> Decimal:
        return self.month if self.month is not None else (self.hour or Decimal(0)) * HOURS_A_MONTH


class PriceTable(Model):
    """``prices.<region>.yaml``."""

    region: str
    currency: Literal["USD"]
    """What AWS's list is in."""
    as_of: date
    source: Text
    prices: dict[str, Price] = Field(min_length=1)


def load_prices(workspace: Workspace, region: str) -> PriceTable:
    """
    Return the table of a region.

    Raises:
        ManifestError: There is none, or it has faults; all of them are told.
    """
    name = f"prices.{region}.yaml"
    shipped = Path(__file__).parent / name
    own = workspace.stacks / name
    return load_model(
        own if own.is_file() or not shipped.is_file() else shipped,
        PriceTable,
        next_step=f"write stacks/{name}, as provisioning/cost/prices.eu-central-1.yaml is written",
    )
