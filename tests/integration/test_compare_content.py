"""The comparison finds every planted difference in rows, and none where there is none."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.compare.run import compare
from migrate.databases import Database
from migrate.errors import ComparisonError
from tests.support.compared import TABLE, compared_host, copy, told, two_sides
from tests.support.private_hosts import PrivateHost

PAGILA = Path(__file__).parents[3] / "shared" / "data" / "pagila.sql.gz"

PLANTED = {
    "one changed character": (
        f"UPDATE {TABLE} SET name = 'Zoe 77' WHERE id = 77",
        "Pflege.Bewohnerübersicht: changed (77)",
    ),
    "a lost row": (f"DELETE FROM {TABLE} WHERE id = 5", "Pflege.Bewohnerübersicht: missing (5)"),
    "an extra row": ('INSERT INTO "Pflege".eltern VALUES (9)', "Pflege.eltern: extra (9)"),
    "a duplicate without a key": (
        "INSERT INTO \"Pflege\".ohne_schluessel VALUES ('2025-01-01', 'gleich')",
        "Pflege.ohne_schluessel: extra",
    ),
    "a truncated text": (
        "UPDATE \"Pflege\".ohne_schluessel SET was = 'gleic' WHERE ctid = '(0,1)'",
        "Pflege.ohne_schluessel: ",
    ),
    "minus zero made zero": (
        f"UPDATE {TABLE} SET wert = 0 WHERE id = 2",
        "Pflege.Bewohnerübersicht: changed (2)",
    ),
    "a moment an hour off": (
        f"UPDATE {TABLE} SET um = um + interval '1 hour' WHERE id = 3",
        "Pflege.Bewohnerübersicht: changed (3)",
    ),
    "a number's lost zero": (
        f"UPDATE {TABLE} SET marken = ARRAY['x', '', 'ü4'] WHERE id = 4",
        "Pflege.Bewohnerübersicht: changed (4)",
    ),
    "a row in one leaf": (
        'UPDATE "Pflege".messung SET wert = wert + 0.01 WHERE id = 100',
        "Pflege.messung_b: changed (100,2025-02-11)",
    ),
    "a stale materialised view": (
        f"CREATE TEMP TABLE kept AS SELECT id, stufe FROM {TABLE}; UPDATE {TABLE} SET stufe = 'hoch';"
        'REFRESH MATERIALIZED VIEW "Pflege".zahlen;'
        f"UPDATE {TABLE} t SET stufe = kept.stufe FROM kept WHERE kept.id = t.id",
        "Pflege.zahlen: ",
    ),
    "a trailing space": (
        "UPDATE \"Pflege\".werte SET gross = gross || ' ' WHERE id = 1",
        "Pflege.werte: changed (1)",
    ),
    "another normal form of the same letters": (
        "UPDATE \"Pflege\".werte SET gross = U&'Zo\\00EB' WHERE id = 3",
        "Pflege.werte: changed (3)",
    ),
    "one character in megabytes": (
        "UPDATE \"Pflege\".werte SET gross = overlay(gross placing 'x' from 2000000) WHERE id = 40",
        "Pflege.werte: changed (40)",
    ),
    "one bit of a picture": (
        'UPDATE "Pflege".werte SET roh = set_bit(roh, 7000000, 1 - get_bit(roh, 7000000)) WHERE id = 40',
        "Pflege.werte: changed (40)",
    ),
    "a number's scale": (
        'UPDATE "Pflege".werte SET genau = 1 WHERE id = 5',
        "Pflege.werte: changed (5)",
    ),
    "digits that a short print of a float hides": (
        'UPDATE "Pflege".nach_citext SET wert = wert::numeric(20, 5) WHERE wert < 0.02',
        "Pflege.nach_citext: changed",
    ),
    "not a number made null in an array": (
        'UPDATE "Pflege".werte SET viele[2] = NULL WHERE id = 7',
        "Pflege.werte: changed (7)",
    ),
    "minus zero made zero in an array": (
        'UPDATE "Pflege".werte SET viele[3] = 0 WHERE id = 8',
        "Pflege.werte: changed (8)",
    ),
    "an empty text for null": (
        "UPDATE \"Pflege\".nur_eindeutig SET was = '' WHERE nr = 3",
        "Pflege.nur_eindeutig: changed (3)",
    ),
    "a part of a composite": (
        "UPDATE \"Pflege\".werte SET orte[1].ort = '' WHERE id = 9",
        "Pflege.werte: changed (9)",
    ),
    "upper case where case is no difference": (
        "UPDATE \"Pflege\".nach_citext SET name = lower(name::text) WHERE name = 'Bö1'",
        "Pflege.nach_citext: missing (Bö1)",
    ),
    "a row of a parent table": (
        'SET session_replication_role = replica; DELETE FROM ONLY "Pflege".eltern WHERE id = 1',
        "Pflege.eltern: missing (1)",
    ),
    "a row of an heir": ('DELETE FROM "Pflege".nachkomme WHERE id = 70', "Pflege.nachkomme: missing (70)"),
    "a name with a dot": (
        'UPDATE "Pflege"."mit.Punkt" SET "{x}" = \'x\' WHERE "anteil %" = 0.25',
        'Pflege."mit.Punkt": changed (0.25',
    ),
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with compared_host(tmp_path_factory.mktemp("compare")) as host:
        yield host


@pytest.fixture
def sides(host: PrivateHost) -> Iterator[tuple[Database, Database]]:
    with two_sides(host) as sides:
        yield sides


def counted(host: PrivateHost, dbname: str) -> int:
    """Every row of the tenant's, counted one table after the other."""
    with host.connect(dbname) as session:
        tables = session.execute(
            "SELECT CASE relkind WHEN 'r' THEN 'ONLY ' ELSE '' END || c.oid::regclass FROM pg_class c"
            " WHERE relkind IN ('r', 'm') AND relispopulated AND relnamespace = '\"Pflege\"'::regnamespace"
        ).fetchall()
        rows = [session.execute(f"SELECT count(*) FROM {table}").fetchone() for (table,) in tables]
    return sum(int(str(row[0])) for row in rows if row)


