"""The fence holds against those who switch their own read-only flag off, and gives back what it took."""

import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from itertools import count

import psycopg
import pytest

from migrate.databases import Database
from migrate.errors import FreezeError
from migrate.fence import FENCES
from migrate.fence import postgresql as of_postgresql
from migrate.waiting import wait_until
from tests.support.fenced import SCHEMA, WRITES, as_role, of_his_own_mind, refused, rights
from tests.support.moves import Move, a_move

FENCE = FENCES["postgresql"]
_numbers = count(1)


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("fence")) as move:
        move.legacy.psql("besa", SCHEMA)
        yield move


@pytest.fixture
def besa(move: Move) -> Iterator[Database]:
    """The database, reached as Bascule does; no test leaves it fenced."""
    with move.hosts() as hosts:
        besa = Database("besa on server", move.legacy.endpoint("besa"), hosts.legacy("server"))
        yield besa
        FENCE.lift(besa)


def _tried(move: Move) -> dict[str, bool]:
    """Each way of writing, and whether it is refused."""
    return {
        way: refused(move.legacy, user, statement.format(n=next(_numbers)))
        for way, (user, statement) in WRITES.items()
    }


def test_no_flag_of_ones_own_goes_round_the_fence(move: Move, besa: Database) -> None:
    """Owners, grants, columns, PUBLIC, functions, sequences, large objects: all shut, then all open again."""
    assert [way for way, shut in _tried(move).items() if shut] == []

    frozen = FENCE.fence(besa, name="main-db")

    assert (frozen.held_by, frozen.excepted) == ("rights", ("postgres",))
    assert [way for way, shut in _tried(move).items() if not shut] == []
    with of_his_own_mind(move.legacy, "nurse") as nurse:
        assert nurse.execute("SELECT count(*) FROM ward.granted").fetchone() is not None
    assert FENCE.writes_since(besa).rows_written == frozen.rows_written
    FENCE.lift(besa)
    assert [way for way, shut in _tried(move).items() if shut] == []


def test_every_right_and_setting_comes_back(move: Move, besa: Database) -> None:
    """After the lift the rights are those of before, defaults, columns, chains and grantors included."""
    move.legacy.psql("besa", "ALTER ROLE nurse IN DATABASE besa SET default_transaction_read_only = off")
    before = rights(move.legacy)

    FENCE.fence(besa)
    assert rights(move.legacy) != before
    FENCE.fence(besa)
    FENCE.lift(besa)

    assert rights(move.legacy) == before
    FENCE.lift(besa)
    assert rights(move.legacy) == before
    move.legacy.psql("besa", "ALTER ROLE nurse IN DATABASE besa RESET ALL")


