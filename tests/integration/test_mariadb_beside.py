"""MariaDB against MariaDB beside running work: both sides at one position, while somebody writes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.compare.mariadb_beside import MariadbBeside
from migrate.compare.verdict import BaseComparison
from migrate.errors import ComparisonError
from tests.support.mariadb_flow import SCHEMA, WAY, flowing, task_of
from tests.support.mariadb_hosts import MariaMove, a_maria_move

BY = MariadbBeside()


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaMove]:
    with a_maria_move(tmp_path_factory.mktemp("move")) as move:
        move.legacy.sql(SCHEMA)
        yield move


def compared(move: MariaMove, store: Path) -> BaseComparison:
    task = task_of(move)
    return BY.compare(
        "main-db", move.source, move.target, tenant=task.tenant, store=store, told=lambda *_: None
    )


def test_nothing_flows_nothing_is_compared(move: MariaMove, tmp_path: Path) -> None:
    """Two databases between which nothing flows are of no one moment, and that is said."""
    with pytest.raises(ComparisonError, match="no changes flow between"):
        compared(move, tmp_path / "store")


def test_running_writes_are_no_differences_and_a_planted_one_is(move: MariaMove, tmp_path: Path) -> None:
    """While somebody writes all rows agree; one changed on the site alone is named; the flow goes on."""
    stopped, written = threading.Event(), list[int]()

    def write() -> None:
        with move.legacy.client() as client, client.cursor() as cursor:
            while not stopped.is_set():
                cursor.execute("INSERT INTO t (was) VALUES ('neu')")
                cursor.execute("UPDATE t SET was = CONCAT('x', id) WHERE id = %s", (cursor.lastrowid,))
                written.append(1)

    with flowing(move) as task:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(5):
                before = len(written)
                found = compared(move, tmp_path / "store")
                assert found.agrees, found.different
                assert found.rows >= 4
                assert len(written) > before
        finally:
            stopped.set()
            writer.join()
        assert WAY.flow(task).state == "flowing"
        # What no log tells is seen where every row is read.
        move.site.sql("SET sql_log_bin = 0; UPDATE t SET was = 'heimlich' WHERE id = 1")
        found = compared(move, tmp_path / "another")
        assert [(one.name, [row.key for row in one.differing]) for one in found.different] == [("t", ["1"])]
        move.site.sql("SET sql_log_bin = 0; UPDATE t SET was = 'eins' WHERE id = 1")