def test_a_faithful_copy_agrees(host: PrivateHost, sides: tuple[Database, Database]) -> None:
    """Encodings, floats, zones, json, arrays, partitions, large objects: no false alarm."""
    found = compare("pflege", *sides)
    assert told(found) == []
    assert found.agrees
    assert found.rows == counted(host, "source")
    assert found.large_objects == 4
    assert found.sequences == 5
    assert found.definitions > 150
    assert found.not_compared == ("Pflege.nie_gefuellt: a materialised view that was never filled",)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_difference_is_found(
    fault: str, host: PrivateHost, sides: tuple[Database, Database]
) -> None:
    """Whatever is changed on one side only is found and named."""
    statement, named = PLANTED[fault]
    host.psql("target", statement)
    found = compare("pflege", *sides)
    assert not found.agrees
    assert any(line.startswith(named) for line in told(found)), told(found)


def test_views_that_legacy_filled_long_ago_are_said_and_no_difference(host: PrivateHost) -> None:
    """A stale view, one made from it, one with the time of its filling: excused by their queries, listed."""
    made = (
        "CREATE TABLE notes (id int PRIMARY KEY, v text); INSERT INTO notes VALUES (1, '100 % {x}');"
        "CREATE MATERIALIZED VIEW counted AS"
        " SELECT count(*) AS n, max(v) AS \"v %\" FROM notes WHERE v LIKE '%{x}';"
        "CREATE MATERIALIZED VIEW from_it AS SELECT n + 1 AS more FROM counted;"
        "CREATE MATERIALIZED VIEW timed AS SELECT count(*) AS n, now() AS filled_at FROM notes;"
        "INSERT INTO notes VALUES (2, '2 {x}')"
    )
    fill = "; ".join(f"REFRESH MATERIALIZED VIEW {view}" for view in ("counted", "from_it", "timed"))
    with two_sides(host) as (_, target):
        host.psql("postgres", "DROP DATABASE IF EXISTS stale; CREATE DATABASE stale")
        host.psql("postgres", "DROP DATABASE target; CREATE DATABASE target")
        for dbname in ("stale", "target"):
            host.psql(dbname, made)
        host.psql("target", fill)
        source = Database("stale on compared", host.endpoint("stale"), target.through)

        found = compare("notes", source, target)

        assert found.agrees, told(found)
        older = (
            "a materialised view filled from older rows on the side that is left;"
            " the other's is what its query gives"
        )
        assert found.not_compared == (
            f"public.counted: {older}",
            f"public.from_it: {older}",
            "public.timed: a materialised view whose query gives other rows each time;"
            " compared as a definition",
        )

        # Rows of a table excuse nothing, and neither does another query.
        host.psql("target", "DELETE FROM notes WHERE id = 1; " + fill)
        assert told(compare("notes", source, target)) == ["public.notes: missing (1)"]
        host.psql("target", "INSERT INTO notes VALUES (1, '100 % {x}')")
        assert {line.split(":")[0] for line in told(compare("notes", source, target))} == {"public.counted"}
    host.psql("postgres", "DROP DATABASE stale")


def test_both_values_of_what_differs_are_kept_and_nothing_else(
    host: PrivateHost, sides: tuple[Database, Database]
) -> None:
    """Evidence lets a person judge a difference; a resident's other data stay in the databases."""
    host.psql("target", f"UPDATE {TABLE} SET name = 'Zoe 8' WHERE id = 8")
    found = compare("pflege", *sides)
    (row,) = found.differing_tables[0].differing
    assert [(value.column, value.source, value.target) for value in row.values] == [
        ("name", "Zoë 8", "Zoe 8")
    ]
    assert "Dorfstrasse" not in found.model_dump_json()


def test_an_empty_source_proves_nothing(host: PrivateHost, sides: tuple[Database, Database]) -> None:
    """Two databases without a table do not agree; there is nothing to agree on."""
    empty = Database("nothing", host.endpoint("postgres"), sides[0].through)
    with pytest.raises(ComparisonError, match="nothing holds no table"):
        compare("pflege", empty, empty)


def test_a_database_that_nobody_here_made_agrees_with_its_copy(
    host: PrivateHost, sides: tuple[Database, Database]
) -> None:
    """Pagila, copied by pg_dump, agrees; one changed film does not."""
    if not PAGILA.exists():
        pytest.skip(f"{PAGILA.name} is not beside this checkout; the comparison was not tried on it")
    host.psql("postgres", "CREATE DATABASE pagila; CREATE DATABASE pagila_copy;")
    host.psql("pagila", gzip.decompress(PAGILA.read_bytes()).decode())
    copy(host, "pagila", "pagila_copy")
    source = Database("pagila", host.endpoint("pagila"), sides[0].through)
    target = Database("copy", host.endpoint("pagila_copy"), sides[0].through)
    assert told(compare("pagila", source, target)) == []
    host.psql("pagila_copy", "UPDATE film SET title = 'X' WHERE film_id = 33")
    assert told(compare("pagila", source, target)) == ["public.film: changed (33)"]
