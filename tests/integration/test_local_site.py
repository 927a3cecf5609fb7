"""A site on the local substrate: stood up, looked at, broken in every way of drift, repaired, destroyed."""

import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml

from migrate.connections import write_access
from provisioning.engine import Stack
from provisioning.local import ports
from provisioning.local.place import Place
from provisioning.local.supervisor import Supervisor
from provisioning.site import DatabaseRole, SiteOutputs
from tests.support.local_sites import destroyed, final_backups, local_workspace, place_of

STAND_UP_SECONDS = 30
INTERFACE = "labs"


@dataclass
class Standing:
    """A site that stands, and all that a test asks it by."""

    stack: Stack
    site: SiteOutputs
    place: Place
    took_seconds: float
    interface_key: Path

    @property
    def address(self) -> str:
        return self.site.database.host

    def get(self, path: str, *, token: str | None = None) -> tuple[int, str]:
        """Ask the site as a browser that trusts its authority."""
        context = ssl.create_default_context(cadata=self.site.ca)
        headers = {"X-Verification-Token": token} if token else {}
        request = urllib.request.Request(f"{self.site.url}{path}", headers=headers)  # noqa: S310 - https
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def sql(
        self, role: DatabaseRole, statement: str, sslmode: str = "verify-full"
    ) -> list[tuple[object, ...]]:
        """Run a statement over TLS, as the tenant's programs reach their database."""
        ca = self.place.path("etc/application/ca.crt")
        with psycopg.connect(
            host=self.address,
            port=self.site.database.port,
            dbname=self.site.database.dbname,
            user=role.name,
            password=role.password.get_secret_value(),
            sslmode=sslmode,
            sslrootcert=str(ca),
            connect_timeout=5,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def as_superuser(self, statement: str) -> None:
        self.place.run(
            *("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.place.path("run"), "-U", "postgres"),
            *("-d", self.site.database.dbname, "-c", statement),
        )

    def supervisorctl(self, *words: str) -> None:
        program = Path(f"/proc/{self.supervisor_pid}/cmdline").read_text().split("\0")[1]
        control = Path(program).with_name("supervisorctl")
        self.place.run(control, "-c", self.place.path("etc/supervisord.conf"), *words, check=False)

    @property
    def supervisor_pid(self) -> int:
        return int(self.place.path("run/supervisord.pid").read_text())

    def ssh(self, *words: str, give: str = "") -> subprocess.CompletedProcess[str]:
        config = write_access(self.stack.workspace, self.stack.name, self.site.ssh)
        return subprocess.run(
            ["ssh", "-F", str(config), self.site.ssh.alias, *words],
            input=give,
            text=True,
            capture_output=True,
            timeout=20,
            check=False,
        )


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """A test environment with one sftp interface."""
    folder = tmp_path_factory.mktemp("workspace")
    workspace = local_workspace(folder, "birke")
    key = folder / "interface_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    manifest = workspace.stacks / "birke.yaml"
    content = yaml.safe_load(manifest.read_text())
    content["interfaces"] = [
        {
            "name": INTERFACE,
            "kind": "sftp",
            "host": "old",
            "control": "bin/labs",
            "public_key": key.with_suffix(".pub").read_text().strip(),
        }
    ]
    manifest.write_text(yaml.safe_dump(content))
    with destroyed(Stack(workspace, "birke-test")) as stack:
        began = time.monotonic()
        stack.up()
        took = time.monotonic() - began
        yield Standing(stack, stack.outputs(), place_of(workspace, stack.name), took, key)


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


def test_login_serves_commands_sftp_and_rsync(standing: Standing, tmp_path: Path) -> None:
    """One key logs in for commands, sftp and rsync alike, and all of them begin in the host's folder."""
    config = write_access(standing.stack.workspace, standing.stack.name, standing.site.ssh)
    (tmp_path / "letter").write_text("grüezi")
    subprocess.run(
        ["rsync", "-a", "-e", f"ssh -F {config}", f"{tmp_path}/letter", f"{standing.site.ssh.alias}:files/"],
        check=True,
        timeout=20,
    )
    assert standing.ssh("cat files/letter").stdout == "grüezi"
    got = subprocess.run(
        ["sftp", "-q", "-b", "-", "-F", str(config), standing.site.ssh.alias],
        input=f"get files/letter {tmp_path}/back\nrm files/letter\n",
        text=True,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "back").read_text() == "grüezi"


def test_unknown_host_key_is_refused(standing: Standing, tmp_path: Path) -> None:
    """Who was given another host key than the host's does not log in."""
    config = write_access(standing.stack.workspace, standing.stack.name, standing.site.ssh)
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    key = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"[{standing.address}]:{ports.SSH} {key}\n")
    done = subprocess.run(
        ["ssh", "-F", str(config), "-o", f"UserKnownHostsFile={wrong}", standing.site.ssh.alias, "true"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 255
    assert "HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_interface_reaches_its_inbox_and_nothing_else(standing: Standing, tmp_path: Path) -> None:
    """An interface's key drops, lists and takes files in the inbox; nothing it says leads out of it."""
    config = write_access(standing.stack.workspace, standing.stack.name, standing.site.ssh)
    text = config.read_text()
    # The same host under another name, with the interface's key and not the operator's.
    alias, identity, key = standing.site.ssh.alias, config.with_name("identity"), str(standing.interface_key)
    config.write_text(
        text + text.replace(f"Host {alias}", f"Host interface-{alias}").replace(str(identity), key)
    )
    mine = tmp_path / "message"
    mine.write_bytes(os.urandom(300_000))
    standing.place.run("ln", "-sfn", standing.place.path("etc"), standing.place.path("inbox/way-out"))
    standing.place.run("ln", "-sf", standing.place.path("etc/ssh/host_key"), standing.place.path("inbox/key"))

    def interface(*commands: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sftp", "-q", "-b", "-", "-F", str(config), f"interface-{alias}"],
            input="\n".join(commands) + "\n",
            text=True,
            capture_output=True,
            timeout=20,
            check=False,
        )

    dropped = interface(
        f"put {mine} inbox/.m1", "rename inbox/.m1 inbox/m1", "ls -1 inbox", f"get inbox/m1 {mine}.back"
    )
    assert dropped.returncode == 0, dropped.stderr
    assert "inbox/m1" in dropped.stdout
    assert mine.with_suffix(".back").read_bytes() == mine.read_bytes()
    assert standing.place.path("inbox/m1").read_bytes() == mine.read_bytes()
    assert interface("rm inbox/m1").returncode == 0

    for attempt in (
        f"get etc/ssh/host_key {tmp_path}/stolen",
        f"get inbox/../etc/ssh/host_key {tmp_path}/stolen",
        f"get {standing.place.folder}/etc/ssh/host_key {tmp_path}/stolen",
        f"get inbox/key {tmp_path}/stolen",
        f"get inbox/way-out/ssh/host_key {tmp_path}/stolen",
        f"put {mine} etc/ssh/authorized_keys",
        f"put {mine} inbox/way-out/application/pgpass",
        f"put {mine} inbox/key",
        "ls etc",
        "mkdir inbox/more",
        "symlink /etc/passwd inbox/passwd",
    ):
        assert (attempt, interface(attempt).returncode) != (attempt, 0)
    assert not (tmp_path / "stolen").exists()
    shell = subprocess.run(
        [
            "ssh",
            "-F",
            str(config),
            "-i",
            str(standing.interface_key),
            f"interface-{alias}",
            "cat etc/ssh/host_key",
        ],
        capture_output=True,
        timeout=20,
        check=False,
        input=b"",
    )
    assert b"PRIVATE KEY" not in shell.stdout
    standing.place.run("rm", "-f", standing.place.path("inbox/way-out"), standing.place.path("inbox/key"))
    same, told = standing.stack.matches_its_program()
    assert same, told


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
    assert (status, "not open yet" in page) == (503, True)
    path = standing.site.verification_path
    assert standing.get(f"{path}healthz")[0] == 403
    assert standing.get(f"{path}healthz", token="x" * 32)[0] == 403
    status, answer = standing.get(f"{path}healthz", token=standing.site.verification_token.get_secret_value())
    assert status == 200
    seen = json.loads(answer)
    assert seen["path"] == "/healthz"
    assert seen["database_user"] == standing.site.database.application.name
    assert seen["token_seen"] is None


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
        ("birke-db-care_migration",),
        ("birke-db-care_app", "SUPERUSER", "password"),
        ("birke-database", "may_connect", "PUBLIC"),
        ("birke-database", "default_grants"),
    )
    _repaired(standing)
    standing.sql(standing.site.database.migration, "SELECT 1")


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
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            assert standing.sql(standing.site.database.application, "SELECT 1") == [(1,)]
            break
        except (psycopg.OperationalError, AssertionError):
            time.sleep(0.1)
    assert int(standing.place.path("run/postgresql.pid").read_text()) != before


def test_two_environments_stand_side_by_side_and_prod_is_guarded(standing: Standing) -> None:
    """prod stands beside test, refuses to be destroyed, and leaves a readable backup once it may be."""
    workspace = standing.stack.workspace
    with destroyed(Stack(workspace, "birke-prod")) as prod:
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
    with destroyed(Stack(workspace, "zwei-test")) as other:
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
