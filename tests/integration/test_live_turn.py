"""Turning a flow round and round between two real servers: everything arrives, nothing runs in circles."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest

from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import let_go
from migrate.transfer.postgresql_live.sessions import both_at_work
from migrate.transfer.postgresql_live.settle import settle
from migrate.transfer.postgresql_live.stream import streams
from migrate.transfer.postgresql_live.turn import prepare_turn, turn, turn_back
from tests.support.live import LiveMove, Row, a_live_move
from tests.support.private_hosts import PrivateHost

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
MORE = """
CREATE SCHEMA app;
CREATE TABLE app.written (id bigint PRIMARY KEY, by text);
CREATE TABLE app.parent (id int PRIMARY KEY);
CREATE TABLE app.child (id int PRIMARY KEY, parent int REFERENCES app.parent ON DELETE CASCADE);
INSERT INTO app.parent VALUES (1), (2); INSERT INTO app.child VALUES (1, 1), (2, 2);
CREATE TABLE app.serial_one (id serial PRIMARY KEY, v text);
CREATE SEQUENCE app.never_drawn START 100;
CREATE UNLOGGED TABLE app.sessions (id int PRIMARY KEY, v text);
CREATE TABLE app.raw (was json);
CREATE MATERIALIZED VIEW app.totals AS SELECT by, count(*) FROM app.written GROUP BY 1;
CREATE MATERIALIZED VIEW app.a_total_of_totals AS SELECT sum(count) FROM app.totals;
CREATE MATERIALIZED VIEW app.not_filled AS SELECT 1 AS one WITH NO DATA;
SELECT lo_from_bytea(80000 + n, convert_to(repeat('x', n * 30), 'UTF8')) FROM generate_series(1, 300) n;
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMove]:
    with a_live_move(tmp_path_factory.mktemp("turn"), HARD + MORE) as live:
        yield live


@pytest.fixture
def live(servers: LiveMove) -> Iterator[LiveMove]:
    """Changes flow from legacy to the site, before each test and after it."""
    yield servers
    with both_at_work(servers.task) as ((source,), (target,)):
        flowing = streams(servers.task, source, target)
    if not flowing:
        switch(servers.task.turned())


@dataclass(frozen=True)
class Way:
    """A direction that changes flow in."""

    name: str
    task: Task
    source: PrivateHost
    target: PrivateHost


@pytest.fixture(params=["forward", "back"])
def way(request: pytest.FixtureRequest, live: LiveMove) -> Way:
    """Either direction; the tenant is at work on the source."""
    if request.param == "forward":
        return Way("forward", live.task, live.legacy, live.site)
    switch(live.task)
    return Way("back", live.task.turned(), live.site, live.legacy)


class Writer:
    """Writes as fast as it can, and knows what was acknowledged."""

    def __init__(self, host: PrivateHost, first: int) -> None:
        self.acknowledged: list[int] = []
        self._stop = Event()
        self._next = first
        self._session = host.connect("besa")
        self._thread = Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        while not self._stop.is_set():
            self._session.execute("INSERT INTO app.written VALUES (%s, 'writer')", (self._next,))
            self.acknowledged.append(self._next)
            self._next += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self._session.close()


def switch(task: Task) -> None:
    """What a cutover does of databases, either way round."""
    prepare_turn(task)
    drain(task, timeout_seconds=20)
    settle(task)
    turn(task, timeout_seconds=20)
    let_go(task)


def test_switch_rollback_and_switch_again_lose_nothing(live: LiveMove) -> None:
    """Under a writer, all that was acknowledged on either side is on both, however often the move turns."""
    acknowledged: list[int] = []
    for task, host in (
        (live.task, live.legacy),
        (live.task.turned(), live.site),
        (live.task, live.legacy),
    ):
        writer = Writer(host, first=max(acknowledged, default=0) + 1)
        prepare_turn(task)
        writer.stop()
        acknowledged += writer.acknowledged
        switch(task)

    for host in (live.legacy, live.site):
        assert [row[0] for row in live.rows(host, "SELECT id FROM app.written ORDER BY 1")] == acknowledged


