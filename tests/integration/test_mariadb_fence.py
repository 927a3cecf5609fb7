"""The fence of MariaDB: nobody writes, not even through read_only; and everything is put back exactly."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from migrate.errors import FreezeError
from migrate.fence.mariadb import MariadbFence
from migrate.mariadb import replication
from migrate.mariadb.session import MariaDatabase
from tests.support.mariadb_hosts import MariaServer, maria_server
from tests.support.private_hosts import private_host

FENCE = MariadbFence()
ACCOUNTS = """
CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, was varchar(20));
CREATE USER app@'%' IDENTIFIED BY 'p'; GRANT SELECT, INSERT ON besa.* TO app@'%';
CREATE USER strong@'%' IDENTIFIED BY 'p'; GRANT ALL PRIVILEGES ON *.* TO strong@'%';
CREATE USER gone@'%' IDENTIFIED BY 'p' ACCOUNT LOCK; GRANT ALL PRIVILEGES ON *.* TO gone@'%';
CREATE ROLE boss; GRANT ALL PRIVILEGES ON *.* TO boss;
CREATE USER byrole@'%' IDENTIFIED BY 'p'; GRANT boss TO byrole@'%'; SET DEFAULT ROLE boss FOR byrole@'%';
GRANT SELECT ON besa.* TO byrole@'%'
"""
STATE = (
    "SELECT User, Host, COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0)"
    " FROM mysql.global_priv ORDER BY 1, 2;"
    "SELECT @@GLOBAL.read_only, @@GLOBAL.event_scheduler; SHOW DATABASES"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    """A server with accounts of every strength."""
    with (
        private_host("legacy", tmp_path_factory.mktemp("fence")) as host,
        maria_server(host, server_id=11) as server,
    ):
        server.sql(ACCOUNTS)
        yield server


@pytest.fixture(scope="module")
def through(server: MariaServer) -> Iterator[MariaDatabase]:
    """The same as Bascule sees it."""
    with server.connect() as ssh:
        yield server.database(ssh)


@pytest.fixture
def database(through: MariaDatabase) -> Iterator[MariaDatabase]:
    """Unfenced again after each test."""
    yield through
    FENCE.lift(through)


def writes(server: MariaServer, user: str) -> bool:
    """Whether an account can write."""
    try:
        with server.client(user, "p") as session, session.cursor() as cursor:
            cursor.execute("INSERT INTO t (was) VALUES ('x')")
    except pymysql.MySQLError:
        return False
    return True


def test_nobody_writes_until_everything_is_put_back(server: MariaServer, database: MariaDatabase) -> None:
    """Trap "ALL PRIVILEGES writes through read_only": such accounts are locked, by role or not."""
    before = server.sql(STATE)
    assert all(writes(server, user) for user in ("app", "strong", "byrole"))

    frozen = FENCE.fence(database, name="main-db")

    assert not any(writes(server, user) for user in ("app", "strong", "byrole", "gone"))
    assert FENCE.is_fenced(database)
    assert FENCE.writes_since(database).rows_written == frozen.rows_written
    FENCE.lift(database)
    FENCE.lift(database)
    assert not FENCE.is_fenced(database)
    assert server.sql(STATE) == before
    assert all(writes(server, user) for user in ("app", "strong", "byrole"))


def test_session_that_was_open_is_ended(server: MariaServer, database: MariaDatabase) -> None:
    """An account with all rights that is connected already loses its session, and is named."""
    with server.client("strong", "p") as session, session.cursor() as cursor:
        cursor.execute("SELECT 1")

        frozen = FENCE.fence(database, grace_seconds=0.1)

        with pytest.raises(pymysql.MySQLError):
            cursor.execute("INSERT INTO t (was) VALUES ('late')")
    assert [one.user for one in frozen.ended] == ["strong"]
    assert server.sql("SELECT * FROM t WHERE was = 'late'") == []


def test_open_transaction_cannot_commit_after_the_fence(server: MariaServer, database: MariaDatabase) -> None:
    """A transaction that does not end within the grace is ended, and nothing of it is there."""
    with server.client("app", "p") as session, session.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t (was) VALUES ('open')")

        frozen = FENCE.fence(database, grace_seconds=0.2)

        with pytest.raises(pymysql.MySQLError):
            cursor.execute("COMMIT")
    (ended,) = frozen.ended
    assert ended.had_written
    assert ended.transaction_seconds is not None
    assert server.sql("SELECT * FROM t WHERE was = 'open'") == []


def test_lock_on_a_table_does_not_hold_the_fence_up(server: MariaServer, database: MariaDatabase) -> None:
    """A session that holds LOCK TABLES is ended, or the fence would wait for it for ever."""
    server.sql("GRANT LOCK TABLES ON besa.* TO app@'%'")
    with server.client("app", "p") as session, session.cursor() as cursor:
        cursor.execute("LOCK TABLES t WRITE")

        FENCE.fence(database, grace_seconds=0.1)

        with pytest.raises(pymysql.MySQLError):
            cursor.execute("INSERT INTO t (was) VALUES ('locked')")
    assert FENCE.is_fenced(database)


def test_second_fence_remembers_what_the_first_found(server: MariaServer, database: MariaDatabase) -> None:
    """After a crash the fence is made again; what is put back is from before the first."""
    before = server.sql(STATE)
    FENCE.fence(database)
    FENCE.fence(database)

    FENCE.lift(database)

    assert server.sql(STATE) == before


def test_host_lifts_it_alone(server: MariaServer, database: MariaDatabase, tmp_path: Path) -> None:
    """The files of the lease lift the fence without Bascule, and may be used twice."""
    before = server.sql(STATE)
    FENCE.fence(database)
    for name, content in FENCE.lift_files("main-db", database).items():
        (tmp_path / name).write_bytes(content)

    for _ in range(2):
        subprocess.run(["sh", "./restore-main-db.sh"], cwd=tmp_path, check=True)

    assert server.sql(STATE) == before


def test_writes_are_noticed_and_markers_are_not(server: MariaServer, database: MariaDatabase) -> None:
    """What an account writes that no lock keeps out moves the counter; Bascule's markers do not."""
    frozen = FENCE.fence(database)
    with database.opened() as session:
        replication.prepare(session)
        replication.put_marker(session, "m")
        replication.take_marker(session, "m")
    quiet = FENCE.writes_since(database).rows_written
    server.sql("INSERT INTO t (was) VALUES ('admin')")
    noticed = FENCE.writes_since(database).rows_written
    with database.opened() as session:
        replication.remove(session, "bascule_none")

    assert quiet == frozen.rows_written
    assert noticed == frozen.rows_written + 1


def test_prepared_transaction_is_refused(server: MariaServer, database: MariaDatabase) -> None:
    """A prepared XA transaction could commit at any time: nothing is changed, and it is said."""
    before = server.sql(STATE)
    server.sql("XA START 'x'; INSERT INTO t (was) VALUES ('xa'); XA END 'x'; XA PREPARE 'x'")
    try:
        with pytest.raises(FreezeError, match="1 prepared XA"):
            FENCE.fence(database)
    finally:
        server.sql("XA ROLLBACK 'x'")

    assert server.sql(STATE) == before


def test_fence_that_comes_too_late_is_refused_by_the_server(
    server: MariaServer, database: MariaDatabase
) -> None:
    """The server's own clock tells: nothing is changed once the lease cannot lift it any more."""
    before = server.sql(STATE)

    with pytest.raises(FreezeError, match="lease of this fence has run out"):
        FENCE.fence(database, within_seconds=0)

    assert server.sql(STATE) == before