@pytest.mark.parametrize("killed_in", ["let_finish", "clear", "_take_rights"])
def test_a_fence_that_was_cut_short_is_made_whole(
    move: Move, besa: Database, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    """Killed between any two of its statements, it may be lifted, or repeated and lifted: nothing is lost."""
    before = rights(move.legacy)
    for repeated in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(of_postgresql, killed_in, _killed)
            with pytest.raises(KeyboardInterrupt):
                FENCE.fence(besa)
        if repeated:
            FENCE.fence(besa)
            assert refused(move.legacy, "ward_owner", "DELETE FROM ward.own")
        FENCE.lift(besa)
        assert rights(move.legacy) == before


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_was_dropped_meanwhile_does_not_stop_the_lift(move: Move, besa: Database) -> None:
    """A superuser drops a table and a role under the fence: everybody else gets his rights back."""
    move.legacy.psql(
        "besa",
        "CREATE ROLE guest; CREATE TABLE ward.gone (id int); ALTER TABLE ward.gone OWNER TO ward_owner;"
        "GRANT INSERT ON ward.gone, ward.granted TO guest",
    )
    FENCE.fence(besa)
    move.legacy.psql("besa", "SET default_transaction_read_only = off; DROP TABLE ward.gone; DROP ROLE guest")

    FENCE.lift(besa)

    assert not FENCE.is_fenced(besa)
    assert not any(_tried(move).values())


def test_a_right_that_was_given_under_the_fence_is_taken_by_the_next(move: Move, besa: Database) -> None:
    """A repeat closes what was opened or made since, and the lift gives that back too."""
    FENCE.fence(besa)
    given = (
        "SET default_transaction_read_only = off; CREATE TABLE ward.late (id int);"
        "GRANT INSERT ON ward.late, ward.granted TO pupil"
    )
    move.legacy.psql("besa", given)
    assert not refused(move.legacy, "pupil", "INSERT INTO ward.late VALUES (1)")

    FENCE.fence(besa)

    assert refused(move.legacy, "pupil", "INSERT INTO ward.late VALUES (1)")
    FENCE.lift(besa)
    assert not refused(move.legacy, "pupil", "INSERT INTO ward.late VALUES (1)")
    assert not any(_tried(move).values())
    move.legacy.psql("besa", "DROP TABLE ward.late; REVOKE INSERT ON ward.granted FROM pupil")


DEFINING = {
    "gives himself his right again": "GRANT INSERT ON ward.own TO ward_owner",
    "makes a column": "ALTER TABLE ward.own ADD late int",
    "drops a table": "DROP TABLE ward.columns",
    "makes a table in passing": "SELECT 1 AS one INTO TEMP passing",
    "makes a function": "CREATE FUNCTION ward.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "rights of what will be made": "ALTER DEFAULT PRIVILEGES IN SCHEMA ward GRANT INSERT ON TABLES TO pupil",
    "passes a right on": "GRANT UPDATE ON ward.own TO PUBLIC",
}


def test_no_owner_defines_or_grants_anything_under_the_fence(move: Move, besa: Database) -> None:
    """Refused to owners whose flag is off, also through a superuser's function; free again after the lift."""
    move.legacy.psql(
        "besa",
        "CREATE FUNCTION ward.as_superuser(what text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER"
        " AS 'BEGIN EXECUTE what; END'",
    )
    before = rights(move.legacy)
    FENCE.fence(besa)
    for statement in DEFINING.values():
        for said in (statement, f"SELECT ward.as_superuser($q${statement}$q$)"):
            if "INTO TEMP" in said and "as_superuser" in said:
                continue  # no statement that a function may execute
            with (
                of_his_own_mind(move.legacy, "ward_owner") as owner,
                pytest.raises(
                    psycopg.errors.InsufficientPrivilege, match="is refused: this database is fenced"
                ),
            ):
                owner.execute(said.encode())
    # A superuser cannot be kept out, and Bascule has work to do.
    move.legacy.psql("besa", "SET default_transaction_read_only = off; ALTER TABLE ward.own ADD ours int")

    FENCE.lift(besa)

    assert rights(move.legacy) == before
    with move.legacy.connect("besa") as session:
        left = "SELECT FROM pg_event_trigger UNION ALL SELECT FROM pg_namespace WHERE nspname = 'bascule'"
        assert session.execute(left).fetchall() == []
    with as_role(move.legacy, "ward_owner") as owner:
        owner.execute("ALTER TABLE ward.own DROP ours")
    move.legacy.psql("besa", "DROP FUNCTION ward.as_superuser(text)")


def test_an_owner_who_defines_all_the_time_leaves_no_gap(move: Move, besa: Database) -> None:
    """Making tables and granting as fast as he can while the fence goes up: then nothing is writable."""
    stop = threading.Event()

    def define(number: int) -> None:
        for n in count():
            if stop.is_set():
                return
            try:
                with of_his_own_mind(move.legacy, "ward_owner") as owner:
                    while not stop.is_set():
                        owner.execute(
                            f"CREATE TABLE IF NOT EXISTS ward.race_{number}_{n} (id int);"
                            f"GRANT ALL ON ward.race_{number}_{n} TO PUBLIC, ward_owner".encode()
                        )
                        n = next(_numbers)
            except psycopg.Error:
                continue

    definers = [threading.Thread(target=define, args=(number,)) for number in range(3)]
    for each in definers:
        each.start()
    made = "SELECT oid::regclass::text, relacl FROM pg_class WHERE relname LIKE 'race%' ORDER BY oid"
    writable = (
        "SELECT oid::regclass::text FROM pg_class WHERE relname LIKE 'race%'"
        " AND (has_table_privilege('ward_owner', oid, 'INSERT')"
        " OR has_table_privilege('pupil', oid, 'INSERT'))"
    )
    try:
        with move.legacy.connect("besa", application_name="bascule") as session:
            for _ in range(4):
                wanted = len(session.execute(made).fetchall()) + 5

                def is_at_work(least: int = wanted) -> bool:
                    return len(session.execute(made).fetchall()) > least

                assert wait_until(is_at_work, deadline_seconds=30)
                FENCE.fence(besa, grace_seconds=0.05)
                seen = session.execute(made).fetchall()
                assert session.execute(writable).fetchall() == []
                assert FENCE.writes_since(besa).is_fenced
                assert session.execute(made).fetchall() == seen
                FENCE.lift(besa)
    finally:
        stop.set()
        for each in definers:
            each.join(30)
        FENCE.lift(besa)
        with move.legacy.connect("besa") as session:
            for table, _ in session.execute(made).fetchall():
                session.execute(f"DROP TABLE {table}".encode())


def test_too_late_is_told_by_the_server(move: Move, besa: Database) -> None:
    """A process that slept beyond its lease changes nothing any more: the server's clock decides."""
    before = rights(move.legacy)
    with pytest.raises(FreezeError, match="besa on server: too late to begin a freeze"):
        FENCE.fence(besa, within_seconds=-1)
    assert rights(move.legacy) == before


def test_nothing_is_begun_before_what_lifts_it_is_kept(move: Move, besa: Database) -> None:
    """Where the host could not be told how to lift it, the database stays as it is."""
    before = rights(move.legacy)

    def refuse() -> datetime:
        assert rights(move.legacy) == before
        raise FreezeError("the disk is full")

    with pytest.raises(FreezeError, match="the disk is full"):
        FENCE.fence(besa, before=refuse)
    assert rights(move.legacy) == before


def test_own_sessions_live_on_and_nobody_elses(move: Move, besa: Database) -> None:
    """Bascule's sessions survive; its name on another role's session is no protection."""
    ours = move.legacy.connect("besa", application_name="bascule")
    theirs = move.legacy.connect("besa", application_name="psql")
    alias = as_role(move.legacy, "nurse", application_name="bascule")

    frozen = FENCE.fence(besa)

    assert ours.execute("SELECT 1").fetchone() == (1,)
    for ended in (theirs, alias):
        with ended, pytest.raises(psycopg.OperationalError):
            ended.execute("SELECT 1")
    assert {(one.user, one.application) for one in frozen.ended} == {
        ("postgres", "psql"),
        ("nurse", "bascule"),
    }
    FENCE.lift(besa)
    assert ours.execute("SELECT 1").fetchone() == (1,)
    ours.close()


def test_a_login_without_superuser_sets_the_flag_alone(move: Move, besa: Database) -> None:
    """Where no rights can be taken, the evidence says that only the flag holds, and the lift resets it."""
    move.legacy.psql(
        "besa",
        "CREATE ROLE managed LOGIN PASSWORD 'none' IN ROLE pg_signal_backend;"
        "ALTER DATABASE besa OWNER TO managed",
    )
    before = rights(move.legacy)
    managed = Database("besa on server", move.legacy.endpoint("besa", "managed", "none"), besa.through)

    assert FENCE.fence(managed).held_by == "flag"

    assert FENCE.is_fenced(managed)
    with as_role(move.legacy, "nurse") as nurse, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        nurse.execute("DELETE FROM ward.granted")
    FENCE.lift(managed)
    assert rights(move.legacy) == before
    move.legacy.psql("besa", "ALTER ROLE nurse SET default_transaction_read_only = off")
    with pytest.raises(FreezeError, match="managed is no superuser, and cannot put back"):
        FENCE.fence(managed)
    move.legacy.psql(
        "besa", "ALTER ROLE nurse RESET ALL; ALTER DATABASE besa OWNER TO postgres; DROP ROLE managed"
    )


def test_a_prepared_transaction_may_finish_in_time(move: Move, besa: Database) -> None:
    """One that is committed within the grace is waited for; its rows are there."""
    with move.legacy.connect("besa") as client:
        client.execute("BEGIN; INSERT INTO ward.own VALUES (5000, 'prepared'); PREPARE TRANSACTION 'bill'")

    def commit() -> None:
        move.legacy.psql("besa", "COMMIT PREPARED 'bill'")

    timer = threading.Timer(0.4, commit)
    timer.start()
    FENCE.fence(besa, grace_seconds=20)
    timer.join()
    with move.legacy.connect("besa") as client:
        assert client.execute("SELECT note FROM ward.own WHERE id = 5000").fetchone() == ("prepared",)


def test_a_crash_of_the_server_leaves_the_fence_whole(move: Move, besa: Database) -> None:
    """After a crash the database is fenced as before, and the lift gives everything back."""
    before = rights(move.legacy)
    FENCE.fence(besa)
    move.legacy.stop_postgres(signal.SIGQUIT)
    move.legacy.start_postgres()

    assert FENCE.is_fenced(besa)
    assert all(_tried(move).values())
    FENCE.lift(besa)
    assert rights(move.legacy) == before
