"""Assessing a real PostgreSQL server and a real tree of files, over real SSH."""

import os
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate.assess import Assessment, assess, measure
from migrate.assess.staleness import fingerprint_now
from migrate.case import Case
from migrate.errors import MigrationError
from migrate.waiting import wait_until
from tests.support.assessing import make_quick
from tests.support.moves import Move, Told, a_move

SCHEMA = """
CREATE SCHEMA rai;
CREATE TYPE rai.stufe AS ENUM ('a', 'b');
CREATE TABLE rai.bewohner (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, stufe rai.stufe,
    laenge int GENERATED ALWAYS AS (length(name)) STORED);
INSERT INTO rai.bewohner (name, stufe) SELECT 'Bewohnerin ' || n, 'a' FROM generate_series(1, 20000) n;
CREATE TABLE rai.protokoll (at timestamptz, was text);
INSERT INTO rai.protokoll SELECT '2026-01-01', 'x' FROM generate_series(1, 100);
CREATE UNLOGGED TABLE rai.zwischen (id int PRIMARY KEY);
CREATE VIEW rai.v AS SELECT id FROM rai.bewohner;
CREATE FUNCTION rai.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE EXTENSION pg_trgm;
SELECT lo_create(0) FROM generate_series(1, 3);
ANALYZE;
"""


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("assess")) as started:
        started.legacy.psql(started.dbname, SCHEMA)
        documents = started.legacy.folder / "documents"
        (documents / "sub").mkdir()
        (documents / "Käse.txt").write_text("gut")
        (documents / "sub" / "zwei\nZeilen.txt").write_text("odd")
        (documents / "sub" / "link").symlink_to("../Käse.txt")
        (documents / "sub" / "BRIEF.txt").write_text("a")
        (documents / "sub" / "Brief.txt").write_text("b")
        (documents / "sub" / "zwei.txt").hardlink_to(documents / "sub" / "Brief.txt")
        (documents / unicodedata.normalize("NFD", "Käse.txt")).write_text("apart")
        (documents / ("lang" * 40)).write_text("l")
        (documents / "programm").write_text("p")
        (documents / "programm").chmod(0o4755)
        os.utime(documents / "programm", (0, datetime(2003, 5, 6, tzinfo=UTC).timestamp()))
        (documents / os.fsdecode(b"latin-\xe9.txt")).write_bytes(b"older")
        yield started


@pytest.fixture(scope="module")
def found(move: Move) -> Assessment:
    with move.hosts() as hosts:
        return measure(Case(hosts.workspace, move.manifest), hosts, Told())


def test_database_is_measured(found: Assessment) -> None:
    """What is in the database is counted, the largest table first; objects of extensions are left out."""
    (database,) = found.databases
    assert str(database.tables[0]) == "rai.bewohner"
    assert database.tables[0].estimated_rows == 20000
    counts = database.counts
    assert (counts.views, counts.functions, counts.sequences, counts.large_objects) == (1, 1, 1, 3)
    assert counts.generated_columns == 1
    assert [extension.name for extension in database.extensions] == ["pg_trgm"]
    assert database.server.encoding == "UTF8"
    assert database.server.may_freeze


def test_files_are_counted_and_odd_names_told(found: Assessment) -> None:
    """Names with a line break or bytes that are no UTF-8 are found; an umlaut is not odd."""
    (tree,) = found.files
    assert (tree.count, tree.others, tree.odd_name_count) == (9, 1, 2)
    assert set(tree.odd_names) == {"documents/sub/zwei\\nZeilen.txt", "documents/latin-\\xe9.txt"}
    assert tree.bytes == len("gut") + len("odd") + len("older") + len("abb") + len("apart") + len("lp")


def test_names_and_rights_that_would_break_are_told(found: Assessment) -> None:
    """Twins but for case or accents, names too long, several names of one file, rights; oldest and newest."""
    (tree,) = found.files
    assert (tree.twin_count, tree.long_names, tree.hard_links, tree.privileged) == (4, 1, 2, 1)
    assert {unicodedata.normalize("NFC", name) for name in tree.twins} == {
        "Käse.txt",
        "sub/BRIEF.txt",
        "sub/Brief.txt",
    }
    assert tree.oldest_at == datetime(2003, 5, 6, tzinfo=UTC)
    assert tree.newest_at is not None
    assert datetime.now(UTC) - tree.newest_at < timedelta(hours=1)
    assert (tree.changed_last_day, tree.largest_bytes) == (8, len("apart"))
    by_id = {finding.id for finding in found.findings}
    assert {"file-names-alike", "file-names-long", "files-hard-linked", "files-privileged"} <= by_id