WITHOUT_KEY = """SELECT * FROM "Pflege".ohne_schluessel ORDER BY 1, 2"""


def test_baselines_no_loop_although_version_15_knows_no_origin(live: LiveMove) -> None:
    """Rows without a key, written once on either side, are there once after four turns."""
    for task, host in ((live.task, live.legacy), (live.task.turned(), live.site)) * 2:
        live.do(host, """INSERT INTO "Pflege".ohne_schluessel VALUES (now(), 'einmal')""")
        switch(task)

    count = """SELECT count(*) FROM "Pflege".ohne_schluessel WHERE was = 'einmal'"""
    assert [live.rows(host, count) for host in (live.legacy, live.site)] == [[(4,)], [(4,)]]
    assert live.rows(live.legacy, WITHOUT_KEY) == live.rows(live.site, WITHOUT_KEY)


@pytest.mark.parametrize("prepared", [True, False])
def test_a_paused_flow_is_never_resumed_once_something_came_back(live: LiveMove, prepared: bool) -> None:
    """Turned and not let go of: nothing runs in circles, nor is it sent anew when the move turns again."""
    what = f"{prepared} paused"
    count = f"""SELECT count(*) FROM "Pflege".ohne_schluessel WHERE was = '{what}'"""
    prepare_turn(live.task)
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)
    live.do(live.site, f"""INSERT INTO "Pflege".ohne_schluessel VALUES (now(), '{what}')""")
    assert live.arrives(live.legacy, count, [(1,)])

    back = live.task.turned()
    if prepared:
        prepare_turn(back)
    drain(back, timeout_seconds=20)
    assert live.rows(live.site, count) == [(1,)]
    turn(back, timeout_seconds=20)

    drain(live.task, timeout_seconds=20)
    assert live.rows(live.site, count) == live.rows(live.legacy, count) == [(1,)]
    let_go(back)


def test_changes_of_every_kind_flow_back(live: LiveMove) -> None:
    """After the turn, inserts, updates and deletes of keyed, keyless and partitioned tables reach legacy."""
    switch(live.task)
    some = """SELECT min(ctid) FROM "Pflege".ohne_schluessel"""
    live.do(
        live.site,
        f"""UPDATE "Pflege".ohne_schluessel SET was = 'anders' WHERE ctid IN ({some})""",
        """DELETE FROM "Pflege".messung WHERE id < 10""",
        """INSERT INTO "Pflege".messung VALUES (9000, '2025-02-03', 1.5)""",
        """UPDATE "Pflege"."Bewohnerübersicht" SET name = 'Zoé' WHERE id = 1""",
        "DELETE FROM app.parent WHERE id = 1",
    )

    for statement in (
        WITHOUT_KEY,
        """SELECT * FROM "Pflege".messung ORDER BY 1, 2""",
        """SELECT id, name, doppelt FROM "Pflege"."Bewohnerübersicht" ORDER BY 1""",
        "SELECT * FROM app.child",
    ):
        assert live.arrives(live.legacy, statement, live.rows(live.site, statement)), statement


SEQUENCES = " UNION ALL ".join(
    f"SELECT last_value, is_called FROM {name}"
    for name in (
        "app.never_drawn",
        "app.serial_one_id_seq",
        '"Pflege".nummer',
        '"Pflege"."Bewohnerübersicht_id_seq"',
    )
)


def test_vitess_13685_15295_sequences_follow_either_way_unused_ones_too(live: LiveMove, way: Way) -> None:
    """Identity, serial and own sequences stand where they stood; one never drawn from gives its first."""
    live.do(
        way.source,
        f"ALTER SEQUENCE app.never_drawn RESTART {500 if way.name == 'forward' else 600}",
        "INSERT INTO app.serial_one (v) VALUES ('a'), ('b')",
        """SELECT nextval('"Pflege".nummer')""",
        """INSERT INTO "Pflege"."Bewohnerübersicht" (name) VALUES ('neu')""",
    )

    switch(way.task)

    assert live.rows(way.target, SEQUENCES) == live.rows(way.source, SEQUENCES)
    assert live.rows(way.target, "SELECT is_called FROM app.never_drawn") == [(False,)]
    # Were it behind, this would clash.
    live.do(way.target, "INSERT INTO app.serial_one (v) VALUES ('c')")


