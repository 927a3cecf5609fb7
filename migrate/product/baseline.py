"""
The vendor's baseline of a version: every object as it was delivered, each with its digest.

    baselines/6/manifest.yaml      objects: [{kind: function, name: …, sha256: …, lines: 12}]
    baselines/6/objects/<sha256>   the text of it

Promise: a baseline that is read is whole: a text whose digest is not the manifest's is refused by name. A
baseline is made from a reference installation, never typed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field

from migrate.case import write_whole
from migrate.product.description import Product, ProductError
from migrate.product.objects import Kind, Object, identity
from provisioning.model import Model
from provisioning.model_file import load_model


class Delivered(Model):
    """One object of a version."""

    kind: Kind
    name: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    lines: int


class BaselineManifest(Model):
    """``manifest.yaml`` of a baseline."""

    product: str
    version: str
    objects: tuple[Delivered, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Baseline:
    """A version as it was delivered. `texts` are in its folder."""

    manifest: BaselineManifest
    folder: Path

    @property
    def by_id(self) -> dict[str, Delivered]:
        return {identity(one.kind, one.name): one for one in self.manifest.objects}

    def text(self, ident: str) -> bytes | None:
        """
        Return an object as it was delivered; None where this version has none of that name.

        Raises:
            ProductError: The text is missing, or is not the one that the manifest names.
        """
        delivered = self.by_id.get(ident)
        if delivered is None:
            return None
        path = self.folder / "objects" / delivered.sha256
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != delivered.sha256:
            raise ProductError(
                f"the baseline of {self.manifest.product} {self.manifest.version}: the text of {ident}"
                " is missing, or is not the one that its manifest names",
                state="Nothing was changed.",
                next_step="put the vendor's whole folder there",
            )
        return content


def folder_of(product: Product, folder: Path, version: str) -> Path:
    return folder / product.baselines / version


def load_baseline(product: Product, folder: Path, version: str) -> Baseline:
    """
    Return the baseline of a version.

    Args:
        folder: The product's.

    Raises:
        ManifestError: There is none for that version, or it has faults.
    """
    where = folder_of(product, folder, version)
    manifest = load_model(
        where / "manifest.yaml",
        BaselineManifest,
        next_step=f"ask the vendor for the baseline of version {version}",
    )
    if (manifest.product, manifest.version) != (product.name, version):
        raise ProductError(f"{where} is the baseline of {manifest.product} {manifest.version}")
    return Baseline(manifest, where)


def write_baseline(product: Product, folder: Path, version: str, objects: Iterable[Object]) -> Path:
    """Write the baseline of a version from its reference installation's objects; return its manifest."""
    where = folder_of(product, folder, version)
    delivered = []
    for one in sorted(objects, key=lambda each: each.id):
        write_whole(where / "objects" / one.sha256, one.text)
        delivered.append({"kind": one.kind, "name": one.name, "sha256": one.sha256, "lines": one.lines})
    content = {"product": product.name, "version": version, "objects": delivered}
    path = where / "manifest.yaml"
    write_whole(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
    return path
