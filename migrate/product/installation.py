"""
An installation of the product, as it lies in a tenant's database: version, editions, users.

Promise: reads only; an answer in another shape than the product's folder promises is refused by name.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

from migrate.case import Case
from migrate.connections import Hosts
from migrate.databases import Database, Session, legacy_database, site_database
from migrate.product.description import Product, ProductError
from provisioning.manifest import Environment
from provisioning.model import Model


class Installation(Model):
    """Evidence ``product``: what the tenant has, and what it shall have."""

    product: str
    version: str
    to: str
    editions: dict[str, str]
    data_paths: dict[str, int]
    """Bytes below each that exists on the legacy host."""
    hops: tuple[str, ...]
    """Versions on the way, the last of which is `to`."""
    newer: tuple[str, ...]
    """All versions that came after the tenant's own."""


@dataclass(frozen=True)
class User:
    """Somebody with a code. `kind` is ``full`` or ``workshop``."""

    code: str
    name: str
    kind: str


def legacy_of(hosts: Hosts) -> Database:
    """
    The database that the product lies in on legacy.

    Raises:
        ProductError: It is no PostgreSQL database.
    """
    database = hosts.manifest.legacy.databases[0]
    if database.engine != "postgresql":
        raise ProductError(
            f"{database.name} is {database.engine}; products are upgraded in PostgreSQL only",
            state="Nothing was changed.",
        )
    return legacy_database(hosts, database)


def site_of(hosts: Hosts, environment: Environment) -> Database:
    """The database that it lies in on a site, as the role that may act as its owner."""
    return site_database(hosts, environment)


def owner_of(hosts: Hosts, environment: Environment) -> str:
    return hosts.site(environment).database.owner.name


def rows(
    session: Session, product: Product, what: str, statement: str, columns: int
) -> list[tuple[Any, ...]]:
    """
    Return the rows of one of the product's own queries, run reading only.

    Raises:
        ProductError: It failed, or gives another number of columns.
    """
    try:
        with session.transaction():
            session.execute("SET TRANSACTION READ ONLY")
            found = session.execute(statement.encode()).fetchall()
    except psycopg.Error as error:
        raise ProductError(
            f"{product.name}: the query for {what} failed in {session.info.dbname}: {_first(error)}",
            state="Nothing was changed; it only reads.",
            next_step="correct the query in product.yaml",
        ) from error
    if found and len(found[0]) != columns:
        raise ProductError(
            f"{product.name}: the query for {what} gives {len(found[0])} columns, not {columns}"
        )
    return found


def version_in(session: Session, product: Product) -> str:
    """
    Return the version that an installation tells.

    Raises:
        ProductError: It tells none, or one that the product does not know.
    """
    found = rows(session, product, "the version", product.version, 1)
    if len(found) != 1:
        raise ProductError(f"{product.name}: the query for the version gives {len(found)} rows, not one")
    version = str(found[0][0])
    product.rank(version)
    return version


def users_in(session: Session, product: Product) -> list[User]:
    """Return all users by code."""
    if product.licences is None:
        return []
    found = rows(session, product, "users", product.licences.users, 3)
    users = sorted((User(str(a), str(b), str(c)) for a, b, c in found), key=lambda user: user.code)
    if wrong := [user.code for user in users if user.kind not in ("full", "workshop")]:
        raise ProductError(
            f"{product.name}: {', '.join(wrong)} has a licence that is neither full nor workshop"
        )
    return users


def require_version(session: Session, product: Product, wanted: str) -> None:
    """
    Raises:
        ProductError: The installation is of another version.
    """
    if (found := version_in(session, product)) != wanted:
        raise ProductError(f"{session.info.dbname} tells version {found}, not {wanted}")


def kept(case: Case) -> Installation:
    """Return evidence ``product``; raises EvidenceError where the system was not looked at."""
    return case.read_evidence("product", Installation)


def _first(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).splitlines()[0]
