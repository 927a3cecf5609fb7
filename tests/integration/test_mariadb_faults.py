"""Faults planted in a MariaDB: each is found by a whole comparison, and all are taken back to the byte."""

from collections.abc import Iterator

import pytest

from migrate.compare.mariadb import compare
from migrate.compare.mariadb_faults import planted
from migrate.errors import ComparisonError
from migrate.transfer.contract import Task
from tests.support.mariadb_flow import WAY, flowing
from tests.support.mariadb_hosts import HARD_SCHEMA, MariaMove, a_maria_move

# Two tables only: every kind of fault has to find room in them, beside what the hard schema refuses.
MORE = """
SET sql_mode = '';
CREATE TABLE haus (id bigint PRIMARY KEY, `100 % name` varchar(40) CHARACTER SET latin1, seit timestamp NULL
    ON UPDATE current_timestamp, f float, art enum('1', '2'), KEY nach_name (`100 % name`));
INSERT INTO haus SELECT seq, CONCAT('Haus Ä ', seq), '2020-01-01', 2.33333333, 'x' FROM seq_1_to_20;
CREATE TABLE zimmer (haus bigint, nr int, PRIMARY KEY (haus, nr),
    CONSTRAINT in_haus FOREIGN KEY (haus) REFERENCES haus (id) ON UPDATE CASCADE);
INSERT INTO zimmer SELECT seq, 1 FROM seq_1_to_20;
"""
KINDS = [
    *("missing index", "cascade rule changed", "changed character", "truncated text"),
    *("lost row", "extra row", "sequence behind"),
]


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaMove]:
    with a_maria_move(tmp_path_factory.mktemp("faults")) as move:
        move.legacy.sql(HARD_SCHEMA + MORE)
        yield move


@pytest.fixture
def task(move: MariaMove) -> Iterator[Task]:
    with flowing(move) as task:
        WAY.drain(task, timeout_seconds=20)
        WAY.settle(task)
        yield task


@pytest.mark.usefixtures("task")
def test_each_is_found_and_taken_back(move: MariaMove) -> None:
    """One of each kind, each named by the verdict; afterwards every row and definition is as before."""
    before = move.site.sql(
        "SELECT @@GLOBAL.gtid_binlog_pos; SHOW CREATE TABLE haus; CHECKSUM TABLE haus, zimmer"
    )

    with planted(move.target) as faults:
        found = compare("main-db", move.source, move.target)
        missed = [fault for fault in faults if not fault.found_in(found)]

    assert [fault.kind for fault in faults] == KINDS
    assert missed == []
    assert len({fault.told for fault in faults}) == len(faults)
    assert compare("main-db", move.source, move.target).agrees
    after = move.site.sql(
        "SELECT @@GLOBAL.gtid_binlog_pos; SHOW CREATE TABLE haus; CHECKSUM TABLE haus, zimmer"
    )
    assert after == before
    assert move.site.sql("SHOW TABLES FROM bascule LIKE 'planted%'") == []


@pytest.mark.usefixtures("task")
def test_without_them_none_is_found(move: MariaMove) -> None:
    """A fault counts as found by its own name only: a verdict without it does not have it."""
    clean = compare("main-db", move.source, move.target)
    with planted(move.target) as faults:
        assert [fault for fault in faults if fault.found_in(clean)] == []


@pytest.mark.usefixtures("task")
def test_what_was_planted_is_undone_when_another_is_refused(move: MariaMove) -> None:
    """A server that refuses in the middle is told, and what was planted before is gone."""
    move.site.sql("SET sql_log_bin = 0; CREATE TABLE bascule.planted_1 (a int)")
    with pytest.raises(ComparisonError, match="could not be given planted faults"), planted(move.target):
        pass
    move.site.sql("SET sql_log_bin = 0; DROP TABLE bascule.planted_1")

    assert compare("main-db", move.source, move.target).agrees
