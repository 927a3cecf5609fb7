"""What has hurt others who replicated a database: each trap is told, and nothing is lost or left by it."""

from collections.abc import Iterator

import pytest

from migrate.errors import TransferError
from migrate.mariadb import replication
from migrate.mariadb.replication import unlogged
from migrate.remote_jobs import Job
from migrate.transfer.contract import Task
from migrate.waiting import wait_until
from tests.support.mariadb_flow import NAME, SCHEMA, WAY, agree, flowing, task_of
from tests.support.mariadb_hosts import MariaMove, a_maria_move
from tests.support.moves import Told


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaMove]:
    """A legacy database and an empty site."""
    with a_maria_move(tmp_path_factory.mktemp("move")) as move:
        move.legacy.sql(SCHEMA)
        yield move


@pytest.fixture
def task(move: MariaMove) -> Iterator[Task]:
    """Flowing."""
    with flowing(move) as task:
        yield task


def test_every_fault_of_both_servers_is_told_at_once(move: MariaMove) -> None:
    """Servers that cannot replicate are told apart before anything changes, each fault with its remedy."""
    move.legacy.sql("SET GLOBAL binlog_format = STATEMENT; SET GLOBAL gtid_strict_mode = ON")
    move.site.sql("SET GLOBAL local_infile = OFF; SET GLOBAL server_id = 11")
    move.legacy.sql("CREATE TABLE verlauf (id int PRIMARY KEY) WITH SYSTEM VERSIONING")
    try:
        with pytest.raises(TransferError) as told:
            WAY.copy(task_of(move), Told())
    finally:
        move.legacy.sql(
            "SET GLOBAL binlog_format = ROW; SET GLOBAL gtid_strict_mode = OFF; DROP TABLE verlauf"
        )
        move.site.sql("SET GLOBAL local_infile = ON; SET GLOBAL server_id = 22")

    for fault in (
        "binlog_format is not ROW",
        "both servers have server_id 11",
        "gtid_strict_mode is on",
        "local_infile is off",
        "verlauf is system-versioned",
    ):
        assert fault in told.value.what
    assert told.value.state == "Nothing was changed."
    assert WAY.flow(task_of(move)).state == "absent"
    assert move.legacy.sql("SHOW DATABASES LIKE 'bascule'") == []


def test_repeat_of_a_begun_copy_only_looks(task: Task) -> None:
    """A copy whose flow is there is not begun anew, neither by this attempt nor by the next."""
    assert WAY.copy(task, Told()).stages == {}
    assert Job(task.target.through, "copy-main-db-base").look().state == "absent"


def test_table_added_meanwhile_comes_along(move: MariaMove, task: Task) -> None:
    """Changes of the schema flow too: a table, a column and rows in them are on both sides."""
    move.legacy.sql(
        "CREATE TABLE neu (id int PRIMARY KEY, f float); INSERT INTO neu VALUES (1, 2.33333333);"
        "ALTER TABLE t ADD COLUMN mehr int DEFAULT 5; UPDATE ohne SET was = 'y' LIMIT 1"
    )
    try:
        WAY.catch_up(task, Told(), within_seconds=10, timeout_seconds=30)
        assert agree(move, task)
    finally:
        move.legacy.sql("DROP TABLE neu; ALTER TABLE t DROP COLUMN mehr")


def test_schema_changed_on_one_side_is_told_with_both_definitions(move: MariaMove, task: Task) -> None:
    """What the site alone has otherwise stops the run, and both definitions are shown."""
    move.site.sql("SET sql_log_bin = 0; ALTER TABLE ohne ADD INDEX (a)")

    with pytest.raises(TransferError, match="the schema changed on one side only: table ohne") as told:
        WAY.catch_up(task, Told(), within_seconds=10, timeout_seconds=30)
    move.site.sql("SET sql_log_bin = 0; ALTER TABLE ohne DROP INDEX a")

    assert "table ohne before:\nCREATE TABLE `ohne`" in told.value.what
    assert "KEY `a` (`a`)" in told.value.what


