"""A local site that was changed by hand or died: each difference is named, and put back."""

import os

import psycopg

from migrate.waiting import wait_until
from provisioning.local.place import Place
from provisioning.local.supervisor import Supervisor
from tests.support.standing_site import Standing


def _append(place: Place, path: str, line: str) -> None:
    with place.path(path).open("a") as file:
        file.write(line)


def _named(standing: Standing, *expected: tuple[str, ...]) -> None:
    """Require that the site differs from its program, and that every expectation has a line of its own."""
    same, told = standing.stack.matches_its_program()
    assert not same
    blocks = told.split("bascule:local:")
    for words in expected:
        assert any(all(word in block for word in words) for block in blocks), (words, told)


def _repaired(standing: Standing) -> None:
    standing.stack.up()
    same, told = standing.stack.matches_its_program()
    assert same, told
    path, token = standing.site.verification_path, standing.site.verification_token.get_secret_value()
    assert standing.get(f"{path}healthz", token=token)[0] == 200


def test_door_flipped_by_hand_is_valid_at_once_and_is_drift(standing: Standing) -> None:
    """The door's command lets users in from the next request on; while it should be closed that is drift."""
    command = standing.site.door.command
    assert standing.ssh(f"{command} open").stdout.strip() == "open"
    assert standing.get("/anything")[0] == 200
    same, told = standing.stack.matches_its_program()
    assert not same
    assert "state" in told
    standing.ssh(f"{command} suspended 'Back on <b>Monday</b>'")
    status, page = standing.get("/anything")
    assert (status, "Back on &lt;b&gt;Monday&lt;/b&gt;" in page) == (503, True)
    assert standing.ssh(f"{command} ajar").returncode == 1
    assert standing.ssh(command).stdout.strip() == "suspended"
    standing.stack.up()
    assert standing.ssh(command).stdout.strip() == "closed"


def test_stopped_servers_are_named_and_started_again(standing: Standing) -> None:
    """A service that somebody stopped is drift by its name, the database like the others."""
    standing.supervisorctl("stop", "nginx", "application", "backups")
    _named(
        standing,
        ("birke-web", "nginx", "stopped"),
        ("birke-application", "application", "stopped"),
        ("birke-backups", "backups", "stopped"),
    )
    standing.supervisorctl("stop", "postgresql")
    _named(standing, ("birke-db-cluster", "postgresql", "stopped"))
    _repaired(standing)


def test_changes_by_hand_are_named_and_put_back(standing: Standing) -> None:
    """Edited files, modes, settings, roles, grants, old backups, a door without state: each is named."""
    place = standing.place
    _append(place, "etc/nginx/nginx.conf", "# by hand\n")
    _append(place, "etc/ssh/authorized_keys", "ssh-ed25519 AAAA intruder\n")
    _append(place, "app/1.0.0/run", "# by hand\n")
    place.path("etc/application/pgpass").chmod(0o644)
    place.remove("run/door")
    for dump in place.path("backups").glob("*.dump"):
        os.utime(dump, (0, 0))
    for statement in (
        "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'",
        "ALTER SYSTEM SET max_connections = '25'",
        "ALTER SYSTEM SET work_mem = '17MB'",
        "DROP OWNED BY care_migration",
        "DROP ROLE care_migration",
        "ALTER ROLE care_app SUPERUSER PASSWORD 'guessed'",
        "GRANT CONNECT ON DATABASE care TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE care_owner GRANT TRUNCATE ON TABLES TO care_app",
    ):
        standing.as_superuser(statement)
    standing.supervisorctl("restart", "postgresql")
    _named(
        standing,
        ("birke-web", "etc/nginx/nginx.conf"),
        ("birke-host", "etc/ssh/authorized_keys"),
        ("birke-artifact", "digest"),
        ("birke-application", "etc/application/pgpass"),
        ("birke-door",),
        ("birke-backups", "overdue"),
        ("birke-db-cluster", "max_slot_wal_keep_size", "1MB"),
        ("birke-db-cluster", "max_connections", "25"),
        ("birke-db-cluster", "settings_by_hand", "work_mem"),
        ("birke-db-care_migration",),
        ("birke-db-care_app", "SUPERUSER", "password"),
        ("birke-database", "may_connect", "PUBLIC"),
        ("birke-database", "default_grants"),
    )
    _repaired(standing)
    standing.sql(standing.site.database.migration, "SELECT 1")


def test_a_role_that_was_dropped_comes_back_with_all_that_it_could_use(standing: Standing) -> None:
    """A new application role may use what the owner made long before it, not only what comes later."""
    owner, application = standing.site.database.owner, standing.site.database.application
    standing.sql(owner, 'CREATE SCHEMA "Pflege"')
    standing.sql(owner, 'CREATE TABLE "Pflege"."Zimmer é" (nr int GENERATED ALWAYS AS IDENTITY, name text)')
    standing.as_superuser("DROP OWNED BY care_app")
    standing.as_superuser("DROP ROLE care_app")
    _named(standing, ("birke-db-care_app",), ("birke-database", "default_grants"))
    _repaired(standing)
    standing.sql(application, """INSERT INTO "Pflege"."Zimmer é" (name) VALUES ('12')""")
    standing.as_superuser('REVOKE ALL ON TABLE "Pflege"."Zimmer é" FROM care_app')
    _named(standing, ("birke-database", "without_grants", "Zimmer é"))
    _repaired(standing)
    standing.sql(owner, 'DROP SCHEMA "Pflege" CASCADE')


def test_killed_supervisor_and_its_orphans_are_replaced(standing: Standing) -> None:
    """After kill -9 of the supervisor its servers run on: that is drift, and a repair starts them anew."""
    os.kill(standing.supervisor_pid, 9)
    same, told = standing.stack.matches_its_program()
    assert not same
    assert "unsupervised" in told
    standing.stack.up()
    same, told = standing.stack.matches_its_program()
    assert same, told
    assert Supervisor(standing.place).state("postgresql") in ("running", "starting")


def test_dead_server_comes_back_by_itself(standing: Standing) -> None:
    """kill -9 of the database is mended by the supervisor, without Pulumi."""
    before = int(standing.place.path("run/postgresql.pid").read_text())
    os.kill(before, 9)

    def answers() -> bool:
        try:
            return standing.sql(standing.site.database.application, "SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    assert wait_until(answers, deadline_seconds=20, pace_seconds=0.1)
    assert int(standing.place.path("run/postgresql.pid").read_text()) != before
