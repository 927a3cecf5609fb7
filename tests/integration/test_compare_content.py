"""The comparison finds every planted difference, and none where there is none."""

import gzip
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from migrate.compare.run import compare
from migrate.compare.verdict import DatabaseComparison
from migrate.connections import connect
from migrate.databases import Database
from migrate.errors import ComparisonError
from tests.support.private_hosts import BINARIES, PrivateHost, private_host

PAGILA = Path(__file__).parents[3] / "shared" / "data" / "pagila.sql.gz"

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()

TABLE = '"Pflege"."Bewohnerübersicht"'

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
        f'DELETE FROM {TABLE} WHERE id = 6; REFRESH MATERIALIZED VIEW "Pflege".zahlen',
        "Pflege.zahlen: ",
    ),
    "a lost large object": ("SELECT lo_unlink(70002)", "large object 70002"),
    "a changed large object": ("SELECT lo_put(70001, 0, 'E')", "large object 70001"),
    "a missing index": ('DROP INDEX "Pflege".nach_name', 'index "Pflege"."Bewohnerübersicht" nach_name'),
    "a cascade rule changed": (
        'ALTER TABLE "Pflege".kind DROP CONSTRAINT kind_eltern_fkey,'
        ' ADD CONSTRAINT kind_eltern_fkey FOREIGN KEY (eltern) REFERENCES "Pflege".eltern',
        'constraint "Pflege".kind kind_eltern_fkey',
    ),
    "a constraint not validated": (
        'ALTER TABLE "Pflege".kind DROP CONSTRAINT kind_eltern_fkey, ADD CONSTRAINT kind_eltern_fkey'
        ' FOREIGN KEY (eltern) REFERENCES "Pflege".eltern ON DELETE CASCADE NOT VALID',
        'constraint "Pflege".kind kind_eltern_fkey',
    ),
    "a sequence one behind": (
        "SELECT setval('\"Pflege\".nummer', 6)",
        "sequence value Pflege.nummer",
    ),
    "a sequence never drawn from": (
        "SELECT setval('\"Pflege\".nummer', 7, false)",
        "sequence value Pflege.nummer",
    ),
    "a trigger switched off": (
        'ALTER TABLE "Pflege".kind DISABLE TRIGGER merke',
        'trigger "Pflege".kind merke',
    ),
    "a function's body": (
        "CREATE OR REPLACE FUNCTION \"Pflege\".f(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 2'",
        'function "Pflege".f(n integer)',
    ),
    "a lost default": (
        f"ALTER TABLE {TABLE} ALTER name DROP NOT NULL",
        'column "Pflege"."Bewohnerübersicht".name',
    ),
    "a lost comment": (f"COMMENT ON TABLE {TABLE} IS NULL", 'comment table "Pflege"."Bewohnerübersicht"'),
    "a lost table": ('DROP TABLE "Pflege".leer', 'table "Pflege".leer'),
    "an extension too many": ("CREATE EXTENSION pg_trgm", "extension pg_trgm"),
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    """One host with a source database and its copy, from which tests take copies of their own."""
    with private_host("compared", tmp_path_factory.mktemp("compare")) as host:
        host.psql("postgres", "CREATE DATABASE source; CREATE DATABASE model;")
        host.psql("source", HARD)
        copy(host, "source", "model")
        yield host


def copy(host: PrivateHost, source: str, target: str) -> None:
    """Copy a database as pg_dump sees it."""
    environment = {"PGPASSWORD": host.superuser_password, "PATH": "/usr/bin:/bin"}
    dump = subprocess.run(
        [BINARIES / "pg_dump", host.local(source)], env=environment, check=True, capture_output=True
    )
    host.psql(target, dump.stdout.decode())


@pytest.fixture
def sides(host: PrivateHost) -> Iterator[tuple[Database, Database]]:
    """Source, and a fresh copy that a test may change."""
    host.psql("postgres", "DROP DATABASE IF EXISTS target; CREATE DATABASE target TEMPLATE model;")
    with ExitStack() as stack:
        ssh = stack.enter_context(connect(host.ssh_config, host.alias))
        yield (
            Database("source on compared", host.endpoint("source"), ssh),
            Database("target on compared", host.endpoint("target"), ssh),
        )


def told(comparison: DatabaseComparison) -> list[str]:
    """Every difference in a line."""
    rows = [
        f"{table.name}: {row.kind} {row.key}"
        for table in comparison.differing_tables
        for row in table.differing
    ]
    return rows + [f"{difference.kind} {difference.name}" for difference in comparison.differences]


def test_a_faithful_copy_agrees(sides: tuple[Database, Database]) -> None:
    """Encodings, floats, zones, json, arrays, partitions, large objects: no false alarm."""
    found = compare("pflege", *sides)
    assert told(found) == []
    assert found.agrees
    assert found.rows == 500 + 10 + 300 + 1 + 1 + 3
    assert found.large_objects == 2
    assert found.sequences == 2
    assert found.definitions > 60


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
