"""
Templates of environments: what a site is set up from, and the proof that it was not changed.

    templates/
      catalogue.yaml        visits: 5f0c…          the digest that the vendor published for each
      visits/
        template.yaml       title, and the sheets of its configuration workbook
        schema.sql          tables of its application

Promise: a template counts only with the digest that stands in the catalogue. By hand, within its folder:
``find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum``.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fabric import Connection
from pydantic import Field, RootModel

from migrate import remote
from migrate.case import Case, digest_of
from migrate.errors import EvidenceError, MigrationError
from migrate.workbook.form import Bilingual, Form
from provisioning.manifest import Identifier, Name, Text
from provisioning.manifest_deployment import Deployment
from provisioning.model import Model
from provisioning.model_file import load_model
from provisioning.workspace import Workspace

_LISTING = "cd {folder} && find . -type f | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 -r sha256sum"


class Description(Model):
    """``template.yaml``."""

    name: Name
    title: Bilingual
    version: Text
    workbook: Form
    work: tuple[Identifier, ...] = Field(
        default=(), description="Schemas with what users record; empty when nobody has worked there."
    )


class _Catalogue(RootModel[dict[Name, str]]):
    """``catalogue.yaml``."""


@dataclass(frozen=True)
class Template:
    """One template of the workspace. `digest` is the published one, 64 hex digits."""

    folder: Path
    digest: str
    description: Description

    @property
    def form(self) -> Form:
        return self.description.workbook

    @property
    def schema_sql(self) -> bytes:
        return (self.folder / "schema.sql").read_bytes()


def deployment_of(case: Case) -> Deployment:
    """
    Return how the tenant's site is set up.

    Raises:
        MigrationError: Its manifest does not say.
    """
    if case.manifest.deployment is None:
        raise MigrationError(
            f"{case.manifest.tenant} is set up from a template, yet its manifest has no deployment:",
            next_step=f"write deployment: into stacks/{case.manifest.tenant}.yaml, then fab check",
        )
    return case.manifest.deployment


def template_of(case: Case) -> Template:
    """
    Return the tenant's template, unchanged.

    Raises:
        ManifestError: It is missing or has faults.
        EvidenceError: It is not as the vendor published it.
    """
    return load(case.workspace, deployment_of(case).template)


def load(workspace: Workspace, name: str) -> Template:
    """Return a template by its name; raises as `template_of`."""
    folder = workspace.root / "templates"
    listed = folder / "catalogue.yaml"
    catalogue = load_model(listed, _Catalogue, next_step="write the digest of each template").root
    found = digest(folder / name)
    if found != catalogue.get(name):
        said = f"published as {catalogue[name][:12]}…" if name in catalogue else "not in the catalogue"
        raise EvidenceError(
            f"template {name} is {found[:12]}… and {said}",
            state="Nothing was set up from it.",
            next_step=f"put templates/{name} back as it was published, or publish it anew in {listed.name}",
        )
    description = load_model(folder / name / "template.yaml", Description, next_step="correct the file")
    return Template(folder / name, found, description)


def digest(folder: Path) -> str:
    """Return the digest of a template's folder."""
    names = sorted(f"./{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.is_file())
    return _digest("".join(f"{digest_of(folder / name)}  {name}\n" for name in names))


def digest_on(connection: Connection, folder: str) -> str:
    """Return the digest of a template as it lies on a site's host."""
    listed = remote.run(connection, _LISTING.format(folder=folder), doing="reading the template")
    return _digest(listed.stdout.decode())


def _digest(listing: str) -> str:
    return hashlib.sha256(listing.encode()).hexdigest()
