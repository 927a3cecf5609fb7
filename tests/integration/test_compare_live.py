"""Every row is compared beside running work, in the freeze only what changed: the verdict is about all."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from migrate.compare import changes
from migrate.compare.frozen import SESSIONS, compare_changed
from migrate.compare.live import compare_live
from migrate.compare.verdict import BaseComparison, DatabaseComparison
from migrate.databases import Database
from migrate.errors import ComparisonError, ConnectionFailed
from migrate.waiting import wait_until
from tests.support.flowing import Flowing, flowing

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
MORE = """
CREATE TABLE viele (id int PRIMARY KEY, was text, geheimes_wort text);
INSERT INTO viele SELECT n, repeat(md5(n::text), 4), md5(n::text) FROM generate_series(1, 30000) n;
CREATE TABLE nach_text (k text PRIMARY KEY, n int);
INSERT INTO nach_text SELECT md5(n::text), n FROM generate_series(1, 3000) n;
ALTER TABLE "Pflege".ohne_schluessel REPLICA IDENTITY FULL;
CREATE UNLOGGED TABLE fluechtig (id int PRIMARY KEY, was text);
INSERT INTO fluechtig SELECT n, 'x' FROM generate_series(1, 50) n;
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flowing]:
    with flowing(tmp_path_factory.mktemp("live"), HARD + MORE) as flow:
        yield flow


