"""A live move onto a server that gives nobody a superuser, as Amazon RDS: there, back, to the last trace."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from migrate.assess.findings.target import Site, target_refuses_superuser
from migrate.assess.site import measure_target
from migrate.compare import changes
from migrate.compare.live import compare_live
from migrate.compare.run import compare
from migrate.connections import Hosts
from migrate.fence import FENCES
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import powers
from migrate.transfer.postgresql_live.catalogue import as_found
from migrate.transfer.postgresql_live.sessions import asked, at_work
from tests.support import managed
from tests.support.fenced import rights
from tests.support.live_copy import LIVE, Writer, settled_differences
from tests.support.moves import Move, Told
from tests.support.postgres_versions import servers

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
MORE = """
CREATE SCHEMA app;
CREATE TABLE app.written (id bigserial PRIMARY KEY, by text);
CREATE TABLE app.parent (id int PRIMARY KEY);
CREATE TABLE app.child (id int PRIMARY KEY, parent int REFERENCES app.parent ON DELETE CASCADE);
INSERT INTO app.parent VALUES (1), (2); INSERT INTO app.child VALUES (1, 1), (2, 2);
CREATE TABLE app.noted (id int PRIMARY KEY, times int DEFAULT 0);
CREATE FUNCTION app.count_up() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN NEW.times := NEW.times + 1; RETURN NEW; END';
CREATE TRIGGER counts BEFORE INSERT OR UPDATE ON app.noted FOR EACH ROW EXECUTE FUNCTION app.count_up();
INSERT INTO app.noted SELECT generate_series(1, 20);
CREATE UNLOGGED TABLE app.sessions (id int PRIMARY KEY, v text);
INSERT INTO app.sessions VALUES (1, 'a');
CREATE TABLE app.raw (was json); INSERT INTO app.raw VALUES ('{"a": 1}');
CREATE MATERIALIZED VIEW app.totals AS SELECT by, count(*) FROM app.written GROUP BY 1;
SELECT lo_from_bytea(80000 + n, convert_to(repeat('x', n * 900), 'UTF8')) FROM generate_series(1, 20) n;
"""
WRITES = [
    "INSERT INTO app.written (by) VALUES ('legacy')",
    "UPDATE app.noted SET id = id WHERE id = 3",
    "SELECT lo_put(80003, 1, 'new')",
]


@pytest.fixture(scope="module", params=[16, 17])
def move(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    if request.param not in servers():
        pytest.skip(f"no PostgreSQL {request.param} on this machine")
    with managed.a_managed_move(tmp_path_factory.mktemp("managed"), request.param) as move:
        move.legacy.psql(move.dbname, HARD + MORE)
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts


def rows(move: Move, side: str, statement: str) -> list[tuple[object, ...]]:
    host = move.legacy if side == "legacy" else move.site
    with host.connect(move.dbname) as session:
        return session.execute(statement.encode()).fetchall()


def switch(task: Task) -> None:
    """What a cutover does of databases, either way round."""
    LIVE.make_ready(task)
    LIVE.drain(task, timeout_seconds=20)
    LIVE.settle(task)
    LIVE.turn(task, timeout_seconds=20)
    LIVE.let_go(task)


def differing(task: Task) -> list[str]:
    found = compare(task.name, task.source, task.target)
    assert found.tables
    return [one.name for one in found.differing_tables] + [
        f"{one.kind} {one.name}" for one in found.differences
    ]


def tenants_rights(move: Move) -> set[tuple[object, ...]]:
    """Every right on the site that is not about Bascule's own or the server's passing things."""
    ours = ("bascule", "pg_toast", "pg_temp")
    return {
        one
        for one in rights(move.site, move.dbname)
        if not str(one[1]).startswith(ours) and not str(one[4]).startswith(ours)
    }


def beside_work(task: Task, base: Path) -> list[object]:
    """What a comparison beside running work finds, which leaves nothing behind."""
    found = compare_live(task.name, task.source, task.target, tenant=task.tenant, store=base / "compared")
    assert len(found.tables) > 5
    changes.end(task.tenant, task.name, task.source, task.target)
    return [*found.different, *found.written_on_target]


def test_all_that_the_mover_lacks_is_told_and_nothing_is_left(move: Move, hosts: Hosts) -> None:
    """With what hosts on AWS give he lacks nothing; without it each right is named, and no trial stays."""
    task = managed.task(move, hosts)
    of = (task.owner, task.application)
    with task.target.opened() as session, move.site.connect(move.dbname) as superuser:
        assert not powers.read(session).is_superuser
        assert powers.lacking(session, of) == ()
        for rights, told in (
            ("pg_create_subscription, rds_superuser", "subscriptions"),
            ("rds_superuser, pg_read_all_data", "reading large objects"),
            ("rds_superuser, pg_signal_backend", "ending sessions"),
            ("app_application", "the rights of others"),
        ):
            superuser.execute(f"SET ROLE {managed.MASTER}; REVOKE {rights} FROM app_mover".encode())
            try:
                assert [one.split(":")[0] for one in powers.lacking(session, of)] == [told]
            finally:
                superuser.execute(f"GRANT {rights} TO app_mover; RESET ROLE".encode())
        for right in ("CREATEROLE", "REPLICATION"):
            superuser.execute(f"ALTER ROLE app_mover NO{right}".encode())
            assert [one.split(":")[0] for one in powers.lacking(session, of)] == ["roles that replicate"]
            superuser.execute(f"ALTER ROLE app_mover {right}".encode())
        assert powers.lacking(session, of) == ()
    assert rows(move, "site", "SELECT FROM pg_subscription") == []
    assert rows(move, "site", "SELECT FROM pg_roles WHERE rolname ~ 'trial'") == []


def test_the_assessment_of_such_a_site(move: Move, hosts: Hosts) -> None:
    """Nothing stands against live as long as the mover may do it all; else the missing right is named."""
    target = measure_target(hosts, (), Told())
    assert target is not None
    assert (target.managed_by, target.mover_lacks) == ("Amazon RDS or Aurora", ())
    assert target_refuses_superuser(Site(target, (), ())) is None
    move.site.psql("postgres", "ALTER ROLE app_mover NOCREATEROLE")
    try:
        lacking = measure_target(hosts, (), Told())
    finally:
        move.site.psql("postgres", "ALTER ROLE app_mover CREATEROLE")
    assert lacking is not None
    told = target_refuses_superuser(Site(lacking, (), ()))
    assert str(told).startswith(
        "the site's mover lacks roles that replicate: ALTER ROLE app_mover CREATEROLE"
    )


def test_rds_gives_a_role_in_the_place_of_the_attribute(move: Move, hosts: Hosts) -> None:
    """Where the attribute REPLICATION is refused, who logs in to replicate becomes a member of RDS's role."""
    task = managed.task(move, hosts)
    move.site.psql(
        "postgres",
        "ALTER ROLE app_mover NOREPLICATION; CREATE ROLE rds_replication;"
        "GRANT rds_replication TO app_mover WITH ADMIN OPTION",
    )
    try:
        with task.target.opened() as session:
            assert powers.lacking(session, (task.owner, task.application)) == ()
            with session.transaction(force_rollback=True):
                session.execute("CREATE ROLE bascule_one; GRANT CONNECT ON DATABASE besa TO bascule_one")
                powers.make_replicating(session, "bascule_one")
                (seen,) = asked(session, "stream_publisher", stream="bascule_one")
        assert (seen["can_login"], seen["can_replicate"], seen["may_connect"]) == (True, True, True)
    finally:
        move.site.psql("postgres", "DROP ROLE rds_replication; ALTER ROLE app_mover REPLICATION")


