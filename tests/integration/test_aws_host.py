"""A host on AWS against real servers: its web server, its database's roles, its dump."""

import getpass
import http.client
import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migrate.waiting import wait_until
from provisioning.aws.artifacts import HOST_FILES
from provisioning.aws.host_settings import inbox_keys
from provisioning.aws.targets import ALIVE_PATH
from provisioning.door_state import VERIFICATION_PATH
from provisioning.manifest import Manifest
from tests.support.aws_host import SECRET_VALUES, LaidDown, laid_down, settings, settle
from tests.support.local_sites import manifest as local_manifest
from tests.support.private_hosts import PrivateHost, free_port, private_host

DBNAME = "care"
READER = {"reader_password": "of-whoever-reads-figures"}


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Application(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        token, user = self.headers.get("X-Verification-Token"), self.headers.get("X-Forwarded-For")
        body = json.dumps({"path": self.path, "token": token, "user": user}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "host"

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateHost, LaidDown]]:
    """A PostgreSQL server in the place of RDS, and a host's files that name it."""
    base = tmp_path_factory.mktemp("rds")
    with private_host("rds", base) as server:
        server.psql("postgres", f"CREATE DATABASE {DBNAME}")
        root = base / "host"
        root.mkdir()
        host = laid_down(
            root,
            database_host=server.address,
            database_port=str(server.pg_port),
            database_ca=server.ca.strip(),
        )
        yield server, host


def make_roles(machine: tuple[PrivateHost, LaidDown], roles: str = "owner application migration") -> None:
    server, host = machine
    with pytest.MonkeyPatch.context() as patch:
        program = settle()
        patch.setattr(program, "HOME", host.home)
        master = {"username": "postgres", "password": server.superuser_password}
        patch.setattr(program, "secret", lambda settings, identity: master)
        program.make_roles(host.settings | {"roles": roles}, SECRET_VALUES | READER)


def login(machine: tuple[PrivateHost, LaidDown], role: str) -> psycopg.Connection:
    server, host = machine
    return psycopg.connect(
        f"host={server.address} port={server.pg_port} dbname={DBNAME} user={host.settings[role]}"
        " sslmode=require require_auth=scram-sha-256",
        password=(SECRET_VALUES | READER)[f"{role}_password"],
        autocommit=True,
    )


