"""What is read of the catalogues before the fence is read again exactly where it changed since."""

from collections.abc import Iterator

import pytest

from migrate.databases import Session, query
from migrate.fence import FENCES
from tests.support.flowing import Flowing, flowing

SCHEMA = """
CREATE EXTENSION citext;
CREATE TABLE bewohner (id int PRIMARY KEY, name text);
CREATE TABLE zimmer (id int PRIMARY KEY, bewohner int CONSTRAINT wohnt REFERENCES bewohner);
CREATE INDEX namen ON bewohner (name);
CREATE VIEW alle AS SELECT * FROM bewohner;
CREATE MATERIALIZED VIEW gezaehlt AS SELECT count(*) FROM bewohner;
CREATE TYPE stufe AS ENUM ('eins', 'zwei');
CREATE SEQUENCE nummer;
CREATE FUNCTION doppelt(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
CREATE FUNCTION merken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER merkt BEFORE UPDATE ON bewohner FOR EACH ROW EXECUTE PROCEDURE merken();
"""
DEFINING = [
    "CREATE SCHEMA pflege",
    "DROP EXTENSION citext",
    "CREATE TABLE neu (id int)",
    "ALTER TABLE bewohner ADD geboren date",
    "ALTER TABLE bewohner RENAME TO personen",
    "ALTER TABLE bewohner ALTER name SET NOT NULL",
    "ALTER TABLE bewohner ALTER name SET DEFAULT 'unbekannt'",
    "ALTER TABLE bewohner ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE bewohner SET (fillfactor = 70)",
    "CREATE POLICY eigene ON bewohner USING (true)",
    "DROP INDEX namen",
    "ALTER TABLE zimmer DROP CONSTRAINT wohnt",
    "ALTER TABLE bewohner DISABLE TRIGGER merkt",
    "CREATE RULE stumm AS ON DELETE TO bewohner DO INSTEAD NOTHING",
    "CREATE OR REPLACE VIEW alle AS SELECT id, name FROM bewohner WHERE id > 0",
    "REFRESH MATERIALIZED VIEW gezaehlt WITH NO DATA",
    "ALTER TYPE stufe RENAME VALUE 'eins' TO 'erste'",
    "ALTER SEQUENCE nummer INCREMENT 5",
    "CREATE OR REPLACE FUNCTION doppelt(n int) RETURNS int LANGUAGE sql AS 'SELECT 3 * n'",
    "CREATE STATISTICS beide ON id, name FROM bewohner",
    "COMMENT ON TABLE bewohner IS 'anders'",
    "CREATE FUNCTION wach() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
    "CREATE EVENT TRIGGER wacht ON ddl_command_end EXECUTE PROCEDURE wach()",
]
GRANTING = [
    "GRANT SELECT ON bewohner TO PUBLIC",
    "GRANT SELECT (name) ON bewohner TO PUBLIC",
    "GRANT USAGE ON SEQUENCE nummer TO PUBLIC",
    "GRANT CREATE ON SCHEMA public TO pg_monitor",
    "REVOKE EXECUTE ON FUNCTION doppelt FROM PUBLIC",
    "REVOKE USAGE ON TYPE stufe FROM PUBLIC",
    "ALTER TABLE bewohner OWNER TO pg_monitor",
    "SELECT lo_create(0)",
]
RESTING = [
    "INSERT INTO bewohner VALUES (1, 'Anna')",
    "SELECT nextval('nummer')",
    "ANALYZE",
    "REFRESH MATERIALIZED VIEW gezaehlt",
]


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flowing]:
    with flowing(tmp_path_factory.mktemp("versions"), SCHEMA) as flow:
        yield flow


@pytest.fixture
def session(flow: Flowing) -> Iterator[Session]:
    with flow.source.opened() as session:
        session.execute("SET search_path = public")
        yield session


def versions(session: Session) -> tuple[str, str]:
    """Of the definitions, and of the rights."""
    ((definitions, rights),) = session.execute(query("compare_catalogue_version")).fetchall()
    return definitions, rights


def after(session: Session, statement: str) -> tuple[str, str]:
    """As a statement leaves them, which is taken back."""
    with session.transaction(force_rollback=True):
        session.execute(statement.encode())
        return versions(session)


@pytest.mark.parametrize("statement", DEFINING)
def test_a_definition_that_changed_is_read_again(session: Session, statement: str) -> None:
    """Whatever is compared as a definition changes the version that tells whether to read it anew."""
    assert after(session, statement)[0] != versions(session)[0]


@pytest.mark.parametrize("statement", GRANTING)
def test_rights_that_changed_are_read_again(session: Session, statement: str) -> None:
    """Owners, grants and large objects change the version of the rights."""
    assert after(session, statement)[1] != versions(session)[1]


@pytest.mark.parametrize("statement", RESTING)
def test_work_with_rows_changes_neither(session: Session, statement: str) -> None:
    """Rows, sequences, statistics and refreshes are no reason to read a catalogue anew."""
    assert after(session, statement) == versions(session)


def test_a_fence_takes_rights_and_changes_no_definition(flow: Flowing, session: Session) -> None:
    """So the freeze need not read the definitions that were read just before it."""
    fence = FENCES["postgresql"]
    before = versions(session)
    fence.fence(flow.source)
    try:
        with flow.source.opened() as inside:
            fenced = versions(inside)
    finally:
        fence.lift(flow.source)
    assert fenced[0] == before[0]
    assert fenced[1] != before[1]
