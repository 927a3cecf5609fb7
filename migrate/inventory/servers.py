"""
Databases of one server, over one login: all that there are, not only the one that it lands in.

Promise: reads only. A size or an age that the login may not ask for is None and not zero.
"""

from datetime import UTC, datetime

from migrate.connections import Hosts
from migrate.databases import legacy_database, query, value
from migrate.inventory.found import FoundDatabase
from migrate.mariadb.session import mariadb_legacy
from provisioning.manifest import LegacyDatabase


def databases_of(hosts: Hosts, login: LegacyDatabase) -> list[FoundDatabase]:
    """
    Return every database of the server that `login` leads to, by name.

    Raises:
        MigrationError: The server does not answer, or refuses the login.
    """
    return _mariadb(hosts, login) if login.engine == "mariadb" else _postgresql(hosts, login)


def server_id(kind: str, host: str, port: int, name: str = "") -> str:
    return f"{kind} {host}:{port}" + (f" {name}" if name else "")


def _postgresql(hosts: Hosts, login: LegacyDatabase) -> list[FoundDatabase]:
    with legacy_database(hosts, login).opened() as session:
        rows = session.execute(query("inventory_databases")).fetchall()
        may_look = bool(value(session, query("inventory_may_look")))
        written = dict(session.execute(query("inventory_written")).fetchall()) if may_look else {}
    return [_found(login, str(name), str(owner), size, written.get(name)) for name, owner, size in rows]


def _mariadb(hosts: Hosts, login: LegacyDatabase) -> list[FoundDatabase]:
    with mariadb_legacy(hosts, login).opened() as session:
        rows = session.run(query("inventory_mariadb").decode())
    return [
        _found(
            login,
            str(row["name"]),
            str(row["owner"] or ""),
            int(row["bytes"]),
            # The session's time zone is UTC, and its moments name none.
            row["written"].replace(tzinfo=UTC) if row["written"] else None,
        )
        for row in rows
    ]


def _found(
    login: LegacyDatabase, name: str, owner: str, size: int | None, written_at: datetime | None
) -> FoundDatabase:
    return FoundDatabase(
        id=server_id(login.engine, login.host, login.port, name),
        kind=login.engine,
        host=login.host,
        port=login.port,
        name=name,
        bytes=size,
        written_at=written_at,
        owner=owner,
    )
