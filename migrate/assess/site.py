"""
Measuring the prod site, where it stands already.

Promise: reads only, as the site's migration role; a site that does not stand or answer is a fact, no error.
"""

from collections.abc import Sequence

from migrate.assess.database import managed_by, query
from migrate.assess.facts import Database, Target
from migrate.assess.host import free_bytes
from migrate.connections import Hosts
from migrate.databases import Session, site_database
from migrate.step import Progress
from provisioning.errors import BasculeError


def measure_target(hosts: Hosts, databases: Sequence[Database], progress: Progress) -> Target | None:
    """Measure the prod site; None where it does not stand yet: an assessment usually comes before it."""
    try:
        site = hosts.site("prod")
        free = free_bytes(hosts.target("prod"), site.files)
        if site.database.engine != "postgresql":
            progress.say("target: it is looked at when the copy begins, which needs nothing that is missing")
            return None
        with site_database(hosts, "prod").opened() as session:
            mover = site.database.mover
            session.execute(
                "SELECT pg_catalog.set_config('bascule.mover', %s, false)", [mover.name if mover else ""]
            )
            return _target(session, free, databases)
    except BasculeError:
        stack = hosts.manifest.stack("prod")
        progress.say(f"target: {stack} does not stand yet, or does not answer; not measured")
        return None


def _target(session: Session, free: int, databases: Sequence[Database]) -> Target:
    used = {extension.name for database in databases for extension in database.extensions}
    named = {collation.name for database in databases for collation in database.collations}
    available = session.execute(
        "SELECT name, default_version FROM pg_catalog.pg_available_extensions ORDER BY 1"
    ).fetchall()
    collations = session.execute(
        "SELECT format('%%I.%%I', n.nspname, k.collname), max(pg_catalog.pg_collation_actual_version(k.oid))"
        " FROM pg_catalog.pg_collation k JOIN pg_catalog.pg_namespace n ON n.oid = k.collnamespace"
        " WHERE format('%%I.%%I', n.nspname, k.collname) = ANY (%s) GROUP BY 1",
        [sorted(named)],
    ).fetchall()
    return Target(
        free_bytes=free,
        available_extensions=tuple(name for name, _ in available),
        extension_versions={name: version for name, version in available if name in used and version},
        collations=dict(collations),
        managed_by=managed_by(session),
        **query(session, "target")[0],
    )
