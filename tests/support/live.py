"""
A live move in small for tests: two real servers with the same rows, and changes that flow.

Promise: the flow is what the base copy would leave behind; the copy itself has tests of its own.
`dying_after` ends the operator after any statement that changes something, as a kill would, and
`happening_after` lets anything else happen there.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg import sql

from migrate.databases import Database, legacy_database
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import lanes
from migrate.transfer.postgresql_live.catalogue import remember
from migrate.transfer.postgresql_live.sessions import both_at_work
from migrate.transfer.postgresql_live.stream import new_stream, publish, reserve, subscribe
from migrate.waiting import wait_until
from tests.support.moves import Move, a_move
from tests.support.private_hosts import PrivateHost

Row = tuple[Any, ...]


@dataclass(frozen=True)
class LiveMove:
    """Both hosts, and the task from the one to the other."""

    move: Move
    task: Task

    @property
    def legacy(self) -> PrivateHost:
        return self.move.legacy

    @property
    def site(self) -> PrivateHost:
        return self.move.site

    def rows(self, host: PrivateHost, statement: str) -> list[Row]:
        """What a client of its own reads there."""
        with host.connect("besa") as session:
            return session.execute(statement.encode()).fetchall()

    def do(self, host: PrivateHost, *statements: str) -> None:
        with host.connect("besa") as session:
            for statement in statements:
                session.execute(statement.encode())

    def arrives(self, host: PrivateHost, statement: str, wanted: list[Row], seconds: float = 15) -> bool:
        """Whether a query comes to give these rows within the time."""
        with host.connect("besa") as session:
            text = statement.encode()
            return wait_until(
                lambda: session.execute(text).fetchall() == wanted,
                deadline_seconds=seconds,
                pace_seconds=0.01,
            )


@contextmanager
def a_live_move(base: Path, schema: str, begun: bool = True) -> Iterator[LiveMove]:
    """
    Start both hosts and load `schema` into either.

    Args:
        begun: Let changes flow from legacy to the site already.
    """
    with a_move(base) as move, move.hosts() as hosts:
        for host in (move.legacy, move.site):
            # A server starts a worker once in 5 s; tests turn a flow more often than people do.
            host.psql("postgres", "ALTER SYSTEM SET wal_retrieve_retry_interval = '10ms'")
            host.psql("postgres", "SELECT pg_reload_conf()")
            host.psql("besa", schema)
        source = legacy_database(hosts, move.manifest.legacy.databases[0])
        target = Database("besa on site", move.site.endpoint("besa"), hosts.target("prod"), hosts.sessions)
        live = LiveMove(
            move, Task("main-db", "r-1", source, target, "app_owner", "app_user", tenant="alpenblick")
        )
        if begun:
            begin(live.task)
        yield live


def begin(task: Task) -> None:
    """Let changes flow from now on, as after a base copy."""
    remember(task)
    with both_at_work(task) as ((source,), (target,)):
        relations = lanes.read(source)
        for relation in relations:
            if relation.wanted_identity:
                source.execute(
                    sql.SQL("ALTER TABLE {} REPLICA IDENTITY {}").format(
                        relation.identifier, sql.SQL(relation.wanted_identity)
                    )
                )
        flowing = [(r.schema, r.name) for r in relations if r.lane in lanes.FLOWING]
        stream = new_stream(task, flowing)
        publish(stream, source, target)
        reserve(stream, source)
        subscribe(stream, source, target)


class Killed(BaseException):
    """The operator's process ends here; nothing of it cleans up what lies on servers."""


_LOOKS = ("SELECT", "SHOW", "SET ", "RESET", "DO $$", "WITH", "--", "DISCARD")
_ACTS = ("pg_create_logical", "pg_drop_repl", "setval", "lo_create", "emit_message")


def dying_after(count: int) -> AbstractContextManager[None]:
    """Let the operator die after so many statements that change something; `Killed` leaves the block then."""

    def die(text: str) -> None:
        raise Killed(text)

    return happening_after(count, die)


@contextmanager
def happening_after(count: int, act: Callable[[str], None]) -> Iterator[None]:
    """Do `act` once after so many statements of the operator that change something; it is given the last."""
    execute, left = psycopg.Cursor.execute, count

    def counted(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        text = query.as_string(None) if isinstance(query, sql.Composable) else query
        text = text.decode() if isinstance(text, bytes) else text
        done = execute(self, query, *args, **kwargs)
        if not text.startswith(_LOOKS) or any(act in text for act in _ACTS):
            left -= 1
            if left == 0:
                act(text)
        return done

    with patch.object(psycopg.Cursor, "execute", counted):
        yield
