"""
A live base copy for tests: the task, a writer that never stops, and ways of standing still in the middle.

Promise: what a test waits for is an event on the servers; `Writer` knows every row that it was promised.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import psycopg

from migrate.compare.run import compare
from migrate.connections import Hosts
from migrate.databases import Database, Session, legacy_database
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import PostgresqlLive
from migrate.transfer.postgresql_live.stream import Stream, publish
from tests.support.moves import Move, Told
from tests.support.private_hosts import PrivateHost

LIVE = PostgresqlLive()


def task(move: Move, hosts: Hosts, attempt: str = "replication-1") -> Task:
    """From legacy to the site, whose superuser stands in for its mover."""
    (database,) = move.manifest.legacy.databases
    # Each use opens its own session: these tests restart servers.
    target = Database(f"{move.dbname} on site", move.site.endpoint(move.dbname), hosts.target())
    return Task(
        name=database.name,
        attempt=attempt,
        source=replace(legacy_database(hosts, database), kept=None),
        target=target,
        owner="app_owner",
        application="app_user",
        tenant="alpenblick",
    )


def settled_differences(work: Task, live: PostgresqlLive = LIVE) -> list[str]:
    """
    What the comparison finds once nobody writes any more, a line each.

    The source's materialised views are filled anew first: the site's are, from rows that came since.
    """
    with work.source.opened() as source:
        views = source.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'm' AND relispopulated ORDER BY oid"
        )
        for (view,) in views.fetchall():
            source.execute(f"REFRESH MATERIALIZED VIEW {view}".encode())
    live.catch_up(work, Told(), within_seconds=5, timeout_seconds=30)
    live.drain(work, timeout_seconds=30)
    live.settle(work)
    found = compare(work.name, work.source, work.target, target_role=work.owner)
    assert found.tables
    return [table.name for table in found.differing_tables] + [
        f"{one.kind} {one.name}: {one.source} / {one.target}" for one in found.differences
    ]


class Writer:
    """An application at work: does `statements` in turn, each by itself, until it is left."""

    def __init__(self, host: PrivateHost, dbname: str, statements: list[str]) -> None:
        self._host, self._dbname, self._statements = host, dbname, statements
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._has_written = threading.Event()
        self.error: psycopg.Error | None = None

    def __enter__(self) -> "Writer":
        self._thread.start()
        assert self._has_written.wait(20) or self.error, "it never came to write"
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join(timeout=20)
        assert self.error is None, self.error

    def _write(self) -> None:
        try:
            with self._host.connect(self._dbname) as session:
                while not self._stop.wait(0.003):
                    for statement in self._statements:
                        session.execute(statement.encode())
                    self._has_written.set()
        except psycopg.Error as error:
            self.error = error


class Meanwhile(Told):
    """A progress that does something once, when the copy tells how far it is and `when` holds."""

    def __init__(self, act: Callable[[], None], when: Callable[[], bool]) -> None:
        super().__init__()
        self._act, self._when, self.is_done = act, when, False
        self._stage = ""

    def start(self, what: str, total: float | None, unit: str) -> None:
        super().start(what, total, unit)
        self._stage = what

    def advance_to(self, done: float) -> None:
        if not self.is_done and "base copy" in self._stage and self._when():
            self.is_done = True
            self._act()


@contextmanager
def standing_still_at(move: Move, table: str) -> Iterator[None]:
    """Let the base copy do everything but one table, which somebody on the site holds, until this is left."""
    held: list[psycopg.Connection[tuple[object, ...]]] = []

    def then_hold(stream: Stream, publisher: Session, subscriber: Session) -> None:
        publish(stream, publisher, subscriber)
        if not held:
            held.append(move.site.connect(move.dbname))
            held[0].execute(f"BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE".encode())

    try:
        with patch("migrate.transfer.postgresql_live.base_copy.publish", then_hold):
            yield
    finally:
        for session in held:
            session.close()


def let_go(move: Move) -> None:
    """End whoever stands in the way on the site."""
    move.site.psql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'",
    )


def done_items(move: Move) -> dict[str, tuple[int, object]]:
    """Which items of the copy are done, under which stream, and when."""
    with move.site.connect(move.dbname) as session:
        rows = session.execute("SELECT item, stream, at FROM bascule.done").fetchall()
    return {str(item): (int(str(stream)), at) for item, stream, at in rows}
