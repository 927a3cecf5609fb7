"""Two MariaDB servers compared in what their logs name as changed: little is read, nothing is left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.compare.mariadb_beside import MariadbBeside
from migrate.compare.mariadb_record import load
from migrate.compare.verdict import BaseComparison, DatabaseComparison
from migrate.errors import ComparisonError
from migrate.transfer.contract import Task
from migrate.waiting import wait_until
from tests.support.mariadb_flow import WAY, flowing, task_of
from tests.support.mariadb_hosts import MariaMove, MariaServer, a_maria_move

BY = MariadbBeside()
SCHEMA = """
CREATE TABLE many (id int unsigned PRIMARY KEY, was varchar(40));
INSERT INTO many SELECT seq + 4000000000, 'viel' FROM seq_1_to_5000;
CREATE TABLE names (name varchar(30) CHARACTER SET latin1, part binary(5), at datetime(3),
    kind enum('a', 'b'), price decimal(9, 3), was text, PRIMARY KEY (name, part, at, kind, price));
INSERT INTO names VALUES ('Zürich', x'00ff', '2020-02-03 04:05:06.789', 'b', -12.340, 'x'),
    ('Genève', x'61', '2021-01-01', 'a', 0, 'y');
CREATE TABLE never (at datetime PRIMARY KEY, was text);
INSERT INTO never VALUES ('0000-00-00', 'nie'), ('2020-01-01', 'einst');
CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE);
CREATE TABLE child (id int PRIMARY KEY, parent int,
    FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE);
CREATE TABLE by_code (id int PRIMARY KEY, code int,
    FOREIGN KEY (code) REFERENCES parent (code) ON UPDATE CASCADE);
