"""A site on the local substrate: what stands up, who may do what, and what is gone afterwards."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from provisioning.engine import Stack
from provisioning.local import ports
from tests.support.local_sites import final_backups, place_of, temporary
from tests.support.standing_site import Standing

STAND_UP_SECONDS = 30


def test_stands_up_in_half_a_minute_and_stays_up(standing: Standing) -> None:
    """A site stands within 30 seconds, its servers outlive the engine, and all outputs are there."""
    assert standing.took_seconds < STAND_UP_SECONDS
    assert os.getsid(standing.supervisor_pid) != os.getsid(0)
    assert standing.site.environment == "test"
    assert standing.site.database.dbname == "care"
    assert standing.ssh("pwd").stdout.strip() == str(standing.place.folder)


def test_unchanged_site_matches_its_program(standing: Standing) -> None:
    """A preview with refresh of a site that nobody touched sees no change, within seconds."""
    began = time.monotonic()
    same, told = standing.stack.matches_its_program()
    assert same, told
    assert time.monotonic() - began < 15  # three times as much here: tests share the machine


def test_nothing_runs_as_root_and_nothing_else_listens(standing: Standing) -> None:
    """All processes of a host are its account's, and its only sockets are SSH, PostgreSQL and HTTPS."""
    owner = standing.place.folder.stat().st_uid
    strays = list(standing.place.strays())
    assert standing.supervisor_pid in strays
    assert {Path(f"/proc/{process}").stat().st_uid for process in strays} == {owner}
    listening = subprocess.run(
        ["ss", "-Hltn", f"src {standing.address}"], capture_output=True, text=True, check=True
    )
    found = sorted(int(line.split()[3].rpartition(":")[2]) for line in listening.stdout.splitlines())
    assert found == [ports.SSH, ports.POSTGRESQL, ports.HTTPS]


def test_servers_hold_nothing_of_the_plugin(standing: Standing) -> None:
    """No server of a host inherited a socket or file of the process that started it."""
    allowed = (
        str(standing.place.folder),
        "/dev/",
        "socket:",
        "anon_inode:",
        "pipe:",
        "/memfd",
        "/proc",
        "/SYSV",
    )
    for process in standing.place.strays():
        for handle in Path(f"/proc/{process}/fd").iterdir():
            try:
                target = str(handle.readlink())
            except FileNotFoundError:
                continue
            assert target.startswith(allowed), (process, target)


def test_state_holds_no_secret_in_clear(standing: Standing) -> None:
    """Passwords, tokens and private keys stand encrypted in the state, and in no command line."""
    site = standing.site
    secrets = [
        site.database.owner.password.get_secret_value(),
        site.database.application.password.get_secret_value(),
        site.interface_token.get_secret_value(),
        site.verification_token.get_secret_value(),
        site.ssh.identity.get_secret_value().splitlines()[1],
        standing.place.path("etc/nginx/server.key").read_text().splitlines()[1],
    ]
    state = b"".join(
        p.read_bytes() for p in (standing.stack.workspace.state / "pulumi").rglob("*") if p.is_file()
    )
    command_lines = b"".join(Path(f"/proc/{p}/cmdline").read_bytes() for p in standing.place.strays())
    for secret in secrets:
        assert secret.encode() not in state
        assert secret.encode() not in command_lines


