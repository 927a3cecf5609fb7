"""Nobody writes after the freeze was reported; who cannot be kept out of it is noticed and named."""

import signal
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from migrate.connections import Hosts
from migrate.errors import FreezeError
from migrate.freeze import commit_freeze, freeze, legacy_side, require_held, unfreeze
from migrate.waiting import wait_until
from tests.support.fenced import as_role
from tests.support.moves import Move, a_move


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("watched")) as move:
        move.legacy.psql(
            "besa",
            "CREATE TABLE resident (id int PRIMARY KEY, name text);"
            "CREATE ROLE nurse LOGIN PASSWORD 'none'; GRANT ALL ON resident TO nurse",
        )
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    """Connections; whatever a test froze is lifted after it."""
    with move.hosts() as hosts:
        yield hosts
        unfreeze(move.context(hosts))
        hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)


def test_a_superusers_write_is_noticed_and_he_is_named(move: Move, hosts: Hosts) -> None:
    """Who cannot be kept out is counted, and the error names the sessions that could have written."""
    context = move.context(hosts)
    freeze(context)
    require_held(context)
    move.legacy.psql(
        "besa",
        "SET default_transaction_read_only = off; CREATE TABLE bascule.marker (id int);"
        "INSERT INTO bascule.marker VALUES (1)",
    )
    require_held(context)  # Bascule's own markers count for nothing
    with move.legacy.connect("besa", application_name="nightly job") as client:
        client.execute("SET default_transaction_read_only = off")
        client.execute("INSERT INTO resident VALUES (-5, 'sneaky')")
        client.execute("SELECT pg_stat_force_next_flush()")
        written = (
            r"besa: 1 rows were written .* \(postgres\).*; at work there: postgres \(nightly job, from 127\."
        )
        with pytest.raises(FreezeError, match=written):
            require_held(context)
    # Afterwards nobody is there to be named; it is known all the same.
    with pytest.raises(FreezeError, match="besa: 1 rows were written"):
        require_held(context)
    commit_freeze(context)
    require_held(context)  # from now on what flows back is written there
    unfreeze(context)
    # What a move put there meanwhile is not the fence's to take away.
    move.legacy.psql("besa", "DROP TABLE bascule.marker; DROP SCHEMA bascule")


def test_counters_that_began_anew_are_no_proof(move: Move, hosts: Hosts) -> None:
    """A crash of the server resets what it counted: nobody can tell then, and the move stops."""
    context = move.context(hosts)
    freeze(context)
    move.legacy.stop_postgres(signal.SIGQUIT)
    move.legacy.start_postgres()
    with pytest.raises(FreezeError, match="besa: the server began to count its rows anew"):
        require_held(context)


def test_a_fence_that_somebody_took_down_is_missed(move: Move, hosts: Hosts) -> None:
    """The lease may hold and the database be open all the same: who asks is told."""
    context = move.context(hosts)
    freeze(context)
    (guarded,) = legacy_side(context).databases
    guarded.fence.lift(guarded.database)
    with pytest.raises(FreezeError, match="besa can be written again, though its lease still holds"):
        require_held(context)


@pytest.mark.parametrize("flag", ["as set", "switched off"])
def test_reconnecting_writers_leave_no_late_row(move: Move, hosts: Hosts, flag: str) -> None:
    """Against clients that reconnect all the time, no row is written after the freeze was reported."""
    move.legacy.psql(
        "besa",
        "CREATE TABLE IF NOT EXISTS ack (at timestamptz DEFAULT clock_timestamp());"
        "GRANT SELECT, INSERT ON ack TO nurse",
    )
    user = "postgres" if flag == "as set" else "nurse"
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            try:
                with as_role(move.legacy, user) as client:
                    if flag == "switched off":
                        client.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
                    for _ in range(3):
                        client.execute("INSERT INTO ack DEFAULT VALUES")
            except psycopg.Error:
                continue

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()

    def count() -> int:
        with move.legacy.connect("besa") as client:
            row = client.execute("SELECT count(*) FROM ack").fetchone()
            assert row is not None
            return int(str(row[0]))

    try:
        for number in range(2):
            assert wait_until(_grows(count), deadline_seconds=20)
            context = move.context(hosts, attempt=f"race-{number}")
            freeze(context)
            at_freeze = count()
            assert not wait_until(_grows(count), deadline_seconds=0.5)
            require_held(context)
            assert count() == at_freeze
            unfreeze(context)
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def _grows(count: Callable[[], int]) -> Callable[[], bool]:
    start = count()
    return lambda: count() > start