INSERT INTO parent VALUES (1, 10), (2, 20), (3, 30); INSERT INTO child VALUES (1, 1), (2, 1), (3, 3);
INSERT INTO by_code VALUES (1, 10), (2, 20);
CREATE TABLE keyless (a int);
INSERT INTO keyless VALUES (1), (1)
"""
ROWS = 5000 + 2 + 2 + 3 + 3 + 2 + 2


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaMove]:
    with a_maria_move(tmp_path_factory.mktemp("changed")) as move:
        move.legacy.sql(SCHEMA)
        yield move


@pytest.fixture
def task(move: MariaMove) -> Iterator[Task]:
    with flowing(move) as task:
        yield task


@pytest.fixture
def store(move: MariaMove, task: Task, tmp_path: Path) -> Path:
    """Of a comparison in which all rows were seen equal."""
    store = tmp_path / "comparison.sqlite"
    found = compared(move, store)
    assert found.agrees, found.different
    return store


def compared(move: MariaMove, store: Path) -> BaseComparison:
    tenant = task_of(move).tenant
    return BY.compare("main-db", move.source, move.target, tenant=tenant, store=store, told=lambda *_: None)


def judged(move: MariaMove, task: Task, store: Path) -> DatabaseComparison:
    """As in the freeze: nobody writes, all is applied."""
    drained = WAY.drain(task, timeout_seconds=20)
    WAY.settle(task)
    return BY.verdict(
        "main-db",
        move.source,
        move.target,
        store=store,
        source_position=drained.source_position,
        target_position=drained.target_position,
    )


def rows_of(server: MariaServer, table: str) -> int:
    return int(server.sql(f"SELECT count(*) FROM {table}")[0][0])


def test_a_verdict_reads_what_changed_and_is_about_every_row(
    move: MariaMove, task: Task, store: Path
) -> None:
    """Rows changed, added and removed, by keys of every exact type: few are read, all are counted."""
    move.legacy.sql(
        "UPDATE many SET was = 'anders' WHERE id = 4000000007; DELETE FROM many WHERE id = 4000000008;"
        "INSERT INTO many VALUES (4294967295, 'neu'); UPDATE names SET was = 'z', name = 'ZÜRICH 2'"
        " WHERE kind = 'b'; INSERT INTO names VALUES ('a', x'0000000000', '2022-01-01', 'a', 1, '%s %%')"
    )

    found = judged(move, task, store)

    assert found.agrees, found.differing_tables
    assert (found.rows, found.compared_in_freeze) == (ROWS + 1, 6)
    counted = {one.name: one.source_rows for one in found.tables}
    assert len(counted) == 7
    assert counted == {name: rows_of(move.legacy, name) for name in counted}
    move.legacy.sql(
        "DELETE FROM names WHERE kind = 'a' AND price = 1; DELETE FROM many WHERE id = 4294967295;"
        "INSERT INTO many VALUES (4000000008, 'viel')"
    )


def test_nothing_changed_nothing_is_read(move: MariaMove, task: Task, store: Path) -> None:
    """The stop does not grow with the database."""
    found = judged(move, task, store)
    assert (found.agrees, found.rows, found.compared_in_freeze) == (True, ROWS, 0)


FAULTS = {
    "a row removed": (
        "many",
        "DELETE FROM many WHERE id = 4000000009",
        "INSERT INTO many VALUES (4000000009, 'viel')",
    ),
    "a row changed": (
        "many",
        "UPDATE many SET was = 'falsch' WHERE id = 4000000010",
        "UPDATE many SET was = 'viel' WHERE id = 4000000010",
    ),
    "a row added": ("many", "INSERT INTO many VALUES (5, 'fremd')", "DELETE FROM many WHERE id = 5"),
    "a key that is no date": (
        "never",
        "UPDATE never SET was = 'doch' WHERE at = 0",
        "UPDATE never SET was = 'nie' WHERE at = 0",
    ),
    "no key": ("keyless", "INSERT INTO keyless VALUES (2)", "DELETE FROM keyless WHERE a = 2"),
    "a removal passed on": (
        "child",
        "DELETE FROM parent WHERE id = 3",
        "INSERT INTO parent VALUES (3, 30); INSERT INTO child VALUES (3, 3)",
    ),
    "a change passed on": (
        "by_code",
        "UPDATE parent SET code = 11 WHERE id = 1",
        "UPDATE parent SET code = 10 WHERE id = 1",
    ),
    "a statement": (
        "many",
        "SET binlog_format = STATEMENT; UPDATE many SET was = 'falsch' WHERE id = 4000000011",
        "UPDATE many SET was = 'viel' WHERE id = 4000000011",
    ),
    "a truncation": ("keyless", "TRUNCATE TABLE keyless", "INSERT INTO keyless VALUES (1), (1)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_somebody_changes_on_the_site_is_found(
    move: MariaMove, task: Task, store: Path, fault: str
) -> None:
    """Also what no log names row by row: a cascade, a statement, a truncation, a key that is no date."""
    table, change, undo = FAULTS[fault]
    move.site.sql(change)
    try:
        found = judged(move, task, store)
        assert table in [one.name for one in found.differing_tables]
        assert found.written_on_target
        assert not compared(move, store).agrees
    finally:
        move.site.sql(f"SET sql_log_bin = 0; {undo}")
    # What differed is read as a whole until it agrees, whatever the log says of it.
    assert compared(move, store).agrees


def test_what_was_written_on_the_open_site_is_no_trespass(move: MariaMove, task: Task, store: Path) -> None:
    """Once the site is closed again, only what comes after counts."""
    move.site.sql("UPDATE many SET was = 'so' WHERE id = 4000000001")
    move.legacy.sql("UPDATE many SET was = 'so' WHERE id = 4000000001")
    compared(move, store)
    assert judged(move, task, store).written_on_target == ("many",)

    BY.let_writes_be(store)

    assert judged(move, task, store).written_on_target == ()


def test_a_log_that_is_gone_has_every_row_read_again(move: MariaMove, task: Task, store: Path) -> None:
    """Beside work it is compared anew; in the freeze it is an error, never taken for silence."""
    move.legacy.sql("FLUSH BINARY LOGS; UPDATE many SET was = 'x' WHERE id = 4000000012; FLUSH BINARY LOGS")
    WAY.drain(task, timeout_seconds=20)
    last = move.legacy.sql("SHOW MASTER STATUS")[0][0]

    def is_gone() -> bool:
        """A file that a replica reads just now is not removed."""
        move.legacy.sql(f"PURGE BINARY LOGS TO '{last}'")
        return [row[0] for row in move.legacy.sql("SHOW BINARY LOGS")] == [last]

    assert wait_until(is_gone, deadline_seconds=20)

    with pytest.raises(ComparisonError, match="cannot be read"):
        judged(move, task, store)
    assert compared(move, store).agrees
    assert judged(move, task, store).compared_in_freeze == 0


def test_without_a_comparison_before_there_is_no_verdict(move: MariaMove, task: Task, tmp_path: Path) -> None:
    """A lost record is an error in the freeze."""
    with pytest.raises(ComparisonError, match="was not compared before the freeze"):
        judged(move, task, tmp_path / "none")


def test_the_setting_of_the_log_goes_with_the_flow(move: MariaMove, task: Task, store: Path) -> None:
    """Both servers name keys in their logs while the move lasts, and are as found after it."""
    asked = "SELECT @@GLOBAL.binlog_row_metadata"
    assert [side.sql(asked) for side in (move.legacy, move.site)] == [[["FULL"]], [["FULL"]]]
    WAY.empty(task)
    assert [side.sql(asked) for side in (move.legacy, move.site)] == [[["NO_LOG"]], [["NO_LOG"]]]


def test_cut_off_it_goes_on_with_the_tables_that_were_not_read(
    move: MariaMove, task: Task, tmp_path: Path
) -> None:
    """What was read before the cut is not read again, and a change to it meanwhile is found all the same."""
    store, read = tmp_path / "cut.sqlite", []

    def cut(table: str, _done: int, _of: int) -> None:
        read.append(table)
        if len(read) == 4:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        BY.compare("main-db", move.source, move.target, tenant=task.tenant, store=store, told=cut)
    kept = load(store)
    assert kept is not None
    assert [*kept.rows] == read
    assert "many" in read
    move.legacy.sql("UPDATE many SET was = 'seither' WHERE id = 4000000011")
    # No log names this one: found, it would tell that the table was read as a whole.
    move.site.sql("SET sql_log_bin = 0; UPDATE many SET was = 'heimlich' WHERE id = 4000000012")

    found = compared(move, store)

    move.site.sql("SET sql_log_bin = 0; UPDATE many SET was = 'viel' WHERE id = 4000000012")
    move.legacy.sql("UPDATE many SET was = 'viel' WHERE id = 4000000011")
    assert found.agrees, found.different
    assert found.rows == ROWS
    after = load(store)
    assert after is not None
    assert (len(after.rows), after.source != kept.source) == (7, True)
