"""Bulk transfer between two real PostgreSQL servers, by jobs on the target's real sshd."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from migrate.compare.run import compare
from migrate.connections import Hosts
from migrate.databases import legacy_database, site_database
from migrate.errors import TransferError
from migrate.remote_jobs import Job
from migrate.transfer import postgresql_bulk, way
from migrate.transfer.contract import Copied, Task
from tests.support.moves import Move, Told, a_move

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
PAGILA = Path(__file__).parents[3] / "shared" / "data" / "pagila.sql.gz"
BULK = way("postgresql", "bulk")


class Killed(BaseException):
    """The operator's process ends here; nothing of it cleans up."""


class DiesIn(Told):
    """A progress under which the operator dies as soon as the named stage reports anything."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def advance_to(self, done: float) -> None:
        if self.stage in self.lines[-1]:
            raise Killed


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("bulk")) as move:
        move.legacy.psql("besa", HARD)
        # As a site's template has them: they belong to the superuser.
        move.site.psql("besa", "CREATE EXTENSION citext")
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        BULK.empty(task(move, hosts))


def task(move: Move, hosts: Hosts, attempt: str = "realisation-1") -> Task:
    (database,) = move.manifest.legacy.databases
    return Task(
        name=database.name,
        attempt=attempt,
        source=legacy_database(hosts, database),
        target=site_database(hosts),
        owner="app_owner",
        application="app_user",
    )


def differences(work: Task) -> list[str]:
    """What the comparison finds, a line each."""
    found = compare(work.name, work.source, work.target, target_role=work.owner)
    assert found.tables
    return [table.name for table in found.differing_tables] + [
        f"{one.kind} {one.name}" for one in found.differences
    ]


def owned(work: Task) -> list[str]:
    """Tables, functions and large objects on the target that are not an extension's."""
    with work.target.opened() as session:
        rows = session.execute(
            "SELECT c.relname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
            "WHERE r.rolname = 'app_owner' AND c.relnamespace <> 99 "
            "UNION ALL SELECT oid::text FROM pg_largeobject_metadata "
            "UNION ALL SELECT nspname::text FROM pg_namespace n JOIN pg_roles r ON r.oid = nspowner "
            "WHERE r.rolname = 'app_owner'"
        ).fetchall()
    return [name for (name,) in rows]


def test_everything_arrives(move: Move, hosts: Hosts) -> None:
    """A hard schema arrives whole: rows, definitions, sequences, large objects; nothing differs."""
    work, told = task(move, hosts), Told()

    copied = BULK.copy(work, told)

    assert differences(work) == []
    assert (copied.tables, copied.large_objects) == (7, 2)
    assert list(copied.stages) == ["dump", "restore", "grants", "statistics"]
    assert told.lines == ["main-db: dump", "main-db: restore"]
    assert Copied.model_validate_json(copied.model_dump_json()) == copied


def test_the_application_reads_and_writes_rows_and_nothing_else(move: Move, hosts: Hosts) -> None:
    """The application's role may use rows, sequences and large objects, yet define nothing."""
    work = task(move, hosts)
    BULK.copy(work, Told())
    with site_database(hosts, role="application").opened() as app:
        app.execute("""INSERT INTO "Pflege"."Bewohnerübersicht" (name) VALUES ('neu')""")
        app.execute("""SELECT nextval('"Pflege".nummer')""")
        assert app.execute("SELECT lo_get(70001)").fetchone() == (b"ein grosses Objekt",)
        app.execute("""SELECT * FROM "Pflege".zahlen""")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("""CREATE TABLE "Pflege".eigene (id int)""")


def test_a_repeat_copies_nothing_again(move: Move, hosts: Hosts) -> None:
    """What an attempt has copied, a repeat of that attempt finds done; a row written since stays."""
    work = task(move, hosts)
    BULK.copy(work, Told())
    move.site.psql("besa", """INSERT INTO "Pflege".leer VALUES (7)""")

    told = Told()
    BULK.copy(work, told)

    assert told.lines == ["main-db: restore (attached)"]
    assert differences(work) == ["Pflege.leer"]


def test_another_attempt_begins_with_an_empty_target(move: Move, hosts: Hosts) -> None:
    """What a former attempt left on the target is no part of the next one."""
    BULK.copy(task(move, hosts), Told())
    move.site.psql(
        "besa",
        """INSERT INTO "Pflege".leer VALUES (7);
        SELECT lo_create(99); ALTER LARGE OBJECT 99 OWNER TO app_owner;
        CREATE TABLE public.uebrig (id int); ALTER TABLE public.uebrig OWNER TO app_owner;
        CREATE TYPE public.farbe AS ENUM ('rot'); ALTER TYPE public.farbe OWNER TO app_owner""",
    )
    work = task(move, hosts, "realisation-2")
    BULK.copy(work, Told())
    assert differences(work) == []


