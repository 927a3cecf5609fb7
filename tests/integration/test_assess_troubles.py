"""Assessing a real legacy server and site in trouble: sessions, rights, definitions, what the site lacks."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from migrate.assess import database as measuring
from migrate.assess import measure
from migrate.case import Case
from migrate.errors import MigrationError
from migrate.waiting import wait_until
from tests.support.assessing import assessed, found, make_quick
from tests.support.moves import Move, Told, a_move
from tests.support.private_hosts import BINARIES


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("troubles")) as started:
        started.legacy.psql(
            started.dbname,
            'CREATE TABLE t (id int PRIMARY KEY, name text COLLATE "de-x-icu");'
            "INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, 5000) n;"
            "CREATE TABLE doppelt (id int); INSERT INTO doppelt VALUES (1), (1);"
            "CREATE EXTENSION pg_trgm; ANALYZE",
        )
        yield started


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


@contextmanager
def client(move: Move, program: str, *words: str) -> Iterator[None]:
    """A client program at work on the legacy server; ended at the end."""
    process = subprocess.Popen(
        [BINARIES / program, *words],
        env={"PGPASSWORD": move.legacy.superuser_password},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def await_sessions(session: psycopg.Connection[Any], which: LiteralString) -> None:
    """Wait until the server knows a session that `which` tells."""
    look = sql.SQL("SELECT count(*) > 0 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {}")
    statement = look.format(sql.SQL(which))
    assert wait_until(lambda: session.execute(statement).fetchone() == (True,), deadline_seconds=30)


def test_open_transactions_are_found(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of sessions, with who they are, and prepared ones."""
    shorter = measuring._QUIET + "SELECT set_config('bascule.long_seconds', '0', false);"
    monkeypatch.setattr(measuring, "_QUIET", shorter)
    with move.legacy.connect(move.dbname, application_name="Abrechnung") as session:
        session.execute("BEGIN; INSERT INTO doppelt VALUES (2); PREPARE TRANSACTION 'two'")
        session.execute("BEGIN; SELECT 1")
        try:
            said = [f"{finding.id}: {finding.what}" for finding in assessed(move).findings]
        finally:
            session.execute("ROLLBACK")
            session.execute("ROLLBACK PREPARED 'two'")
    lines = "\n".join(said)
    assert re.search(
        r"^long-transaction: session \d+ of postgres \(Abrechnung\), open for \d+ s$", lines, re.M
    )
    assert "\nprepared-transaction: prepared transaction two of postgres, open for " in lines


def test_work_that_runs_is_found(move: Move) -> None:
    """A dump, a real base backup, and maintenance that waits for a lock."""
    rules = move.legacy.folder / "pg" / "pg_hba.conf"
    rules.write_text(rules.read_text() + "hostssl replication all all scram-sha-256\n")
    move.legacy.psql("postgres", "SELECT pg_reload_conf()")
    slow = ("-D-", "-Ft", "-Xnone", "-r32k", "-cfast", "-d", move.legacy.local("postgres"))
    with (
        move.legacy.connect(move.dbname, application_name="pg_dump"),
        move.legacy.connect(move.dbname) as session,
        move.legacy.connect(move.dbname) as other,
        client(move, "pg_basebackup", *slow),
    ):
        session.execute("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE")
        with client(move, "psql", "-Xqc", "REINDEX TABLE t", move.legacy.local(move.dbname)):
            await_sessions(other, "query ~ '^REINDEX' AND wait_event_type = 'Lock'")
            await_sessions(other, "application_name = 'pg_basebackup'")
            every = assessed(move).findings
            session.execute("ROLLBACK")
    backups = [finding.what for finding in every if finding.id == "backup-running"]
    (maintenance,) = (finding.what for finding in every if finding.id == "maintenance-running")
    assert re.match(r"session \d+ of postgres \((pg_dump|pg_basebackup)\), for \d+ s$", backups[0])
    assert len(backups) == 2
    assert re.match(r"session \d+ of postgres \(reindex\), for \d+ s$", maintenance)


def test_locked_table_is_no_riddle(move: Move) -> None:
    """An assessment does not queue behind somebody's lock, and says what it could not get past."""
    with move.legacy.connect(move.dbname) as session:
        session.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(MigrationError) as told:
            assessed(move)
        session.execute("ROLLBACK")
    assert told.value.what.startswith(
        "main-db could not be measured: canceling statement due to lock timeout"
    )
    assert told.value.state == "Nothing was changed; assessing only reads."