def test_roles_may_do_what_they_are_for(machine: tuple[PrivateHost, LaidDown]) -> None:
    """Made twice, each role logs in with its password; the application works on rows and makes nothing."""
    for _ in range(2):
        make_roles(machine)
    with login(machine, "owner") as owner:
        owner.execute("CREATE TABLE resident (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)")
    with login(machine, "application") as application:
        application.execute("INSERT INTO resident (name) VALUES ('Rosa')")
        assert application.execute("SELECT name FROM resident").fetchall() == [("Rosa",)]
        for forbidden in ("CREATE TABLE other ()", "DROP TABLE resident", "CREATE ROLE other"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(forbidden)
    with login(machine, "migration") as migration:
        migration.execute("SET session_replication_role = replica")
        migration.execute("SET ROLE care_owner")


def test_whoever_reads_figures_reads_nothing_else(machine: tuple[PrivateHost, LaidDown]) -> None:
    """On a site from a template its reader logs in, and sees only what the owner gives it."""
    with pytest.raises(psycopg.OperationalError):
        login(machine, "reader")
    for _ in range(2):
        make_roles(machine, "owner application migration reader")
    with login(machine, "owner") as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS secret_of_somebody (name text)")
    with login(machine, "reader") as reader:
        for forbidden in ("TABLE secret_of_somebody", "CREATE TABLE other ()", "SET ROLE care_owner"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden)


def test_no_log_holds_a_password(machine: tuple[PrivateHost, LaidDown]) -> None:
    """A server that logs every statement logs no password: what it is sent is what it keeps."""
    server, _ = machine
    server.psql("postgres", "ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()")
    make_roles(machine)
    server.psql("postgres", "ALTER SYSTEM RESET log_statement; SELECT pg_reload_conf()")
    log = (server.folder / "pg.log").read_text()
    assert "ALTER ROLE" in log
    assert not [value for value in SECRET_VALUES.values() if value in log]


def test_the_dump_of_the_day_is_made_once(machine: tuple[PrivateHost, LaidDown]) -> None:
    """The host's own dump can be read, lies in the backups' folder, and is made once a day."""
    _, host = machine
    make_roles(machine)
    made = []
    for _ in range(2):
        done = subprocess.run(
            [str(host.home / "bin" / "backup")], text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        made.append((Path(done.stdout.strip()), Path(done.stdout.strip()).stat().st_mtime_ns))
    assert made[0] == made[1]
    listing = subprocess.run(
        ["pg_restore", "--list", made[0][0]], text=True, capture_output=True, check=True
    ).stdout
    assert f"dbname: {DBNAME}\n" in listing
    assert [path.name for path in (host.root / "backups").iterdir() if path.suffix == ".part"] == []


def make_certificate(root: Path) -> None:
    """As a host makes its own."""
    made = ["-keyout", f"{root}/etc/nginx/server.key", "-out", f"{root}/etc/nginx/server.crt"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words = ["openssl", "req", "-x509", *kind, "-subj", "/CN=host", *made]
    subprocess.run(words, capture_output=True, check=True)


@contextmanager
def serving(host: LaidDown) -> Iterator[int]:
    """Run the host's web server before an application; gives its port."""
    for folder in ("run/site", "var/log/site", "var/cache/nginx-site"):
        (host.root / folder).mkdir(parents=True)
    make_certificate(host.root)
    port = free_port("127.0.0.1")
    path = host.root / "etc/nginx/nginx.conf"
    text = path.read_text().replace("user site;", "daemon off;\nmaster_process off;")
    text = text.replace("listen 8443", f"listen 127.0.0.1:{port}")
    text = text.replace("set_real_ip_from 10.0.0.0/8", "set_real_ip_from 127.0.0.0/8")
    path.write_text(text.replace(f"include {host.root}/etc/nginx/mime.types;", ""))
    application = Server(str(host.root / "run/site/app.sock"), Application)
    threading.Thread(target=application.serve_forever, args=(0.02,), daemon=True).start()
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-c", path])
    try:
        yield port
    finally:
        nginx.terminate()
        nginx.wait(10)
        application.shutdown()
        application.server_close()


def is_alive(port: int) -> bool:
    """Whether the load balancer would find it well."""
    try:
        return ask(port, ALIVE_PATH) == (200, "alive\n")
    except OSError:
        return False


def ask(port: int, path: str, *, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as the load balancer asks
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request(
            "POST" if body else "GET",
            path,
            body,
            headers={k.replace("_", "-"): v for k, v in headers.items()},
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_runner_says_that_it_is_ready_and_nothing_else(tmp_path: Path) -> None:
    """Its web server answers the load balancer, and whatever else is asked with 404."""
    settle().lay_down(HOST_FILES / "runner", tmp_path, settings(), 0o644)
    make_certificate(tmp_path)
    port = free_port("127.0.0.1")
    path = tmp_path / "etc/nginx/nginx.conf"
    text = path.read_text().replace("user site;", "daemon off;\nmaster_process off;")
    for place in ("/etc/nginx/", "/run/nginx", "/var/log/nginx"):
        text = text.replace(place, f"{tmp_path}{place}")
    for folder in ("run", "var/log/nginx"):
        (tmp_path / folder).mkdir(parents=True)
    path.write_text(text.replace("listen 8443", f"listen 127.0.0.1:{port}"))
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-c", path])
    try:
        assert wait_until(lambda: is_alive(port), deadline_seconds=10, pace_seconds=0.05)
        assert ask(port, "/")[0] == ask(port, f"{VERIFICATION_PATH}version")[0] == 404
    finally:
        nginx.terminate()
        nginx.wait(10)


@contextmanager
def inbox_of(tmp_path: Path) -> Iterator[tuple[LaidDown, list[str]]]:
    """Run the way in for interfaces; gives the host, and the words of an sftp that logs in by its key."""
    keys = {name: tmp_path / name for name in ("site", "interface")}
    for path in keys.values():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    public = {name: " ".join(Path(f"{path}.pub").read_text().split()[:2]) for name, path in keys.items()}
    lab = {"name": "lab", "kind": "sftp", "host": "old", "control": "lab", "public_key": public["interface"]}
    described = Manifest.model_validate({**local_manifest("alpha"), "interfaces": [lab]})
    port = free_port("127.0.0.1")
    (tmp_path / "host").mkdir()
    host = laid_down(
        tmp_path / "host",
        secrets={"inbox_host_key": keys["site"].read_text().strip()},
        inbox_keys="\n".join(inbox_keys(described)),
        inbox_port=str(port),
    )
    path = host.home / "etc" / "inbox" / "sshd_config"
    path.write_text(
        # As somebody of this machine, below a folder that others may write to.
        path.read_text().replace("AllowUsers site", f"AllowUsers {getpass.getuser()}")
        + "ListenAddress 127.0.0.1\nStrictModes no\n"
    )
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {public['site']}\n")
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", path], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        assert "Server listening" in next(iter(server.stderr))
        options = (f"UserKnownHostsFile={known}", "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes")
        words = [word for option in options for word in ("-o", option)]
        words += ["-o", "StrictHostKeyChecking=yes", "-i", str(keys["interface"]), "-P", str(port)]
        yield host, ["sftp", "-q", "-b", "-", *words, f"{getpass.getuser()}@127.0.0.1"]
    finally:
        server.terminate()
        server.wait(10)
        assert server.stderr
        server.stderr.close()


def test_an_interface_reaches_the_inbox_and_nothing_else(tmp_path: Path) -> None:
    """Its key drops files where the application looks for them; no name and no command leads out."""
    (tmp_path / "message").write_text("grüezi")
    with inbox_of(tmp_path) as (host, words):

        def sftp(*commands: str) -> "subprocess.CompletedProcess[str]":
            text = "".join(f"{command}\n" for command in commands)
            return subprocess.run(words, input=text, text=True, capture_output=True, check=False, timeout=20)

        dropped = sftp(f"put {tmp_path}/message inbox/.m1", "rename inbox/.m1 inbox/m1", "ls -1 inbox")
        assert dropped.returncode == 0, dropped.stderr
        assert (Path(host.settings["inbox"]) / "m1").read_text() == "grüezi"
        for command in (f"get inbox/../etc/application/pgpass {tmp_path}/stolen", "mkdir inbox/more"):
            assert sftp(command).returncode != 0, command
        shell = [word for word in ["ssh", *words[1:]] if word not in ("-q", "-b", "-")]
        shell[shell.index("-P")] = "-p"
        done = subprocess.run([*shell, "id"], input="", capture_output=True, text=True, check=False)
        assert "uid=" not in done.stdout
        assert not (tmp_path / "stolen").exists()


def test_the_web_server_lets_in_whom_it_should(tmp_path: Path) -> None:
    """It is alive for the load balancer; the way to verify asks for its token, and hands it on to nobody."""
    with serving(laid_down(tmp_path)) as port:
        assert wait_until(lambda: is_alive(port), deadline_seconds=10, pace_seconds=0.05)
        assert ask(port, f"{VERIFICATION_PATH}version")[0] == 403
        assert ask(port, f"{VERIFICATION_PATH}version", X_Verification_Token="wrong")[0] == 403
        token = SECRET_VALUES["verification_token"]
        status, said = ask(port, f"{VERIFICATION_PATH}version", X_Verification_Token=token)
        assert (status, json.loads(said)) == (200, {"path": "/version", "token": None, "user": "127.0.0.1"})
        assert ask(port, "/upload", body=b"x" * 1_000_000)[0] == 200
        status, said = ask(port, "/rooms", X_Forwarded_For="6.6.6.6, 192.0.2.7")
        assert (status, json.loads(said)["user"]) == (200, "192.0.2.7")
