"""
Measuring the prod site, where it stands already.

Promise: nothing is left changed: read as the site's migration role; what its mover may do is tried and taken
back (`powers`). A site that does not stand or answer is a fact, no error.
"""

from collections.abc import Sequence

from migrate.assess.database import managed_by, query
from migrate.assess.facts import Database, Target
from migrate.assess.host import free_bytes
from migrate.connections import Hosts
from migrate.databases import Session, site_database
from migrate.step import Progress
from migrate.transfer.postgresql_live import powers
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
            found = _target(session, free, databases)
        if site.database.mover is not None:
            with site_database(hosts, "prod", role="mover").opened() as session:
                of = (site.database.owner.name, site.database.application.name)
                found = found.model_copy(update={"mover_lacks": powers.lacking(session, of)})
        return found
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
