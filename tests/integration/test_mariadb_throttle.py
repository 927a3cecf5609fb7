"""A MariaDB's copy and comparison yield: to legacy's own work by themselves, and to a person who says so."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from migrate.compare.mariadb_beside import MariadbBeside
from migrate.compare.pacing import Care
from migrate.transfer.contract import Task
from migrate.waiting import wait_until
from provisioning.manifest import Throttle
from tests.support.mariadb_flow import SCHEMA, WAY, agree, task_of
from tests.support.mariadb_hosts import MariaMove, a_maria_move
from tests.support.moves import Told

OTHERS = "CREATE USER clerk@'%' IDENTIFIED BY 'p'; GRANT ALL PRIVILEGES ON *.* TO clerk@'%'"


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaMove]:
    with a_maria_move(tmp_path_factory.mktemp("throttle")) as move:
        move.legacy.sql(SCHEMA)
        move.legacy.sql(OTHERS)
        yield move


@pytest.fixture
def task(move: MariaMove) -> Iterator[Task]:
    task = replace(task_of(move), throttle=Throttle(active_sessions=1, at_least_ms=60_000))
    yield task
    WAY.empty(task)


class Meanwhile(Told):
    """A progress that does something once, when rows are copied and `when` holds."""

    def __init__(self, act: Callable[[], None], when: Callable[[], bool]) -> None:
        super().__init__()
        self._act, self._when, self._is_done = act, when, False

    def advance_to(self, done: float) -> None:
        if not self._is_done and self._when():
            self._is_done = True
            self._act()


@contextmanager
def clerks_at_work(move: MariaMove, sleeping: int, table: str = "") -> Iterator[None]:
    """So many sessions that do something, and one that lets nobody read a table, until `go_home`."""
    with ExitStack() as ended, ThreadPoolExecutor(max(sleeping, 1)) as threads:
        sessions = [move.legacy.client("clerk", "p") for _ in range(sleeping)]
        for session in sessions:
            threads.submit(_sleep, session)
        if table:
            holder = ended.enter_context(move.legacy.client("clerk", "p"))
            holder.cursor().execute(f"LOCK TABLES {table} WRITE")
        at_work = "SELECT count(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'"
        assert wait_until(lambda: move.legacy.sql(at_work) == [[str(sleeping)]], deadline_seconds=10)
        try:
            yield
        finally:
            go_home(move)


def _sleep(session: "pymysql.Connection[pymysql.cursors.Cursor]") -> None:
    with suppress(pymysql.MySQLError), session:
        session.cursor().execute("SELECT SLEEP(300)")


def go_home(move: MariaMove) -> None:
    move.legacy.sql("KILL USER clerk")


def test_the_copy_waits_while_legacy_is_busy_and_says_why(move: MariaMove, task: Task) -> None:
    """More sessions at work than the limit stop the reading; once they are gone it ends whole."""
    waits = "main-db: the copy waits: 2 sessions are at work on the source, limit 1"
    with clerks_at_work(move, 2, table="t"):
        told = Meanwhile(lambda: go_home(move), lambda: waits in told.lines)
        WAY.copy(task, told)
    assert [one for one in told.lines if "the copy" in one] == [waits, "main-db: the copy goes on"]
    assert agree(move, task)


def test_a_person_has_the_copy_wait(move: MariaMove, task: Task) -> None:
    """Paused while rows are read, with the reason in sight; resumed, it ends whole, and the flow begins."""
    seen = []

    def look_and_resume() -> None:
        seen.append(WAY.flow(task))
        WAY.resume(task)
        go_home(move)

    def paused_first() -> bool:
        if not any("paused: Mittag" in line for line in told.lines):
            WAY.pause(task, "Mittag")
            return False
        return True

    with clerks_at_work(move, 0, table="ohne"):
        told = Meanwhile(look_and_resume, paused_first)
        WAY.copy(task, told)

    assert [(one.state, one.says) for one in seen] == [("copying", "paused: Mittag")]
    assert WAY.flow(task).state == "flowing"
    assert agree(move, task)


def test_the_comparison_waits_while_legacy_is_busy(move: MariaMove, task: Task, tmp_path: Path) -> None:
    """Between two tables; what was read stays read."""
    WAY.copy(task, Told())
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        go_home(move)

    care = Care(limits=task.throttle, why_held=lambda: "", say=say)
    with clerks_at_work(move, 2):
        found = MariadbBeside().compare(
            "main-db", move.source, move.target, tenant=task.tenant, store=tmp_path / "c", care=care
        )
    assert found.agrees
    assert said == [
        "the comparison waits: 2 sessions are at work on the source, limit 1",
        "the comparison goes on",
    ]


def test_room_for_log_is_told(move: MariaMove, task: Task) -> None:
    """What is free where legacy keeps its log: how much longer the flow may stand still."""
    WAY.copy(task, Told())
    room = WAY.flow(task).room_bytes
    assert room is not None
    assert room > 1024**2
