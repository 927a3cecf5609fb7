"""The base copy of a live move, between two real servers, while somebody writes all the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from migrate.connections import Hosts
from migrate.databases import query, site_database
from migrate.transfer import way
from migrate.transfer.contract import Copied, Task
from tests.support.live_copy import LIVE, Writer, done_items, settled_differences, task
from tests.support.moves import Move, Told, a_move

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
MORE = """
CREATE UNLOGGED TABLE "Pflege".fluechtig (id int PRIMARY KEY, was text);
INSERT INTO "Pflege".fluechtig SELECT n, 'x' || n FROM generate_series(1, 50) n;
CREATE TABLE "Pflege".nur_json (roh json);
INSERT INTO "Pflege".nur_json VALUES ('{"a":  1}');
CREATE TABLE "Pflege".nur_arrays (id int PRIMARY KEY, stufen "Pflege".stufe[], wo regclass, an int4range);
INSERT INTO "Pflege".nur_arrays VALUES (1, '{tief,hoch}', '"Pflege".eltern', '[1,5)');
CREATE TABLE "Pflege".leer_breit ();
CREATE MATERIALIZED VIEW "Pflege".zahlen_2 AS SELECT count(*) AS n FROM "Pflege".zahlen;
CREATE MATERIALIZED VIEW "Pflege".nie AS SELECT 1 AS n WITH NO DATA;
CREATE UNIQUE INDEX zahlen_stufe ON "Pflege".zahlen (stufe);
CREATE INDEX ON "Pflege".messung (wert);
CREATE STATISTICS "Pflege".zusammen ON name, stufe FROM "Pflege"."Bewohnerübersicht";
COMMENT ON CONSTRAINT kind_eltern_fkey ON "Pflege".kind IS 'Wer zu wem gehört';
CREATE TABLE "Pflege".baum (id int PRIMARY KEY, ueber int REFERENCES "Pflege".baum);
SELECT lo_create(70003);
"""
WRITES = [
    """INSERT INTO "Pflege"."Bewohnerübersicht" (name, stufe) VALUES ('neu', 'mittel')""",
    """UPDATE "Pflege"."Bewohnerübersicht" SET wert = coalesce(wert, 0) + 1 WHERE id % 50 = 1""",
    """INSERT INTO "Pflege".ohne_schluessel VALUES (now(), 'mehr')""",
    """UPDATE "Pflege".ohne_schluessel SET was = was || '!' WHERE length(was) < 6""",
    """DELETE FROM "Pflege".messung WHERE id = (SELECT min(id) FROM "Pflege".messung)""",
    """INSERT INTO "Pflege".messung SELECT 1000 + nextval('"Pflege".nummer'), '2025-01-20', 1.10""",
    """INSERT INTO "Pflege".eltern SELECT max(id) + 1 FROM "Pflege".eltern""",
    """INSERT INTO "Pflege".kind SELECT max(id) + 1, 1 FROM "Pflege".kind""",
]


@dataclass(frozen=True)
class Done:
    """A copy that was made while somebody wrote; tests go on from where the one before left it."""

    move: Move
    hosts: Hosts
    work: Task
    copied: Copied
    identities: list[tuple[object, ...]]
    """Of the source's tables, as they were before."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    with a_move(tmp_path_factory.mktemp("live")) as move, move.hosts() as hosts:
        move.legacy.psql("besa", HARD + MORE)
        # As a site's template has them: they belong to the superuser.
        move.site.psql("besa", "CREATE EXTENSION citext")
        move.site.psql("postgres", "ALTER SYSTEM SET max_wal_size = '3GB'")
        work, identities = task(move, hosts), identities_of(move)
        with Writer(move.legacy, "besa", WRITES):
            copied = LIVE.copy(work, Told())
        yield Done(move, hosts, work, copied, identities)


def identities_of(move: Move) -> list[tuple[object, ...]]:
    with move.legacy.connect("besa") as session:
        rows = b"SELECT oid, relreplident FROM pg_class WHERE relkind = 'r' ORDER BY 1"
        return session.execute(rows).fetchall()


def test_live_is_a_way() -> None:
    """A playbook's mode ``live`` finds it."""
    assert isinstance(way("postgresql", "live"), type(LIVE))


def test_every_relation_has_a_lane(done: Done) -> None:
    """Nothing is left out silently: each relation is counted in its lane, and every stage has its seconds."""
    assert done.copied.lanes == {
        "definition only": 2,
        "in the freeze": 2,
        "keyed": 8,
        "large objects": 3,
        "refreshed": 3,
        "sequence": 2,
        "tree": 1,
        "whole rows": 2,
    }
    assert list(done.copied.stages) == ["definitions", "rows", "keys", "rest"]
    assert Copied.model_validate_json(done.copied.model_dump_json()) == done.copied


