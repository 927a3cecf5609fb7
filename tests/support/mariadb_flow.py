"""
A small database that flows from one MariaDB server to another, for tests of what may happen to it.

Promise: what a test broke is taken back after it; a flow that is whole is left to the next test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from migrate.compare.mariadb import compare
from migrate.mariadb.replication import flow_name
from migrate.transfer.contract import Task
from migrate.transfer.mariadb_live import MariadbLive
from tests.support.mariadb_hosts import MariaMove
from tests.support.moves import Told

WAY = MariadbLive()
NAME = flow_name("alpenblick", "main-db")
SCHEMA = """
CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, was varchar(40));
CREATE TABLE ohne (a int, b float, was varchar(20));
INSERT INTO t (was) VALUES ('eins'), ('zwei');
INSERT INTO ohne VALUES (1, 2.33333333, 'x'), (1, 2.33333333, 'x');
CREATE DATABASE fremd; CREATE TABLE fremd.x (id int PRIMARY KEY)
"""


def task_of(move: MariaMove, attempt: str = "r-1") -> Task:
    sides: dict[str, Any] = {"source": move.source, "target": move.target}
    return Task(name="main-db", attempt=attempt, owner="", application="", tenant="alpenblick", **sides)


@contextmanager
def flowing(move: MariaMove) -> Iterator[Task]:
    """The flow, begun where there is none."""
    task = task_of(move)
    WAY.copy(task, Told())
    yield task
    if (WAY.flow(task).state, WAY.flow(task.turned()).state) != ("flowing", "absent"):
        WAY.empty(task)


def agree(move: MariaMove, task: Task) -> bool:
    """Whether both sides hold the same once everything was applied; fails telling what differs."""
    WAY.drain(task, timeout_seconds=20)
    WAY.settle(task)  # a number that was rolled back is not replicated
    found = compare("main-db", move.source, move.target)
    assert found.agrees, (found.differing_tables, found.differences)
    return True
