"""
The objects of an installation that a customer may have made to measure: in the database, and in files.

Promise: reads only. An object's identity is its kind and name; its digest is that of its definition as the
server writes it, or of the file's bytes, so that outer comments and the order of columns make no difference.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from fabric import Connection

from migrate import files, remote
from migrate.connections import Hosts
from migrate.databases import Session, query
from migrate.product.description import Product, ProductError, Tree
from provisioning.manifest import Environment, LegacyFiles, Manifest

Kind = Literal["table", "view", "function", "trigger", "index", "grant", "report", "script", "file"]
IN_DATABASE = ("table", "view", "function", "trigger", "index", "grant")
"""Of these a table is carried with its rows; the others' definitions are put back as text."""


@dataclass(frozen=True)
class Object:
    """One object. `text` is its definition or content."""

    kind: Kind
    name: str
    text: bytes

    @property
    def id(self) -> str:
        return identity(self.kind, self.name)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text).hexdigest()

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


def identity(kind: str, name: str) -> str:
    """What tells an object from all others, such as ``view erp.commande_ouverte``."""
    return f"{kind} {name}"


def in_database(session: Session, product: Product) -> list[Object]:
    """Return the objects of the product's schemas, in the order in which they were made."""
    session.execute(
        "SELECT pg_catalog.set_config('bascule.schemas', %s, false),"
        " pg_catalog.set_config('bascule.roles', %s, false)",
        (",".join(product.schemas), ",".join(product.roles)),
    )
    found = session.execute(query("product_objects")).fetchall()
    return [Object(kind, name, definition.encode()) for kind, name, _, definition in found]


def in_files(connection: Connection, product: Product, places: Iterable[tuple[Tree, str]]) -> list[Object]:
    """Return the files below each tree's folder on a host; a folder that is not there holds none."""
    found = []
    for tree, folder in places:
        script = (
            f"cd {quote(folder)} 2>/dev/null || exit 0; find . -type f -printf '%P\\0' | LC_ALL=C sort -z"
        )
        listed = remote.run(connection, script, raising=ProductError, doing=f"listing {folder}").stdout
        for name in filter(None, listed.split(b"\0")):
            shown = name.decode(errors="backslashreplace")
            content = remote.read_file(connection, f"{folder}/{name.decode()}")
            found.append(Object(tree.kind, f"{tree.tree}/{tree.path}/{shown}", content))
    return found


def on_legacy(manifest: Manifest, product: Product) -> list[tuple[LegacyFiles, Tree, str]]:
    """
    Return where each of the product's trees lies on legacy.

    Raises:
        ProductError: The manifest has no such tree.
    """
    trees = {tree.name: tree for tree in manifest.legacy.files}
    if missing := sorted({tree.tree for tree in product.trees} - set(trees)):
        raise ProductError(
            f"{product.name} looks into files {', '.join(missing)}, which the manifest does not name",
            next_step="add it under legacy.files",
        )
    return [(trees[tree.tree], tree, f"{trees[tree.tree].path}/{tree.path}") for tree in product.trees]


def path_on_site(hosts: Hosts, environment: Environment, name: str) -> str:
    """Where a file object lies on a site: below the folder that its tree is copied to."""
    tree, _, path = name.partition("/")
    target = next(one.target for one in files.trees(hosts, environment) if one.name == tree)
    return f"{target}/{path}"


def of_legacy(hosts: Hosts, session: Session, product: Product) -> list[Object]:
    """Return every object of a tenant's installation on legacy."""
    found = in_database(session, product)
    for tree, place, folder in on_legacy(hosts.manifest, product):
        found += in_files(hosts.legacy(tree.host), product, [(place, folder)])
    return found
