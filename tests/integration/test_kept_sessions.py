"""Sessions that are kept open between two uses, on a real server."""

from collections.abc import Iterator

import pytest

from migrate.databases import Database, legacy_database, value
from migrate.waiting import wait_until
from tests.support.moves import Move, a_move


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("sessions")) as move:
        yield move


@pytest.fixture
def database(move: Move) -> Iterator[Database]:
    with move.hosts() as hosts:
        yield legacy_database(hosts, move.manifest.legacy.databases[0])


def pid(database: Database) -> int:
    with database.opened() as session:
        return int(value(session, "SELECT pg_backend_pid()"))


def test_a_session_is_used_again_with_nothing_left_in_it(database: Database) -> None:
    """The second use gets the first one's session, its settings and its open transaction gone."""
    with database.opened() as session:
        first = value(session, "SELECT pg_backend_pid()")
        session.execute("SET TimeZone = 'Asia/Tokyo'")
        session.execute("BEGIN")
        session.execute("CREATE TEMP TABLE mine ()")
    with database.opened() as session:
        assert value(session, "SELECT pg_backend_pid()") == first
        assert value(session, "SELECT current_setting('TimeZone')") == "UTC"
        assert value(session, "SELECT to_regclass('pg_temp.mine')") is None


def test_a_session_that_was_ended_is_replaced(move: Move, database: Database) -> None:
    """Whoever asks after the server ended the kept session gets a new one."""
    first = pid(database)
    move.legacy.psql("besa", f"SELECT pg_terminate_backend({first})")
    assert pid(database) != first


def test_a_restarted_server_is_reached_again(move: Move, database: Database) -> None:
    """Kept sessions and the way to the server are made anew after a restart."""
    first = pid(database)
    move.legacy.stop_postgres()
    move.legacy.start_postgres()
    assert pid(database) != first


def test_sessions_end_with_their_run(move: Move) -> None:
    """Nothing stays connected when the run's hosts are closed."""
    with move.hosts() as hosts:
        kept = pid(legacy_database(hosts, move.manifest.legacy.databases[0]))
    gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
    with move.legacy.connect("besa") as session:
        assert wait_until(lambda: session.execute(gone, (kept,)).fetchone() == (True,), deadline_seconds=10)