def test_roles_may_do_what_they_are_for(standing: Standing) -> None:
    """The owner makes tables, the application works on rows, the migration becomes the owner; no more."""
    db = standing.site.database
    standing.sql(db.owner, "CREATE TABLE note (id int GENERATED ALWAYS AS IDENTITY, t text)")
    standing.sql(db.application, "INSERT INTO note (t) VALUES ('a')")
    assert standing.sql(db.application, "SELECT t FROM note") == [("a",)]
    standing.sql(db.migration, f"SET ROLE {db.owner.name}; CREATE TABLE loaded (i int); RESET ROLE; SELECT 1")
    standing.sql(db.migration, "SET session_replication_role = replica")
    standing.sql(db.application, "INSERT INTO loaded VALUES (1)")
    for role, forbidden in (
        (db.application, "CREATE TABLE mine (i int)"),
        (db.application, "DROP TABLE note"),
        (db.application, "TRUNCATE note"),
        (db.application, "SET session_replication_role = replica"),
        (db.owner, "CREATE ROLE other"),
        (db.owner, "CREATE DATABASE other"),
        (db.migration, "CREATE ROLE other"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            standing.sql(role, forbidden)
    standing.sql(db.owner, "DROP TABLE note, loaded")


def test_database_takes_neither_plain_text_nor_a_wrong_password(standing: Standing) -> None:
    """Without TLS, or with another password, there is no session."""
    application = standing.site.database.application
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        standing.sql(application, "SELECT 1", sslmode="disable")
    wrong = application.model_copy(update={"password": standing.site.interface_token})
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        standing.sql(wrong, "SELECT 1")


def test_closed_door_lets_only_verification_in(standing: Standing) -> None:
    """Closed, the site answers 503 with a page; the verification path answers whoever holds the token."""
    assert standing.site.door.state == "closed"
    status, page = standing.get("/")
    assert (status, "noch nicht geöffnet" in page) == (503, True), "it is in the tenant's language"
    path = standing.site.verification_path
    assert standing.get(f"{path}healthz")[0] == 403
    assert standing.get(f"{path}healthz", token="x" * 32)[0] == 403
    status, answer = standing.get(f"{path}healthz", token=standing.site.verification_token.get_secret_value())
    assert status == 200
    seen = json.loads(answer)
    assert seen["path"] == "/healthz"
    assert seen["database_user"] == standing.site.database.application.name
    assert (seen["token_seen"], seen["came_by"]) == (None, "https")


def test_two_environments_stand_side_by_side_and_prod_is_guarded(standing: Standing) -> None:
    """prod stands beside test, refuses to be destroyed, and leaves a readable backup once it may be."""
    workspace = standing.stack.workspace
    with temporary(Stack(workspace, "birke-prod")) as prod:
        prod.up()
        site = prod.outputs()
        assert site.database.host != standing.address
        assert standing.get("/")[0] == 503
        place = place_of(workspace, "birke-prod")
        refused = prod.run("destroy", "--yes", check=False)
        assert refused.returncode != 0
        assert "protect" in refused.stdout
        assert ports.answers(site.database.host, ports.POSTGRESQL)

        prod.set_config("bascule:protect", "false")
        prod.up()
        told = prod.destroy()
        kept = final_backups(prod)[-1]
        assert str(kept) in told
        listed = subprocess.run(["pg_restore", "--list", kept], capture_output=True, text=True, check=True)
        assert "dbname: care" in listed.stdout
        assert not place.exists
        assert list(place.strays()) == []
        assert not any(
            ports.answers(site.database.host, port) for port in (ports.SSH, ports.POSTGRESQL, ports.HTTPS)
        )


def test_taken_port_is_told_with_its_holder(standing: Standing) -> None:
    """A stack whose address somebody else uses stops before making anything, and says who and what to do."""
    workspace = standing.stack.workspace
    manifest = workspace.stacks / "birke.yaml"
    shutil.copy(manifest, workspace.stacks / "zwei.yaml")
    text = (workspace.stacks / "zwei.yaml").read_text().replace("tenant: birke", "tenant: zwei")
    (workspace.stacks / "zwei.yaml").write_text(text)
    with temporary(Stack(workspace, "zwei-test")) as other:
        other.set_config("bascule:address", standing.address)
        done = other.run("up", "--yes", check=False)
        assert done.returncode != 0
        for words in (
            f"{standing.address}:{ports.POSTGRESQL} is taken by postgres (pid ",
            f"{standing.address}:{ports.SSH} is taken by sshd (pid ",
            "Nothing was made.",
            "pulumi config set bascule:address 127.",
        ):
            assert words in done.stdout
        assert not place_of(workspace, "zwei-test").exists
    same, told = standing.stack.matches_its_program()
    assert same, told