def with_what_was_noted(task: Task) -> None:
    """Switch without looking at all large objects once more."""
    drain(task, timeout_seconds=20)
    settle(task)
    turn(task, timeout_seconds=20)
    let_go(task)


OBJECTS = "SELECT oid::int, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1"


def test_pgcopydb_915_large_objects_follow_either_way(live: LiveMove, way: Way) -> None:
    """New, changed, cut and removed ones; a new one belongs to whom the others on that side belong to."""
    n = 1 if way.name == "forward" else 2
    prepare_turn(way.task)  # brings ahead what is there; what follows is for the freeze
    live.do(
        way.source,
        f"SELECT lo_from_bytea({91000 + n}, decode(repeat('00ff', 5000), 'hex'))",
        f"SELECT lo_put({91000 + n}, 100000, 'after a hole')",
        f"SELECT lo_create({92000 + n})",
        f"SELECT lo_put({80000 + n}, 5, 'new')",
        f"SELECT lo_truncate(lo_open({80100 + n}, 131072), 7)",
        f"SELECT lo_unlink({80200 + n})",
    )

    with_what_was_noted(way.task)

    assert live.rows(way.target, OBJECTS) == live.rows(way.source, OBJECTS)
    new = f"FROM pg_largeobject_metadata m WHERE oid = {91000 + n}"
    rights = live.rows(
        way.target,
        f"SELECT pg_get_userbyid(lomowner), (SELECT string_agg(privilege_type, ',' ORDER BY 1) FROM"
        f" aclexplode(lomacl) WHERE grantee::regrole::text = 'app_user') {new}",
    )
    assert rights == [("app_owner", "SELECT,UPDATE") if way.name == "forward" else ("postgres", None)]


def test_what_no_stream_carries_is_filled_anew(live: LiveMove, way: Way) -> None:
    """Unlogged tables, tables without key and equality, and views in the order in which they build."""
    live.do(
        way.source,
        "DELETE FROM app.sessions",
        f"INSERT INTO app.sessions SELECT n, '{way.name}' FROM generate_series(1, 50) n",
        """INSERT INTO app.raw VALUES ('{"a": 1, "a": 2}')""",
        f"INSERT INTO app.written VALUES ({10**9 if way.name == 'forward' else 2 * 10**9}, '{way.name}')",
        "REFRESH MATERIALIZED VIEW app.totals",
        "REFRESH MATERIALIZED VIEW app.a_total_of_totals",
    )

    switch(way.task)

    for statement in (
        "SELECT * FROM app.sessions ORDER BY 1",
        "SELECT was::text FROM app.raw",
        "SELECT * FROM app.totals ORDER BY 1",
        "SELECT * FROM app.a_total_of_totals",
    ):
        rows: list[Row] = live.rows(way.source, statement)
        assert rows
        assert live.rows(way.target, statement) == rows, statement
    filled = "SELECT relispopulated FROM pg_class WHERE relname = 'not_filled'"
    assert live.rows(way.target, filled) == [(False,)]


def test_turned_back_the_flow_goes_on_where_it_stood(live: LiveMove) -> None:
    """A cutover that is undone leaves the flow as it was: what legacy writes meanwhile arrives, once."""
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)
    live.do(live.legacy, """INSERT INTO "Pflege".ohne_schluessel VALUES (now(), 'while turned')""")

    turn_back(live.task)
    turn_back(live.task)  # an undo may be repeated

    here = """SELECT count(*) FROM "Pflege".ohne_schluessel WHERE was = 'while turned'"""
    assert live.arrives(live.site, here, [(1,)])
    switch(live.task)
    assert live.rows(live.site, here) == live.rows(live.legacy, here) == [(1,)]