def test_index_that_could_not_be_built_is_found(move: Move) -> None:
    """A dump would leave it out without a word."""
    with move.legacy.connect(move.dbname) as session:
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("CREATE UNIQUE INDEX CONCURRENTLY halb ON doppelt (id)")
        try:
            what = found(move)["index-invalid"].what
        finally:
            session.execute("DROP INDEX halb")
    assert what == "invalid indexes (1): public.halb"


def test_password_that_will_expire_is_found(move: Move) -> None:
    """The move would lock itself out half-way."""
    move.legacy.psql("postgres", "ALTER ROLE postgres VALID UNTIL '2099-01-01'")
    assert "password-expires" not in found(move)
    move.legacy.psql(
        "postgres",
        "DO $$ BEGIN EXECUTE format('ALTER ROLE postgres VALID UNTIL %L', now() + '9 days'); END $$",
    )
    try:
        what = found(move)["password-expires"].what
    finally:
        move.legacy.psql("postgres", "ALTER ROLE postgres VALID UNTIL 'infinity'")
    assert what.startswith("the password of postgres is valid until 20")


def test_managed_site_is_told_apart(move: Move) -> None:
    """A service gives no superuser: before PostgreSQL 16 bulk remains, and whose it is is told."""
    version = int(move.site.binaries.parent.name)
    move.site.psql("postgres", "CREATE ROLE rds_superuser")
    try:
        assessment = assessed(move)
    finally:
        move.site.psql("postgres", "DROP ROLE rds_superuser")
    finding = {f.id: f.what for f in assessment.findings}.get("target-refuses-superuser")
    told = f"the site's database is Amazon RDS or Aurora, which gives no superuser, of version {version}"
    assert finding == (told if version < 16 else None)
    assert (assessment.mode == "bulk") is (version < 16)


def test_managed_source_is_told_apart(move: Move) -> None:
    """A login without superuser on a service: bulk, with the name of the service in the reason."""
    move.legacy.psql(
        "postgres",
        f"CREATE ROLE cloudsqlsuperuser; ALTER DATABASE {move.dbname} OWNER TO cloudsqlsuperuser;"
        "GRANT pg_read_all_data TO cloudsqlsuperuser;"
        f"CREATE ROLE kunde LOGIN PASSWORD '{move.legacy.superuser_password}' IN ROLE cloudsqlsuperuser",
    )
    database = move.manifest.legacy.databases[0].model_copy(update={"user": "kunde"})
    legacy = move.manifest.legacy.model_copy(update={"databases": (database,)})
    try:
        with move.hosts() as hosts:
            case = Case(hosts.workspace, move.manifest.model_copy(update={"legacy": legacy}))
            assessment = measure(case, hosts, Told())
    finally:
        move.legacy.psql("postgres", f"ALTER DATABASE {move.dbname} OWNER TO postgres; DROP ROLE kunde")
        move.legacy.psql("postgres", "DROP OWNED BY cloudsqlsuperuser; DROP ROLE cloudsqlsuperuser")
    assert assessment.databases[0].live_obstacles == (
        "kunde is no superuser; Google Cloud SQL gives none, and may not replicate",
    )
    assert not assessment.blockers


def test_site_that_lacks_something_is_found(move: Move) -> None:
    """A collation and a version of an extension, as the two servers' own catalogues tell them."""
    move.site.psql(move.dbname, "DELETE FROM pg_catalog.pg_collation WHERE collname = 'de-x-icu'")
    move.legacy.psql(
        move.dbname, "UPDATE pg_catalog.pg_extension SET extversion = '1.3' WHERE extname = 'pg_trgm'"
    )
    try:
        every = found(move)
    finally:
        move.site.psql(move.dbname, "SELECT pg_import_system_collations('pg_catalog')")
        move.legacy.psql(
            move.dbname, "UPDATE pg_catalog.pg_extension SET extversion = '1.6' WHERE extname = 'pg_trgm'"
        )
    assert every["collation-missing"].what == 'collations that the site lacks (1): pg_catalog."de-x-icu"'
    assert every["extension-version-differs"].what == (
        "extensions of another version on the site (1): pg_trgm 1.3, 1.6 there"
    )
