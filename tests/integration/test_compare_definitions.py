"""The comparison finds every planted difference in what is no row: definitions, sequences, large objects."""

from collections.abc import Iterator

import pytest

from migrate.compare.run import compare
from migrate.databases import Database
from tests.support.compared import TABLE, compared_host, told, two_sides
from tests.support.private_hosts import PrivateHost

PLANTED = {
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
    "an empty large object lost": ("SELECT lo_unlink(70003)", "large object 70003"),
    "a validated check": (
        'UPDATE "Pflege".buchung SET zimmer = 1;'
        'ALTER TABLE "Pflege".buchung VALIDATE CONSTRAINT zimmer_klein',
        'constraint "Pflege".buchung zimmer_klein',
    ),
    "row security switched off": (
        'ALTER TABLE "Pflege".buchung DISABLE ROW LEVEL SECURITY',
        'table "Pflege".buchung',
    ),
    "a foreign key switched off": (
        'ALTER TABLE "Pflege".kind DISABLE TRIGGER ALL',
        'constraint "Pflege".kind kind_eltern_fkey',
    ),
    "a view's check option": (
        'ALTER VIEW "Pflege".kleine RESET (check_option)',
        'view options "Pflege".kleine',
    ),
    "a view that is no barrier": (
        'ALTER VIEW "Pflege".kleine SET (security_barrier = false)',
        'view options "Pflege".kleine',
    ),
    "an extension in another schema": (
        'ALTER EXTENSION citext SET SCHEMA "Pflege"',
        "extension citext",
    ),
    "a storage parameter": ('ALTER TABLE "Pflege".buchung RESET (fillfactor)', 'table "Pflege".buchung'),
    "a column's comment": (
        'COMMENT ON COLUMN "Pflege".buchung.von IS NULL',
        'comment table column "Pflege".buchung.von',
    ),
    "a large object's comment": ("COMMENT ON LARGE OBJECT 70002 IS NULL", "comment large object 70002"),
    "a lost rule": ('DROP RULE still ON "Pflege".region_rest', 'rule "Pflege".region_rest still'),
    "statistics": ('DROP STATISTICS "Pflege".zusammen', 'statistics "Pflege".zusammen'),
    "an heir that is none any more": (
        'ALTER TABLE "Pflege".nachkomme NO INHERIT "Pflege".eltern',
        'inheritance "Pflege".nachkomme',
    ),
    "a descending sequence": (
        "SELECT setval('\"Pflege\".rueckwaerts', -4)",
        "sequence value Pflege.rueckwaerts",
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


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_difference_is_found(
    fault: str, host: PrivateHost, sides: tuple[Database, Database]
) -> None:
    """Whatever is defined otherwise on one side only is found and named."""
    statement, named = PLANTED[fault]
    host.psql("target", statement)
    found = compare("pflege", *sides)
    assert not found.agrees
    assert any(line.startswith(named) for line in told(found)), told(found)


def test_an_older_version_of_an_extension_is_no_difference(
    host: PrivateHost, sides: tuple[Database, Database]
) -> None:
    """A dump carries no version, so a site has its own server's: an older legacy would never agree."""
    host.psql("target", "UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'citext'")
    assert told(compare("pflege", *sides)) == []
