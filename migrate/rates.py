"""
The vendor's rate card, ``stacks/rates.yaml``: what a move costs, what the new licence costs, what is free.

Promise: a `RateCard` that exists is sound: positions have unique names and a title in every
language that a tenant may have. Money is `Decimal` throughout and is rounded in one place, `money`.
"""

from collections.abc import Collection, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Literal, Self

from pydantic import EmailStr, Field, HttpUrl, model_validator

from provisioning.manifest import Name, Text
from provisioning.model import Model
from provisioning.model_file import load_model
from provisioning.workspace import Workspace

Language = Literal["fr", "de", "nb", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "de", "nb", "en")

Amount = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=2)]
Quantity = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=2)]

CENT = Decimal("0.01")


def money(amount: Decimal, step: Decimal = CENT) -> Decimal:
    """Round to the nearest `step` (a half goes up, as invoices do), always with two decimals."""
    return ((amount / step).quantize(Decimal(1), ROUND_HALF_UP) * step).quantize(CENT, ROUND_HALF_UP)


class Words(Model):
    """One line of text in each language that a tenant may have."""

    fr: Text
    de: Text
    nb: Text
    en: Text

    def in_(self, language: Language) -> str:
        return str(getattr(self, language))


class Fixed(Model):
    """So many, whoever the tenant is."""

    rule: Literal["fixed"]
    count: Quantity = Decimal(1)


class PerGigabyte(Model):
    """Each started gigabyte (10^9 bytes) of databases and files, beyond those included."""

    rule: Literal["per_gigabyte"]
    included: Quantity = Decimal(0)


class PerInterface(Model):
    """Each interface that is converted, beyond those included."""

    rule: Literal["per_interface"]
    included: Quantity = Decimal(0)


class PerModule(Model):
    """Each of the named modules that the tenant has; all of its modules where none is named."""

    rule: Literal["per_module"]
    modules: tuple[Name, ...] = ()


class PerWeekend(Model):
    """Once, when the window lies on a weekend."""

    rule: Literal["per_weekend"]


class PerHour(Model):
    """Worked hours: so many are planned in the offer, and the settlement takes those recorded."""

    rule: Literal["per_hour"]
    planned: Quantity


class PerTrainingHour(Model):
    """Hours of extra training: those that the tenant asked for; an option in the offer when none."""

    rule: Literal["per_training_hour"]


class PerCustomisation(Model):
    """Each customisation of these kinds and this size, as a line of its own."""

    rule: Literal["per_customisation"]
    kinds: tuple[Name, ...] = Field(min_length=1, description="Such as view, function, report.")
    from_lines: int = Field(default=0, ge=0)
    to_lines: int = Field(default=1_000_000, ge=0)

    def takes(self, one: "Customised") -> bool:
        return one.kind in self.kinds and self.from_lines <= one.lines <= self.to_lines


class BeforeVersion(Model):
    """Once, for tenants whose product is older than this version."""

    rule: Literal["before_version"]
    version: str


Rule = Annotated[
    Fixed
    | PerGigabyte
    | PerInterface
    | PerModule
    | PerWeekend
    | PerHour
    | PerTrainingHour
    | PerCustomisation
    | BeforeVersion,
    Field(discriminator="rule"),
]


class Customised(Model):
    """A customisation, as far as its price depends on it."""

    kind: str
    name: str
    lines: int


class Demand(Model):
    """What the quantities of positions follow from: the assessment, the manifest and the request."""

    bytes: int = Field(ge=0)
    interfaces: int = Field(ge=0)
    modules: tuple[Name, ...] = ()
    on_weekend: bool = False
    training_hours: Mapping[Name, Quantity] = Field(default_factory=dict)
    """By position."""
    customisations: tuple[Customised, ...] = ()
    newer_versions: tuple[str, ...] = ()
    """Versions of the tenant's product that came after its own."""


class Position(Model):
    """One line of an offer."""

    id: Name
    title: Words
    unit: Literal["flat", "gigabyte", "interface", "module", "hour", "month", "weekend"]
    price: Amount = Field(description="For one unit, without VAT.")
    quantity: Rule

    @property
    def is_hourly(self) -> bool:
        """Whether the settlement takes recorded hours instead of the offered quantity."""
        return isinstance(self.quantity, PerHour | PerTrainingHour)

    @property
    def is_optional(self) -> bool:
        """Whether an offer shows the price even when none is asked for."""
        return isinstance(self.quantity, PerTrainingHour)

    def quantity_for(self, demand: Demand) -> Decimal:
        """Return how many units a tenant with this demand takes; never negative."""
        match self.quantity:
            case Fixed(count=count):
                return count
            case PerGigabyte(included=included):
                started = Decimal(-(-demand.bytes // 1_000_000_000))
                return max(Decimal(0), started - included)
            case PerInterface(included=included):
                return max(Decimal(0), demand.interfaces - included)
            case PerModule(modules=wanted):
                return Decimal(len([m for m in demand.modules if not wanted or m in wanted]))
            case PerWeekend():
                return Decimal(demand.on_weekend)
            case PerHour(planned=planned):
                return planned
            case PerTrainingHour():
                return demand.training_hours.get(self.id, Decimal(0))
            case PerCustomisation() as rule:
                return Decimal(sum(rule.takes(one) for one in demand.customisations))
            case BeforeVersion(version=version):
                return Decimal(version in demand.newer_versions)


class Vendor(Model):
    """The letterhead."""

    name: Text
    address: tuple[Text, ...] = Field(min_length=1, max_length=4)
    email: EmailStr
    phone: Text | None = None
    vat_number: Text | None = None


class Licence(Model):
    """The licence model that the tenant is upgraded to. Its prices are for one month."""

    name: Words
    replaces: Words
    notice: Words = Field(description="Term and notice, in one line.")
    positions: tuple[Position, ...] = Field(min_length=1)


class Material(Model):
    """Free training material: a video or a page, for all tenants or for those with some module."""

    title: Words
    url: HttpUrl
    minutes: int | None = Field(default=None, ge=1, le=600, description="How long a video runs.")
    modules: tuple[Name, ...] = ()

    def is_for(self, modules: Collection[str]) -> bool:
        return not self.modules or any(module in modules for module in self.modules)


class RateCard(Model):
    """``stacks/rates.yaml``."""

    vendor: Vendor
    currency: Literal["CHF", "EUR", "NOK"]
    vat_percent: Annotated[Decimal, Field(ge=0, le=50, decimal_places=2)]
    round_total_to: Annotated[Decimal, Field(gt=0, le=1, decimal_places=2)] = CENT
    """The smallest step of a total, such as 0.05 where there are no smaller coins."""
    valid_days: int = Field(default=60, ge=1, le=365)
    positions: tuple[Position, ...] = Field(min_length=1)
    licence: Licence
    training: tuple[Material, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for kind, positions in (("positions", self.positions), ("licence", self.licence.positions)):
            names = [position.id for position in positions]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(
                    f"{kind}: {', '.join(twice)} stands twice; a settlement could not tell them apart"
                )
        return self


def load_rates(workspace: Workspace) -> RateCard:
    """
    Return the workspace's rate card.

    Raises:
        ManifestError: It is missing or has faults; all of them are told.
    """
    return load_model(
        workspace.stacks / "rates.yaml",
        RateCard,
        next_step="copy examples/alpenblick/stacks/rates.yaml to stacks/rates.yaml and set your prices",
    )
