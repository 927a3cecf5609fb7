"""
Findings: what of the measured facts matters for the move, what it means, and what to do about it.

Promise: the same facts give the same findings, the worst first; nothing is measured here.
"""

from collections.abc import Sequence
from typing import Any

from migrate.assess.facts import Database, Files, Finding, Host, InterfaceFacts, Severity, Target
from migrate.assess.findings import access, content, mariadb, mode, replication, schema, server, target, trees
from migrate.assess.kinds import Kind, Kinds

__all__ = ["all_findings", "catalogue"]

_ORDER: dict[Severity, int] = {"blocker": 0, "warning": 1, "info": 2}
_DATABASE: dict[str, tuple[Kinds[Database], ...]] = {
    "postgresql": (server.kinds, access.kinds, content.kinds, schema.kinds, replication.kinds),
    "mariadb": (mariadb.kinds,),
}
"""By the database's engine."""


def catalogue() -> dict[str, Kind[Any]]:
    """Return every kind of finding by its id."""
    groups: tuple[Kinds[Any], ...] = (
        *(kinds for each in _DATABASE.values() for kinds in each),
        mode.kinds,
        trees.hosts,
        trees.files,
        trees.interfaces,
        target.sites,
        target.pairs,
    )
    return {kind.id: kind for group in groups for kind in group.found}


def all_findings(
    hosts: Sequence[Host],
    databases: Sequence[Database],
    files: Sequence[Files],
    interfaces: Sequence[InterfaceFacts],
    site: Target | None,
    forced: str | None = None,
) -> tuple[Finding, ...]:
    """Return every finding, blockers first. `forced` is the mode that manifest or playbook name, if any."""
    found = [f for host in hosts for f in trees.hosts.findings(host.name, host)]
    for database in databases:
        for kinds in _DATABASE[database.engine]:
            found += kinds.findings(database.name, database)
        found += mode.kinds.findings(database.name, mode.Choice(database, forced))
    found += [f for tree in files for f in trees.files.findings(tree.name, tree)]
    found += [f for interface in interfaces for f in trees.interfaces.findings(interface.name, interface)]
    if site is not None:
        found += target.sites.findings("prod", target.Site(site, tuple(databases), tuple(files)))
        for database in databases:
            if database.engine != "postgresql":
                continue  # versions, locales and extensions compare within one engine only
            found += target.pairs.findings(database.name, target.Pair(database, site))
    return tuple(sorted(found, key=lambda f: (_ORDER[f.severity], f.id, f.subject)))