def test_emptying_leaves_only_what_was_there_before(move: Move, hosts: Hosts) -> None:
    """Undoing the copy removes all that is the owner's, large objects too; the extension stays."""
    work = task(move, hosts)
    BULK.copy(work, Told())
    assert owned(work)

    BULK.empty(work)
    BULK.empty(work)

    assert owned(work) == []
    with work.target.opened() as session:
        assert session.execute("SELECT 1 FROM pg_extension WHERE extname = 'citext'").fetchone() == (1,)
    jobs = move.site.folder / ".bascule" / "jobs"
    assert list(jobs.iterdir()) == []


@pytest.mark.parametrize("stage", ["dump", "restore"])
def test_a_copy_goes_on_after_the_operator_died(move: Move, hosts: Hosts, stage: str) -> None:
    """Killed in the middle, the next start attaches to the job or reads how it ended."""
    work = task(move, hosts)
    with pytest.raises(Killed):
        BULK.copy(work, DiesIn(stage))
    told = Told()
    BULK.copy(work, told)
    assert f"main-db: {stage} (attached)" in told.lines
    assert differences(work) == []


def test_a_restore_that_was_killed_is_begun_anew_on_an_empty_target(move: Move, hosts: Hosts) -> None:
    """When the host killed the restore itself, nothing of the half copy stays."""
    work = task(move, hosts)
    with pytest.raises(Killed):
        BULK.copy(work, DiesIn("restore"))
    job = Job(hosts.target(), "copy-main-db-restore")
    folder = move.site.folder / job.folder
    job.discard()
    # As after a power cut: the folder is there, no process, no exit status.
    folder.mkdir()
    (folder / "spec").write_text(work.attempt)
    move.site.psql("besa", 'CREATE SCHEMA halb AUTHORIZATION app_owner; CREATE TABLE halb."x" AS SELECT 1')
    assert job.look().state == "died"

    BULK.copy(work, Told())

    assert differences(work) == []


def test_what_cannot_be_restored_is_an_error(move: Move, hosts: Hosts) -> None:
    """An object that the site's owner may not have fails the copy and is named."""
    move.legacy.psql(
        "besa", "CREATE FUNCTION public.zeit() RETURNS int LANGUAGE c AS 'citext', 'citext_hash'"
    )
    try:
        with pytest.raises(
            TransferError, match=r"(?s)pg_restore into besa .*permission denied for language c"
        ) as e:
            BULK.copy(task(move, hosts), Told())
        assert "legacy is as it was" in str(e.value)
    finally:
        move.legacy.psql("besa", "DROP FUNCTION public.zeit()")


def test_too_little_disk_is_told_beforehand(
    move: Move, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target without the room is refused before anything is copied, with how much is missing."""
    monkeypatch.setattr(postgresql_bulk, "HEADROOM_BYTES", 1 << 60)
    work = task(move, hosts)
    with pytest.raises(TransferError, match=r"MiB free, the copy of besa on server needs \d+ MiB"):
        BULK.copy(work, Told())
    assert owned(work) == []


def test_passwords_are_gone_with_the_job(move: Move, hosts: Hosts) -> None:
    """Password files lie in folders that only the login reads, and are removed when the tools end."""
    with pytest.raises(Killed):
        BULK.copy(task(move, hosts), DiesIn("dump"))
    jobs = move.site.folder / ".bascule" / "jobs"
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in jobs.iterdir())
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert move.legacy.superuser_password.encode() not in cmdline.read_bytes()
        except OSError:
            continue
    BULK.copy(task(move, hosts), Told())
    assert [path for path in jobs.rglob("*") if "pgpass" in path.name] == []


@pytest.mark.skipif(not PAGILA.exists(), reason=f"NOT RUN: Pagila is not at {PAGILA}")
def test_a_database_that_nobody_here_made_arrives(tmp_path: Path) -> None:
    """Pagila arrives whole, as an owner that is no superuser."""
    with a_move(tmp_path, dbname="pagila") as move, move.hosts() as hosts:
        move.legacy.psql("pagila", gzip.decompress(PAGILA.read_bytes()).decode())
        work = task(move, hosts)
        copied = BULK.copy(work, Told())
        assert copied.tables > 20
        assert differences(work) == []
