"""
Effects: what a tenant's system sent out into the world while it ran on the site.

Promise: reads only. A rollback brings data back, not letters; so what went out since the site opened is
listed, with what people know it by, for whoever has to call a partner the next morning.
"""

from datetime import datetime

from psycopg import sql
from pydantic import AwareDatetime

from migrate.connections import Hosts
from migrate.databases import site_database, value
from provisioning.manifest import Effect, Manifest
from provisioning.model import Model

SHOWN = 200


class Sent(Model):
    """One kind of effect since the site opened."""

    name: str
    sent: int
    shown: tuple[str, ...]
    """What the newest are known by, at most `SHOWN`."""


class Effects(Model):
    """Evidence ``effects``: what a rollback leaves behind in the world."""

    attempt: str
    since: AwareDatetime
    effects: tuple[Sent, ...]


def effects_since(hosts: Hosts, manifest: Manifest, since: datetime) -> tuple[Sent, ...]:
    """
    List the manifest's effects that the site's database records after `since`.

    Raises:
        MigrationError: The database cannot be asked.
    """
    return tuple(_sent(hosts, effect, since) for effect in manifest.effects)


def _sent(hosts: Hosts, effect: Effect, since: datetime) -> Sent:
    table, at, shows = sql.Identifier(*effect.table), sql.Identifier(effect.at), sql.Identifier(effect.shows)
    where = sql.SQL("FROM {} WHERE {} > %s").format(table, at)
    with site_database(hosts).opened() as session:
        count = value(session, sql.SQL("SELECT pg_catalog.count(*) ") + where, since)
        newest = (
            sql.SQL("SELECT {}::text ").format(shows)
            + where
            + sql.SQL(" ORDER BY {} DESC LIMIT {}").format(at, sql.Literal(SHOWN))
        )
        rows = session.execute(newest, (since,)).fetchall()
    return Sent(name=effect.name, sent=count, shown=tuple(str(name) for (name,) in rows))
