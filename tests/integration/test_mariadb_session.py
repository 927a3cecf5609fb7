"""Sessions in MariaDB: only the right server is spoken to, and what it says quotes no value."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.compare.mariadb import compare
from migrate.errors import ConnectionFailed
from migrate.fence import Fence
from migrate.fence.mariadb import MariadbFence
from migrate.mariadb.session import MariaDatabase, ServerRefused
from migrate.transfer.contract import Live, Transfer
from migrate.transfer.mariadb_live import MariadbLive
from migrate.transfer.mariadb_postgresql_bulk import MariadbPostgresqlBulk
from tests.support.mariadb_hosts import HARD_SCHEMA, MariaServer, maria_server
from tests.support.private_hosts import _certificate, private_host


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    """One server."""
    with (
        private_host("legacy", tmp_path_factory.mktemp("session")) as host,
        maria_server(host, server_id=11) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def database(server: MariaServer) -> Iterator[MariaDatabase]:
    """As Bascule sees it."""
    with server.connect() as ssh:
        yield server.database(ssh)


def test_engine_modules_meet_their_contracts() -> None:
    """What cutover code knows of MariaDB are the contracts that every engine meets."""
    ways: list[Transfer] = [MariadbLive(), MariadbPostgresqlBulk()]
    live: Live = MariadbLive()
    fence: Fence = MariadbFence()

    assert len(ways) == 2
    assert callable(live.turn)
    assert fence.lift_needs == ("mariadb",)


def test_server_of_another_authority_is_refused(database: MariaDatabase) -> None:
    """A certificate that the pinned authority did not sign is not spoken to."""
    other = replace(database, endpoint=replace(database.endpoint, ca=_certificate("127.0.0.1")[0]))

    with pytest.raises(ConnectionFailed, match="certificate verify failed"), other.opened():
        pass


def test_wrong_password_is_told_without_it(database: MariaDatabase, server: MariaServer) -> None:
    """A refused login names account and server, and not the password."""
    other = replace(database, endpoint=server.endpoint(password="not-this-one"))

    with pytest.raises(ConnectionFailed, match="no connection as admin to besa") as told, other.opened():
        pass

    assert "not-this-one" not in str(told.value)


def test_refusal_quotes_no_value(database: MariaDatabase) -> None:
    """What a server says of a row or a statement is told without what it quotes of them."""
    with database.opened() as session:
        session.run("CREATE TABLE t (id varchar(20) PRIMARY KEY)")
        session.run("INSERT INTO t VALUES ('geheim')")
        with pytest.raises(ServerRefused, match="Duplicate entry '…' for key") as told:
            session.run("INSERT INTO t VALUES ('geheim')")
        with pytest.raises(ServerRefused, match="error in your SQL syntax") as wrong:
            session.run("CREATE USER x IDENTIFIED BYE 'geheim'")

    assert told.value.code == 1062
    assert "geheim" not in str(told.value) + str(wrong.value)


def test_server_without_a_binary_log_is_read_and_fenced_too(tmp_path: Path) -> None:
    """A source that writes no log moves in bulk: it is compared and fenced without a position."""
    with (
        private_host("legacy", tmp_path) as host,
        maria_server(host, server_id=11, options=["--skip-log-bin"]) as server,
        server.connect() as ssh,
    ):
        server.sql(HARD_SCHEMA)
        database, fence = server.database(ssh), MariadbFence()
        found = compare("main-db", database, database)
        frozen = fence.fence(database)
        watched = fence.writes_since(database)
        fence.lift(database)

    assert (found.agrees, found.source_position) == (True, "")
    assert (watched.is_fenced, watched.rows_written) == (True, frozen.rows_written)
