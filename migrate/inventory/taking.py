"""
Taking an inventory: all servers with a login, all that answer without one, all folders.

Promise: reads only; evidence ``inventory``. What several logins or folders lead to is listed once.
"""

from datetime import UTC, datetime

from migrate.case import Case
from migrate.connections import Hosts
from migrate.inventory.folders import databases_in
from migrate.inventory.found import FoundDatabase, FoundDatabases
from migrate.inventory.listening import database_servers
from migrate.inventory.servers import databases_of, server_id
from migrate.step import Progress
from provisioning.manifest import LegacyDatabase, LegacyFiles, Manifest
from provisioning.manifest_inventory import SearchedFolder


def take(case: Case, hosts: Hosts, progress: Progress) -> FoundDatabases:
    """
    Find every database of a tenant, and keep what was found as evidence.

    Raises:
        MigrationError: A server or folder that the manifest names cannot be looked at.
    """
    found: dict[str, FoundDatabase] = {}
    logins = logins_of(case.manifest)
    for login in logins:
        progress.say(f"{login.host}:{login.port}: looking at the databases of a server")
        found.update((one.id, one) for one in databases_of(hosts, login))
    known = {(login.host, login.port) for login in logins}
    for host in case.manifest.legacy.hosts:
        servers = database_servers(hosts.legacy(host.name), hosts.legacy_address(host.name))
        for port, kind in servers.items():
            if (host.name, port) not in known:
                ident = server_id(kind, host.name, port)
                found[ident] = FoundDatabase(id=ident, kind=kind, host=host.name, port=port, name="")
    unreadable = {}
    # What moves comes last: a file in both is known by the tree that it moves with.
    trees: list[SearchedFolder | LegacyFiles] = [
        *case.manifest.inventory.folders,
        *case.manifest.legacy.files,
    ]
    for tree in trees:
        progress.say(f"{tree.host}:{tree.path}: looking at what files are")
        files, closed = databases_in(hosts.legacy(tree.host), tree.host, tree.name, tree.path)
        found.update((one.id, one) for one in files)
        if closed:
            unreadable[f"{tree.host}:{tree.path}"] = closed
    taken = FoundDatabases(
        taken_at=datetime.now(UTC),
        databases=tuple(found[ident] for ident in sorted(found)),
        unreadable=unreadable,
    )
    case.write_evidence("inventory", taken)
    return taken


def logins_of(manifest: Manifest) -> list[LegacyDatabase]:
    """The logins that servers are looked at with: those that move, and those that are only looked at."""
    looked_at = [LegacyDatabase(**one.model_dump()) for one in manifest.inventory.servers]
    return [*manifest.legacy.databases, *looked_at]