@pytest.fixture
def store(flow: Flowing, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "compare.sqlite"
    # A server that is just coming back is waited for: what a test left on it must go.
    assert wait_until(lambda: all(map(_answers, (flow.source, flow.target))), deadline_seconds=30)
    changes.end("alpenblick", "besa", flow.source, flow.target)


def _answers(database: Database) -> bool:
    with suppress(ConnectionFailed), database.opened():
        return True
    return False


def live(flow: Flowing, store: Path, patience_seconds: float = 10.0) -> BaseComparison:
    return compare_live(
        "besa", flow.source, flow.target, tenant="alpenblick", store=store, patience_seconds=patience_seconds
    )


def frozen(flow: Flowing, store: Path) -> DatabaseComparison:
    """The verdict at the position that the drain tells."""
    with flow.source.opened_many(SESSIONS) as source, flow.target.opened_many(SESSIONS) as target:
        at, there = flow.drain()
        return compare_changed(store, source, target, name="besa", source_position=at, target_position=there)


def told(found: DatabaseComparison) -> list[str]:
    rows = [
        f"{table.name}: {row.kind} {row.key}" for table in found.differing_tables for row in table.differing
    ]
    return rows + [f"{difference.kind} {difference.name}" for difference in found.differences]


def test_base_then_changes_make_a_verdict_about_every_row(flow: Flowing, store: Path) -> None:
    """A faithful copy that was written to meanwhile agrees, and few of its rows were read in the freeze."""
    base = live(flow, store)
    assert base.agrees, base.different
    assert {t.name: t.way for t in base.tables}["public.viele"] == "ranges"
    flow.write(
        "UPDATE viele SET was = 'neu' WHERE id <= 300; DELETE FROM viele WHERE id BETWEEN 1000 AND 1009;"
        "INSERT INTO viele VALUES (100001, 'x', 'y'); UPDATE viele SET id = 100002 WHERE id = 2000;"
        'UPDATE "Pflege"."Bewohnerübersicht" SET punkte = 1.00 WHERE id = 7;'
        "INSERT INTO \"Pflege\".ohne_schluessel VALUES ('2026-01-01', 'neu')"
    )
    found = frozen(flow, store)
    assert told(found) == []
    assert found.agrees
    (viele,) = [t for t in found.tables if t.name == "public.viele"]
    assert (viele.source_rows, viele.target_rows, viele.changed_rows) == (29991, 29991, 313)
    assert found.rows == 29991 + 3000 + 500 + 11 + 300 + 1 + 1 + 3 + 50
    print(found.seconds)


def test_a_write_on_the_closed_target_is_found(flow: Flowing, store: Path) -> None:
    """Whoever writes on the target behind the replication's back after a row was compared is found."""
    live(flow, store)
    flow.tamper(
        "UPDATE viele SET was = was || ' ' WHERE id = 5000; DELETE FROM viele WHERE id = 5001;"
        "INSERT INTO viele VALUES (-1, 'zuviel')"
    )
    found = frozen(flow, store)
    assert told(found) == [
        "public.viele: extra (-1)",
        "public.viele: changed (5000)",
        "public.viele: missing (5001)",
    ]
    assert found.written_on_target == ("public.viele",)
    flow.tamper("DELETE FROM viele WHERE id IN (-1, 5000)")
    flow.write("UPDATE viele SET was = was WHERE id = 5000")  # nothing to update there: it stays missing
    still = live(flow, store, patience_seconds=1)
    assert [(r.name, [row.key for row in r.differing]) for r in still.different] == [
        ("public.viele", ["(5000)", "(5001)"])
    ]
    flow.tamper(
        "INSERT INTO viele SELECT n, repeat(md5(n::text), 4), md5(n::text) FROM generate_series(5000, 5001) n"
    )
    assert live(flow, store).agrees
    assert frozen(flow, store).agrees


def test_trap_22_both_values_of_a_difference_are_kept_but_no_secret(flow: Flowing, store: Path) -> None:
    """Pgcopydb 147: both values stand side by side; those of a column that names a secret are masked."""
    flow.tamper("UPDATE viele SET was = left(was, 100), geheimes_wort = 'x' WHERE id = 6000")
    (table,) = live(flow, store, patience_seconds=1).different
    (row,) = table.differing
    values = {value.column: (value.source, value.target) for value in row.values}
    assert values["geheimes_wort"] == ("(masked)", "(masked)")
    assert str(values["was"][0]).endswith("(128 characters)")
    assert str(values["was"][1]).endswith("(100 characters)")
    flow.tamper("UPDATE viele SET was = repeat(md5('6000'), 4), geheimes_wort = md5('6000') WHERE id = 6000")
    assert live(flow, store).agrees


def test_trap_9_a_row_that_is_on_its_way_is_no_difference(flow: Flowing, store: Path) -> None:
    """Ghostferry 217: a mismatch counts only when replication does not explain it after a while."""
    flow.tamper("ALTER SUBSCRIPTION bascule_test DISABLE")
    # Committed before the stream begins, so only the target's stream will ever tell of it.
    flow.write("UPDATE viele SET was = 'unterwegs' WHERE id = 7000")

    def told(_table: str, done: int, of: int) -> None:
        if done == of:  # every row was read once, and this one seen different
            flow.tamper("ALTER SUBSCRIPTION bascule_test ENABLE")

    base = compare_live(
        "besa", flow.source, flow.target, tenant="alpenblick", store=store, told=told, patience_seconds=60
    )
    assert base.agrees, base.different
    assert frozen(flow, store).agrees


def test_rows_that_never_rest_are_left_to_the_freeze_and_counted_exactly(flow: Flowing, store: Path) -> None:
    """Under a writer that inserts, deletes and updates all along, the verdict has every row and no other."""
    stop = threading.Event()

    def write() -> None:
        with flow.legacy.connect("besa") as session:
            for n in range(1_000_000):
                if stop.is_set():
                    return
                session.execute(
                    "WITH a AS (INSERT INTO nach_text VALUES (%s, 0)),"
                    " d AS (DELETE FROM nach_text WHERE k = %s)"
                    " UPDATE viele SET was = %s WHERE id = %s",
                    (f"neu {n}", f"neu {n - 3}", f"{n}", 1 + n % 500),
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        bases = [live(flow, store), live(flow, store)]
    finally:
        stop.set()
        writer.join()
    assert all(base.agrees for base in bases)
    found = frozen(flow, store)
    assert told(found) == []
    with flow.target.opened() as session:
        counted = {
            name: session.execute(f"SELECT count(*) FROM {name}").fetchone()
            for name in ("public.viele", "public.nach_text")
        }
    rows = {table.name: (table.target_rows,) for table in found.tables}
    assert {name: rows[name] for name in counted} == counted
    assert found.agrees
    assert found.compared_in_freeze
    # What rests again is closed, so that little is left to a freeze.
    assert live(flow, store).open_keys == 0


def test_what_has_no_rows_of_its_own_is_compared_in_the_freeze(flow: Flowing, store: Path) -> None:
    """Sequences, large objects, unlogged tables, views that are filled, definitions: none by the stream."""
    live(flow, store)
    faults = {
        "SELECT setval('\"Pflege\".nummer', 6)": "sequence value Pflege.nummer",
        "SELECT lo_put(70001, 0, 'E')": "large object 70001",
        "UPDATE fluechtig SET was = 'y' WHERE id = 9": "public.fluechtig: changed (9)",
        'DROP INDEX "Pflege".nach_name': 'index "Pflege"."Bewohnerübersicht" nach_name',
        "CREATE TABLE zuviel (n int); INSERT INTO zuviel VALUES (1)": "table public.zuviel",
        'TRUNCATE "Pflege".kind': "Pflege.kind: missing (1)",
    }
    for statement in faults:
        flow.tamper(statement)
    found = told(frozen(flow, store))
    assert [name for name in faults.values() if name not in found] == []
    flow.tamper(
        "SELECT setval('\"Pflege\".nummer', 7); SELECT lo_put(70001, 0, 'e'); DROP TABLE zuviel;"
        "UPDATE fluechtig SET was = 'x' WHERE id = 9;"
        'CREATE INDEX nach_name ON "Pflege"."Bewohnerübersicht" (name);'
        'INSERT INTO "Pflege".kind VALUES (1, 1)'
    )
    assert told(frozen(flow, store)) == []


def test_a_lost_stream_is_never_taken_for_silence(flow: Flowing, store: Path) -> None:
    """A slot that somebody dropped makes the freeze refuse, and the next base begin anew."""
    live(flow, store)
    stream = changes.stream_name("source", "alpenblick", "besa")
    flow.write(
        f"SELECT pg_drop_replication_slot('{stream}'); UPDATE viele SET was = 'verpasst' WHERE id = 8000"
    )
    with pytest.raises(ComparisonError, match="was lost"):
        frozen(flow, store)
    read: list[str] = []
    compare_live(
        "besa",
        flow.source,
        flow.target,
        tenant="alpenblick",
        store=store,
        told=lambda table, _done, _of: read.append(table),
    )
    assert "public.viele" in read
    assert frozen(flow, store).agrees


def test_it_leaves_nothing_behind(flow: Flowing, store: Path) -> None:
    """Slots and publications are gone from both sides, also when asked twice."""
    live(flow, store)
    for _ in range(2):
        changes.end("alpenblick", "besa", flow.source, flow.target)
    for database in (flow.source, flow.target):
        with database.opened() as session:
            left = session.execute(
                "SELECT slot_name FROM pg_replication_slots WHERE slot_name ~ '^bascule_[cw]_'"
                " UNION ALL SELECT pubname FROM pg_publication WHERE pubname ~ '^bascule_[cw]_'"
            ).fetchall()
        assert left == []