def test_there_and_back_without_a_superuser(move: Move, hosts: Hosts, tmp_path: Path) -> None:
    """Copied under a writer, compared, switched, written on, rolled back with those writes, and ended."""
    task = managed.task(move, hosts)
    with at_work(task.source) as (source,):
        before = as_found(source)

    # All that is said to the server: its log is nobody's to switch off but its own.
    move.site.psql("postgres", "ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()")

    with Writer(move.legacy, move.dbname, WRITES):
        copied = LIVE.copy(task, Told())
        assert copied.mode == "live"
        LIVE.catch_up(task, Told(), within_seconds=5, timeout_seconds=60)
    assert LIVE.flow(task).state == "flowing"
    assert beside_work(task, tmp_path) == []
    assert settled_differences(task) == []

    switch(task)
    with managed.application(move, hosts.target()).opened() as site:
        site.execute("INSERT INTO app.written (by) VALUES ('site')")
        site.execute("UPDATE app.noted SET id = id WHERE id = 4")
        site.execute("SELECT lo_put(80004, 1, 'new'), lo_from_bytea(90001, 'made there')")
    fence = FENCES["postgresql"]
    before_the_fence = tenants_rights(move)
    assert fence.fence(task.target).held_by == "rights"
    with managed.application(move, hosts.target()).opened() as site:
        # Pinned as Bascule's own sessions are, it has switched the flag off for itself.
        for late in (
            "INSERT INTO app.written (by) VALUES ('late')",
            "SELECT nextval('app.written_id_seq')",
            "SELECT lo_put(80004, 1, 'late')",
            "TRUNCATE app.written",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                site.execute(late.encode())
        assert site.execute("SELECT count(*) FROM app.parent").fetchone() == (2,)
    assert fence.writes_since(task.target).is_fenced
    switch(task.turned())
    fence.lift(task.target)
    assert tenants_rights(move) == before_the_fence
    assert rows(move, "legacy", "SELECT by FROM app.written WHERE by = 'site'") == [("site",)]
    counted = "SELECT times FROM app.noted WHERE id = 4"
    assert rows(move, "legacy", counted) == rows(move, "site", counted) == [(2,)]
    assert differing(task.turned()) == []

    assert LIVE.end(task) == ()
    with at_work(task.source) as (source,):
        assert as_found(source) == before
    managed.make_roles(move.site, move.dbname, moving=False)
    log = (move.site.folder / "pg.log").read_text()
    assert "ALTER ROLE" in log
    assert re.findall(r"password=(?!none\b)\S*|PASSWORD '(?!SCRAM)", log) == []
    left = "SELECT rolname::text FROM pg_roles WHERE rolname ~ '^(bascule_|app_)' ORDER BY 1"
    assert [name for (name,) in rows(move, "site", left)] == [
        "app_application",
        "app_migration",
        "app_owner",
        managed.MASTER,
    ]