def test_row_in_the_way_breaks_the_flow_and_is_told_without_its_values(move: MariaMove, task: Task) -> None:
    """A conflict is never overwritten: the flow stops, says why, and quotes no value."""
    move.site.sql("SET sql_log_bin = 0; INSERT INTO t VALUES (77, 'im Weg')")
    move.legacy.sql("INSERT INTO t VALUES (77, 'geheim')")

    assert wait_until(lambda: WAY.flow(task).state == "broken", deadline_seconds=20)
    says = WAY.flow(task).says
    with pytest.raises(TransferError, match="changes do not flow"):
        WAY.drain(task, timeout_seconds=1)
    move.legacy.sql("SET sql_log_bin = 0; DELETE FROM t WHERE id = 77")

    assert "Duplicate entry" in says
    assert "77" not in says.split("Duplicate entry")[1].split("for key")[0]
    assert "geheim" not in says


def test_transaction_open_for_long_holds_catching_up(move: MariaMove, task: Task) -> None:
    """A transaction that has written and stays open is told with its age; the flow goes on."""
    with move.legacy.client() as session, session.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t (was) VALUES ('offen')")
        with pytest.raises(TransferError, match="the oldest open transaction on the source is"):
            WAY.catch_up(task, Told(), within_seconds=0.05, timeout_seconds=1)
        cursor.execute("ROLLBACK")
    flow = WAY.catch_up(task, Told(), within_seconds=10, timeout_seconds=30)

    assert flow.state == "flowing"
    assert wait_until(lambda: WAY.flow(task).oldest_write_seconds is None, deadline_seconds=10)


def test_way_back_that_is_not_proved_is_not_armed(move: MariaMove, task: Task) -> None:
    """Trap "reverse stream unusable": it is tried before anybody writes, and undone if it fails."""
    with move.source.opened() as here, unlogged(here):
        here.run("ALTER TABLE bascule.marker MODIFY tag date")
    move.legacy.sql("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1")
    try:
        with pytest.raises(TransferError, match="the way back to besa on legacy is not proved"):
            WAY.turn(task, timeout_seconds=3)
        enabled = move.legacy.sql("SELECT STATUS FROM information_schema.EVENTS")
    finally:
        with move.source.opened() as here, unlogged(here):
            here.run("ALTER TABLE bascule.marker MODIFY tag varchar(64)")
        move.legacy.sql("DROP EVENT e")

    assert enabled == [["ENABLED"]]
    assert WAY.flow(task.turned()).state == "absent"
    assert WAY.flow(task).state == "flowing"
    assert move.site.sql(f"SELECT User FROM mysql.user WHERE User = '{NAME}'") == []
    assert agree(move, task)


def test_turn_can_be_undone_and_done_again(move: MariaMove, task: Task) -> None:
    """A switch that is taken back before anybody wrote goes on where it stood, and may be made again."""
    WAY.drain(task, timeout_seconds=10)
    WAY.turn(task, timeout_seconds=10)
    WAY.turn_back(task)
    WAY.turn_back(task)
    move.legacy.sql("INSERT INTO t (was) VALUES ('nach dem Umkehren')")
    assert agree(move, task)

    WAY.turn(task, timeout_seconds=10)

    assert WAY.flow(task.turned()).state == "flowing"


def test_paused_flow_is_kept_while_its_opposite_does_not_flow(move: MariaMove, task: Task) -> None:
    """A failing undo never removes the means of undoing: without a way back this flow is not let go."""
    with pytest.raises(TransferError, match="changes do not flow"):
        WAY.let_go(task)

    assert WAY.flow(task).state == "flowing"


def test_account_of_the_flow_is_as_weak_as_can_be(move: MariaMove, task: Task) -> None:
    """It may replicate, by TLS only, and nothing else."""
    assert task.tenant
    (grants,) = move.legacy.sql(f"SHOW GRANTS FOR {NAME}@'%'")

    assert grants[0].startswith(f"GRANT REPLICATION SLAVE ON *.* TO `{NAME}`@`%`")
    assert "REQUIRE SSL" in grants[0]
    with move.source.opened() as here:
        assert replication.traces(here, NAME) == [f"account {NAME}", "schema bascule"]
