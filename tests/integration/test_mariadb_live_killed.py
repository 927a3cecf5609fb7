"""A server, a log or the operator that goes away in the middle: the flow goes on, or says why it cannot."""

import signal
from collections.abc import Iterator

import pytest

from migrate.transfer.contract import Task
from migrate.waiting import wait_until
from tests.support.mariadb_flow import NAME, SCHEMA, WAY, agree, flowing, task_of
from tests.support.mariadb_hosts import MariaMove, MariaServer, a_maria_move
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


class Killed(Told):
    """Whoever tells it anything dies of it, as an operator's machine may at any time."""

    def start(self, what: str, total: float | None, unit: str) -> None:
        super().start(what, total, unit)
        raise KeyboardInterrupt


def test_copy_goes_on_without_the_operator(move: MariaMove) -> None:
    """Killed while rows are copied, Bascule attaches; where the schema changed since, it begins anew."""
    task, again, anew = task_of(move), Told(), Told()
    for told in (again, anew):
        with pytest.raises(KeyboardInterrupt):
            WAY.copy(task, Killed())
        if told is anew:
            move.legacy.sql("CREATE TABLE dazu (id int PRIMARY KEY); INSERT INTO dazu VALUES (1)")
        WAY.copy(task, told)
        assert agree(move, task)
        WAY.empty(task)
    move.legacy.sql("DROP TABLE dazu")

    assert again.lines == ["main-db: rows (attached)"]
    assert anew.lines == ["main-db: rows"]


@pytest.mark.parametrize("which", ["source", "target"])
def test_server_that_is_killed_loses_nothing(move: MariaMove, task: Task, which: str) -> None:
    """A killed server comes back and the flow goes on by itself or is put right, with every row once."""
    server: MariaServer = move.legacy if which == "source" else move.site
    move.legacy.sql("INSERT INTO t (was) SELECT was FROM t")
    server.stop(signal.SIGKILL)
    if which == "target":
        move.legacy.sql("INSERT INTO t (was) VALUES ('waehrenddessen')")
    server.start()
    move.legacy.sql("INSERT INTO t (was) VALUES ('danach')")
    if which == "target":
        # The filter is the server's memory alone: it is told, and put back before anything else is done.
        assert WAY.flow(task).state == "broken"
        assert "was restarted" in WAY.flow(task).says
    WAY.catch_up(task, Told(), within_seconds=10, timeout_seconds=30)
    move.legacy.sql(
        "INSERT INTO fremd.x VALUES (1) ON DUPLICATE KEY UPDATE id = 1; INSERT INTO t (was) VALUES ('x')"
    )

    assert WAY.flow(task).state == "flowing"
    assert agree(move, task)
    assert move.site.sql("SHOW DATABASES LIKE 'fremd'") == []


def test_log_lost_on_the_source_is_told(move: MariaMove, task: Task) -> None:
    """Trap "slot lost": a source that has purged what the target needs breaks the flow, and says so."""
    with move.target.opened() as there:
        there.run(f"STOP SLAVE '{NAME}'")
    move.legacy.sql("INSERT INTO t (was) VALUES ('verloren'); FLUSH BINARY LOGS")
    (current, *_) = move.legacy.sql("SHOW MASTER STATUS")[0]
    assert wait_until(
        lambda: (
            (move.legacy.sql(f"PURGE BINARY LOGS TO '{current}'") == [])
            and len(move.legacy.sql("SHOW BINARY LOGS")) == 1
        ),
        deadline_seconds=20,
    )
    with move.target.opened() as there:
        there.run(f"START SLAVE '{NAME}'")

    assert wait_until(lambda: WAY.flow(task).state == "broken", deadline_seconds=20)
    assert "binary log" in WAY.flow(task).says.lower()