def test_findings_name_what_matters(found: Assessment) -> None:
    """Tables without a key, unlogged ones, large objects and odd names are findings; none of them blocks."""
    by_id = {finding.id: finding for finding in found.findings}
    assert {"table-without-key", "unlogged-table", "large-objects", "odd-file-names"} <= set(by_id)
    assert by_id["table-without-key"].what == "tables without a primary key (1): rai.protokoll"
    assert not found.blockers


def test_stop_is_estimated_with_what_it_rests_on(found: Assessment) -> None:
    """The estimate is a range above zero whose parts add up, each with its reason."""
    estimate = found.estimate
    assert 0 < estimate.low_seconds < estimate.high_seconds
    assert all(part.rests_on for part in estimate.parts)
    assert found.databases[0].read is not None
    assert found.databases[0].read.bytes > 20000


def test_target_is_measured_where_it_stands(found: Assessment) -> None:
    """Where the prod site stands already, its disk, version and extensions are looked at."""
    assert found.target is not None
    assert found.target.free_bytes > 0
    assert "pg_trgm" in found.target.available_extensions


def test_fingerprint_follows_the_schema_only(
    move: Move, found: Assessment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured again it is the same; a new column makes it another."""
    make_quick(monkeypatch)
    with move.hosts() as hosts:
        case = Case(hosts.workspace, move.manifest)
        assert found.fingerprint.still_holds_for(assess(case, hosts, Told()).fingerprint)
        move.legacy.psql(move.dbname, "ALTER TABLE rai.protokoll ADD COLUMN wer text")
        try:
            changed = assess(case, hosts, Told()).fingerprint
        finally:
            move.legacy.psql(move.dbname, "ALTER TABLE rai.protokoll DROP COLUMN wer")
    assert not found.fingerprint.still_holds_for(changed)
    assert case.read_evidence("assessment", Assessment).fingerprint == changed


CATALOGUE = """
    SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
        SELECT c::text AS line FROM pg_class c UNION ALL SELECT a::text FROM pg_attribute a
        UNION ALL SELECT p::text FROM pg_proc p UNION ALL SELECT r::text FROM pg_db_role_setting r
        UNION ALL SELECT u::text FROM pg_authid u UNION ALL SELECT d::text FROM pg_database d
        UNION ALL SELECT x::text FROM pg_extension x UNION ALL SELECT p::text FROM pg_publication p
        UNION ALL SELECT s.slot_name::text FROM pg_replication_slots s
        UNION ALL SELECT s.name || s.setting FROM pg_settings s WHERE s.source = 'configuration file'
    ) AS catalogue
"""


def test_assessing_changes_nothing(move: Move) -> None:
    """Not a row, not a definition, not a setting, not a file: no transaction so much as took a number."""
    # Autovacuum's own transactions take numbers too.
    move.legacy.psql("postgres", "ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()")
    with move.legacy.connect(move.dbname) as session:
        idle = "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
        assert wait_until(lambda: session.execute(idle).fetchone() == (True,), deadline_seconds=60)
        taken = "SELECT txid_snapshot_xmax(txid_current_snapshot())"
        before = session.execute(taken).fetchone(), session.execute(CATALOGUE).fetchone()
        files = state_of(move.legacy.folder / "documents")
        with move.hosts() as hosts:
            case = Case(hosts.workspace, move.manifest)
            measure(case, hosts, Told())
            fingerprint_now(case, hosts)
        assert (session.execute(taken).fetchone(), session.execute(CATALOGUE).fetchone()) == before
        assert state_of(move.legacy.folder / "documents") == files


def state_of(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_mode) for p in folder.rglob("*"))


def test_missing_tree_is_told(move: Move) -> None:
    """A folder that is not there is an error with the key to correct, not an empty tree."""
    manifest = move.manifest.model_copy(
        update={
            "legacy": move.manifest.legacy.model_copy(
                update={"files": (move.manifest.legacy.files[0].model_copy(update={"path": "nowhere"}),)}
            )
        }
    )
    with move.hosts() as hosts, pytest.raises(MigrationError) as told:
        measure(Case(hosts.workspace, manifest), hosts, Told())
    assert str(told.value) == (
        "nowhere is not a folder on server\n"
        "Nothing was changed; assessing only reads.\n"
        "Next: correct legacy/files/documents/path in the manifest, then assess again"
    )
