"""
What a tenant asked for where its product is upgraded: ``stacks/<tenant>.upgrade.yaml``.

    product: products/clipper          # the vendor's folder
    to: "2023"
    ticket: {kind: file, path: portal/ticket.json}
    workstations:
      - group: bureau
        hosts: [{name: poste-01, ssh_config: …, ssh_alias: poste-01, users: [ADM, CDE]}]

Promise: an `Order` that exists is sound; names tell workstations apart.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, HttpUrl, model_validator

from migrate.case import Case
from migrate.product.description import Product, Version, load_product
from provisioning.manifest import RelativePath
from provisioning.manifest_services import Group as Group
from provisioning.manifest_services import Workstation as Workstation
from provisioning.model import Model
from provisioning.model_file import load_model


class FileTicket(Model):
    """A ticket kept in a JSON file, which the tenant's portal shows."""

    kind: Literal["file"]
    path: RelativePath


class HttpTicket(Model):
    """A ticket of an issue tracker with a REST interface like Jira's."""

    kind: Literal["http"]
    url: HttpUrl = Field(description="Of the tracker, without /rest.")
    issue: str = Field(pattern=r"^[A-Z][A-Z0-9]*-[0-9]+$")
    token_file: RelativePath = Field(description="Mode 0600, relative to the workspace, one line.")
    ca_file: RelativePath | None = Field(default=None, description="PEM, where the tracker has its own.")


class Order(Model):
    """``stacks/<tenant>.upgrade.yaml``."""

    product: RelativePath
    to: Version
    ticket: Annotated[FileTicket | HttpTicket, Field(discriminator="kind")]
    workstations: tuple[Group, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [host.name for group in self.workstations for host in group.hosts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"workstations: {', '.join(twice)} stands twice")
        return self


@dataclass(frozen=True)
class Ordered:
    """A tenant's order with the product that it is about."""

    order: Order
    product: Product
    folder: Path
    """The product's."""


def order_file(case: Case) -> Path:
    return case.workspace.stacks / f"{case.manifest.tenant}.upgrade.yaml"


def ordered(case: Case) -> Ordered:
    """
    Return what a tenant ordered.

    Raises:
        ManifestError: The file or the product's is missing or has faults; all are told.
        ProductError: The product does not know the version, or lacks a file.
    """
    order = load_model(order_file(case), Order, next_step=f"write {order_file(case)}")
    folder = case.workspace.root / order.product
    product = load_product(folder)
    product.rank(order.to)
    return Ordered(order, product, folder)


def has_order(case: Case) -> bool:
    return order_file(case).exists()