def test_a_sequence_is_ahead_already_while_changes_flow(done: Done) -> None:
    """Before the freeze sets them exactly, sequences that are in use are ahead by a margin."""
    position = b"""SELECT last_value, is_called FROM "Pflege".nummer"""
    with done.move.legacy.connect("besa") as legacy, done.move.site.connect("besa") as site:
        ((before, _),), ((after, is_called),) = (one.execute(position).fetchall() for one in (legacy, site))
    # It was drawn from after the margin was added, too.
    assert int(str(after)) > 1000
    assert is_called
    assert int(str(before)) > 7


def test_the_site_server_is_tuned_only_while_it_loads(done: Done) -> None:
    """Settings made for loading are gone afterwards; one that the site had of its own is back."""
    with done.move.site.connect("besa") as session:
        own = b"SELECT name, setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'"
        assert session.execute(own).fetchall() == [("max_wal_size", "3GB")]


def test_the_application_reads_and_writes_rows_and_nothing_else(done: Done) -> None:
    """The site's roles have what they would have after a bulk move; all is the owner's."""
    with site_database(done.hosts, role="application").opened() as app:
        app.execute("""SELECT nextval('"Pflege".nummer')""")
        app.execute("""SELECT * FROM "Pflege".zahlen_2""")
        assert app.execute("SELECT lo_get(70001)").fetchone() == (b"ein grosses Objekt",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("""CREATE TABLE "Pflege".eigene (id int)""")
    with done.work.target.opened() as session:
        owners = session.execute(
            "SELECT relowner::regrole::text FROM pg_class WHERE relnamespace = '\"Pflege\"'::regnamespace "
            "UNION SELECT lomowner::regrole::text FROM pg_largeobject_metadata "
            "UNION SELECT stxowner::regrole::text FROM pg_statistic_ext"
        ).fetchall()
    assert owners == [("app_owner",)]


def test_passwords_are_nowhere_but_in_files_of_the_job(done: Done) -> None:
    """No password stands in a log of either server, or stays on the site's host."""
    for host in (done.move.legacy, done.move.site):
        log = (host.folder / "pg.log").read_text()
        assert not [p for p in (done.move.legacy, done.move.site) if p.superuser_password in log]
    assert [path for path in (done.move.site.folder / ".bascule").rglob("*") if path.is_file()] == []


def test_a_repeat_copies_nothing_again(done: Done) -> None:
    """A copy that is complete is read, not made; also for another attempt of the phase."""
    before = done_items(done.move)

    again = LIVE.copy(task(done.move, done.hosts, "replication-2"), told := Told())

    assert (again, told.lines) == (done.copied, [])
    assert done_items(done.move) == before


def test_production_goes_on_and_everything_arrives(done: Done) -> None:
    """
    Publishing tables without a key does not make the customer's updates fail; all that was written since
    the copy began arrives, and nothing differs: rows, definitions, sequences, large objects.
    """
    with done.move.legacy.connect("besa") as session:
        session.execute("""UPDATE "Pflege".ohne_schluessel SET was = 'anders' WHERE was LIKE 'gleich%'""")
        session.execute("""DELETE FROM "Pflege".ohne_schluessel WHERE was = 'mehr'""")
        session.execute("""UPDATE "Pflege".nur_json SET roh = '{"b": 2}'""")
        session.execute("""DELETE FROM "Pflege".fluechtig WHERE id < 10""")
    assert settled_differences(done.work) == []


def test_statistics_are_there_before_the_freeze(done: Done) -> None:
    """Catching up has gathered them, of partitioned tables and filled views too: nobody plans badly then."""
    lacking = query("live_unanalysed")
    with done.work.target.opened() as session:
        assert session.execute(lacking).fetchall() == []
        session.execute("CREATE TABLE public.neu AS SELECT 1")
        assert session.execute(lacking).fetchall() == [("public", "neu")]
        session.execute("DROP TABLE public.neu")


def test_emptying_takes_everything_back_on_both_sides(done: Done) -> None:
    """A move that is given up leaves the source as it was found, and the site with what it had."""
    move = done.move
    assert identities_of(move) != done.identities

    LIVE.empty(done.work)
    LIVE.empty(done.work)

    assert identities_of(move) == done.identities
    for host in (move.legacy, move.site):
        with host.connect("besa") as session:
            for left in (
                "SELECT slot_name FROM pg_replication_slots",
                "SELECT pubname FROM pg_publication",
                "SELECT subname FROM pg_subscription",
                "SELECT nspname FROM pg_namespace WHERE nspname = 'bascule'",
                "SELECT rolname FROM pg_roles WHERE rolname LIKE 'bascule%'",
            ):
                assert session.execute(left.encode()).fetchall() == []
    with move.site.connect("besa") as session:
        assert session.execute("SELECT oid FROM pg_largeobject_metadata").fetchall() == []
        assert session.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'Pflege'").fetchall() == []
    assert list((move.site.folder / ".bascule" / "jobs").iterdir()) == []
