"""A host on AWS against real servers: its web server, its database's roles, its dump."""

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
from provisioning.aws.door import VERIFICATION_PATH
from provisioning.aws.targets import ALIVE_PATH
from tests.support.aws_host import SECRET_VALUES, LaidDown, laid_down, settle
from tests.support.private_hosts import PrivateHost, free_port, private_host

DBNAME = "care"
READER = {"reader_password": "of-whoever-reads-figures"}


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Application(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

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


@contextmanager
def serving(host: LaidDown) -> Iterator[int]:
    """Run the host's web server before an application; gives its port."""
    for folder in ("run/site", "var/log/site"):
        (host.root / folder).mkdir(parents=True)
    key, certificate = host.root / "etc/nginx/server.key", host.root / "etc/nginx/server.crt"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-subj", "/CN=host", "-keyout", key, "-out", certificate),
        ],
        capture_output=True,
        check=True,
    )
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


def ask(port: int, path: str, **headers: str) -> tuple[int, str]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as the load balancer asks
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_web_server_lets_in_whom_it_should(tmp_path: Path) -> None:
    """It is alive for the load balancer; the way to verify asks for its token, and hands it on to nobody."""

    def up(port: int) -> bool:
        try:
            return ask(port, ALIVE_PATH) == (200, "alive\n")
        except OSError:
            return False

    with serving(laid_down(tmp_path)) as port:
        assert wait_until(lambda: up(port), deadline_seconds=10, pace_seconds=0.05)
        assert ask(port, f"{VERIFICATION_PATH}version")[0] == 403
        assert ask(port, f"{VERIFICATION_PATH}version", X_Verification_Token="wrong")[0] == 403
        token = SECRET_VALUES["verification_token"]
        status, said = ask(port, f"{VERIFICATION_PATH}version", X_Verification_Token=token)
        assert (status, json.loads(said)) == (200, {"path": "/version", "token": None, "user": "127.0.0.1"})
        status, said = ask(port, "/rooms", X_Forwarded_For="6.6.6.6, 192.0.2.7")
        assert (status, json.loads(said)["user"]) == (200, "192.0.2.7")
