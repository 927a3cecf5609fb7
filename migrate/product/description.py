"""
The product as its vendor describes it: ``product.yaml`` in the folder that a tenant's upgrade file names.

    name: clipper
    versions: ["5", "6", "7", "2023"]             # oldest first
    version: SELECT version FROM erp.societe      # how an installation tells its own
    upgrades:
      - {from: "6", to: "7", steps: [{name: schema, sql: upgrades/6-7.sql}]}

Promise: a `Product` that exists is sound: every version that a hop names is known, each hop leads to a newer
one, and every file that it names lies in the folder. Queries are the vendor's, and are run reading only.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from migrate.errors import MigrationError
from provisioning.manifest import Identifier, Name, RelativePath, Text
from provisioning.model import Model
from provisioning.model_file import load_model

Version = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*$")]
Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


class ProductError(MigrationError):
    """A product's folder, version or upgrade is not as it must be."""


class UpgradeStep(Model):
    """One part of a hop: SQL, run as the owner of the schemas, or a command on the site's host."""

    name: Name
    sql: RelativePath | None = None
    command: RelativePath | None = Field(
        default=None,
        description="A POSIX shell script; PGHOST and its like name the database; repeatable.",
    )
    started_from: tuple[Version, ...] = Field(
        default=(), description="Only for tenants whose upgrade began at one of these versions."
    )

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.sql is None) == (self.command is None):
            raise ValueError("must have either sql or command")
        return self

    @property
    def file(self) -> str:
        return str(self.sql or self.command)


class Hop(Model):
    """The way from one version to another; afterwards the installation must tell the new one."""

    from_: Version = Field(alias="from")
    to: Version
    steps: tuple[UpgradeStep, ...] = Field(min_length=1)


class Tree(Model):
    """A folder whose files are compared with the baseline."""

    kind: Literal["report", "script", "file"]
    tree: Name = Field(description="Name under legacy.files.")
    path: RelativePath = Field(description="In that tree.")


class Probe(Model):
    """Something that users do all day, reading only, by which its latency is measured."""

    name: Name
    sql: Query


class Licences(Model):
    """Who uses the product, and from where, as an installation tells it."""

    users: Query = Field(description="Gives code, name and kind (full or workshop) of each user.")
    workstations: Query = Field(description="Gives workstation and user code, one row for each pair.")


class Client(Model):
    """The program on a workstation."""

    folder: RelativePath = Field(description="What is rolled out, in the product's folder.")
    open: RelativePath = Field(description="In it: opens the application once, and ends with 0 if it opened.")
    versions: RelativePath | None = Field(
        default=None,
        description="In it: a shell script that prints each version of the client on a computer.",
    )


class Product(Model):
    """``product.yaml``."""

    name: Name
    title: Text
    versions: tuple[Version, ...] = Field(min_length=1, description="All that ever were, oldest first.")
    version: Query
    editions: Query | None = Field(default=None, description="Gives a name and an edition each.")
    data_paths: tuple[RelativePath, ...] = ()
    schemas: tuple[Identifier, ...] = Field(min_length=1, description="Whose objects are the product's.")
    roles: tuple[Identifier, ...] = Field(
        default=(),
        description="That every installation has for its users; their rights are no customisation.",
    )
    trees: tuple[Tree, ...] = ()
    baselines: RelativePath = "baselines"
    recommendation: RelativePath = "recommendation.yaml"
    upgrades: tuple[Hop, ...] = ()
    probes: tuple[Probe, ...] = Field(min_length=1)
    licences: Licences | None = None
    client: Client | None = None

    @model_validator(mode="after")
    def _versions_are_known(self) -> Self:
        if len(set(self.versions)) < len(self.versions):
            raise ValueError("versions: one stands twice")
        for hop in self.upgrades:
            for version in (hop.from_, hop.to, *(v for step in hop.steps for v in step.started_from)):
                if version not in self.versions:
                    raise ValueError(f"upgrades: {version} is none of versions: {', '.join(self.versions)}")
            if self.rank(hop.to) <= self.rank(hop.from_):
                raise ValueError(f"upgrades: {hop.from_} to {hop.to} leads to no newer version")
        starts = [hop.from_ for hop in self.upgrades]
        if len(set(starts)) < len(starts):
            raise ValueError("upgrades: two ways begin at one version; keep one")
        return self

    def rank(self, version: str) -> int:
        """
        Place of a version among all, from 0 for the oldest.

        Raises:
            ProductError: There is no such version.
        """
        if version not in self.versions:
            raise ProductError(
                f"{self.name} has no version {version!r}; known are {', '.join(self.versions)}",
                state="Nothing was changed.",
                next_step="ask the vendor for a product folder that knows it",
            )
        return self.versions.index(version)


def load_product(folder: Path) -> Product:
    """
    Return the product that a folder describes.

    Raises:
        ManifestError: ``product.yaml`` is missing or has faults; all of them are told.
        ProductError: A file that it names is missing.
    """
    product = load_model(folder / "product.yaml", Product, next_step=f"put the vendor's folder at {folder}")
    if missing := sorted(name for name in _named_files(product) if not (folder / name).exists()):
        raise ProductError(
            f"{folder.name}/product.yaml names what is not there: {', '.join(missing)}",
            state="Nothing was changed.",
            next_step="put the vendor's whole folder there",
        )
    return product


def _named_files(product: Product) -> Iterator[str]:
    yield product.recommendation
    for hop in product.upgrades:
        yield from (step.file for step in hop.steps)
    if product.client is not None:
        yield f"{product.client.folder}/{product.client.open}"
        if product.client.versions is not None:
            yield f"{product.client.folder}/{product.client.versions}"
