"""
A tenant that leaves a MariaDB server for a site with PostgreSQL: what its manifest says, and who writes.

Promise: the server is one of the test's own; `is_writable` leaves nothing behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql

from provisioning.manifest import Manifest
from tests.support.mariadb_hosts import ADMIN, HARD_SCHEMA, MariaServer, maria_server
from tests.support.moves import Move, a_move
from tests.support.private_hosts import PrivateHost

USER, PASSWORD = "alltag", "ein-langes-wort"


def described(server: MariaServer, *, name: str, host: str, folder: str) -> dict[str, Any]:
    """The server's database as it stands under ``legacy.databases``; its files lie in the host's folder."""
    etc = server.host.folder / "etc"
    (etc / "mariadb-password").touch(mode=0o600)
    (etc / "mariadb-password").write_text(server.password + "\n")
    (etc / "mariadb-ca.pem").write_text(server.ca)
    return {
        "name": name,
        "engine": "mariadb",
        "host": host,
        "port": server.port,
        "dbname": server.dbname,
        "user": ADMIN,
        "password_file": f"{folder}/etc/mariadb-password",
        "ca_file": f"{folder}/etc/mariadb-ca.pem",
    }


@contextmanager
def hard_server(host: PrivateHost) -> Iterator[MariaServer]:
    """A MariaDB on this host with the hard schema, and somebody of everyday who may write in it."""
    with maria_server(host, server_id=11) as server:
        server.sql(HARD_SCHEMA)
        # A server gathers statistics some seconds after many rows came; sizes are to be those of the rows.
        server.sql("ANALYZE TABLE `Kunde`, `messung`, `ohne_schluessel`, `alt`")
        server.sql(
            f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';"
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{server.dbname}`.* TO {USER}@'%'"
        )
        yield server


def is_writable(server: MariaServer) -> bool:
    """Whether an ordinary user may write."""
    with server.client(USER, PASSWORD) as client, client.cursor() as cursor:
        try:
            cursor.execute("INSERT INTO alt VALUES (4711, 'probe')")
            cursor.execute("DELETE FROM alt WHERE nr = 4711")
        except pymysql.err.OperationalError:
            return False
    return True


@contextmanager
def a_crossing(base: Path) -> Iterator[tuple[Move, MariaServer]]:
    """A move whose legacy database is MariaDB, without files, in the mode that its engines leave."""
    with a_move(base) as move, hard_server(move.legacy) as server:
        manifest = move.manifest.model_dump(mode="json")
        manifest["legacy"]["databases"] = [described(server, name="main-db", host="server", folder="legacy")]
        (move.legacy.folder / "documents" / "brief.txt").write_text("Guten Tag")
        yield replace(move, manifest=Manifest.model_validate({**manifest, "mode": "bulk"})), server
