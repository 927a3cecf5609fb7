"""What a live move refuses before anything is changed, and with which remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from migrate.connections import Hosts
from migrate.databases import site_database
from migrate.errors import TransferError
from tests.support.live_copy import LIVE, task
from tests.support.moves import Move, Told, a_move

SCHEMA = """
CREATE TABLE kunde (id int PRIMARY KEY, name text);
INSERT INTO kunde SELECT n, 'k' || n FROM generate_series(1, 200) n;
CREATE INDEX nach_name ON kunde (name);
CREATE TABLE zettel (was text);
INSERT INTO zettel VALUES ('a'), ('a');
CREATE SEQUENCE nummer;
"""


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("watch")) as move:
        move.legacy.psql("besa", SCHEMA)
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        LIVE.empty(task(move, hosts))


@contextmanager
def changed(move: Move, change: str, back: str) -> Iterator[None]:
    move.legacy.psql("besa", change)
    try:
        yield
    finally:
        move.legacy.psql("besa", back)


def test_everything_that_is_in_the_way_is_told_at_once(
    move: Move, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log level, slots, disk, extensions, somebody else's tables, search paths: each with its remedy."""
    monkeypatch.setattr("migrate.transfer.postgresql_live.checks.HEADROOM_BYTES", 1 << 60)
    move.site.psql("besa", "CREATE TABLE public.fremd (id int)")
    move.legacy.psql("postgres", "ALTER SYSTEM SET wal_level = replica")
    move.legacy.psql("postgres", "ALTER SYSTEM SET max_replication_slots = 1")
    move.legacy.stop_postgres()
    move.legacy.start_postgres()
    bad = """
        CREATE FUNCTION public.gibt_es(n int) RETURNS bool LANGUAGE sql
            AS 'SELECT n IN (SELECT id FROM kunde)';
        CREATE TABLE bestellung (kunde int CHECK (public.gibt_es(kunde)));
        INSERT INTO bestellung VALUES (1);
        CREATE FUNCTION public.nichts() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER wache ON ddl_command_end EXECUTE FUNCTION public.nichts();
    """
    good = "DROP EVENT TRIGGER wache; DROP TABLE bestellung; DROP FUNCTION public.gibt_es, public.nichts"
    try:
        with changed(move, bad, good), pytest.raises(TransferError) as refused:
            LIVE.copy(task(move, hosts), Told())
    finally:
        move.site.psql("besa", "DROP TABLE public.fremd")
        move.legacy.psql("postgres", "ALTER SYSTEM RESET ALL")
        move.legacy.stop_postgres()
        move.legacy.start_postgres()
    said = str(refused.value)
    for fault in (
        "besa on server: wal_level is replica; set it to logical and restart the server",
        "besa on server: 1 replication slots are free, 2 are needed",
        "besa on site: holds public.fremd of postgres",
        "event trigger wache takes a superuser",
        'bestellung_kunde_check works only under a search path (relation "kunde" does not exist)',
        "MiB free, the copy needs",
        "Nothing was changed.",
    ):
        assert fault in said
    with move.legacy.connect("besa") as session:
        assert session.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'bascule'").fetchall() == []


def test_a_login_that_is_no_superuser_is_refused(move: Move, hosts: Hosts) -> None:
    """A site's migration role is told apart from its mover, with all that it lacks and what grants it."""
    work = replace(task(move, hosts), target=site_database(hosts))
    with pytest.raises(TransferError) as refused:
        LIVE.copy(work, Told())
    for lacking in (
        "app_migration lacks reading large objects: GRANT pg_read_all_data TO app_migration",
        "app_migration lacks subscriptions: GRANT pg_create_subscription TO app_migration, from",
        "app_migration lacks roles that replicate: ALTER ROLE app_migration CREATEROLE REPLICATION",
        "app_migration lacks the rights of others: GRANT app_user TO app_migration",
    ):
        assert lacking in str(refused.value)
    with pytest.raises(TransferError, match="app_migration is no superuser, and lacks roles that replicate"):
        LIVE.copy(replace(work, source=work.target), Told())


def test_a_trigger_that_fires_twice_is_refused(move: Move, hosts: Hosts) -> None:
    """One that fires for replicated rows too would do its work on either side."""
    twice = """
        CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER immer BEFORE INSERT ON kunde FOR EACH ROW EXECUTE FUNCTION public.f();
        ALTER TABLE kunde ENABLE ALWAYS TRIGGER immer;
    """
    with (
        changed(move, twice, "DROP FUNCTION public.f CASCADE"),
        pytest.raises(TransferError, match=r"public\.kunde: trigger immer fires for replicated rows too"),
    ):
        LIVE.copy(task(move, hosts), Told())
