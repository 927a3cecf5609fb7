"""
A MariaDB server of one's own beside a test's host: own data, port, certificate and accounts.

Promise: listens on that host's address only and takes TLS only; it is a child of the test run and
ends with it. Nothing of the machine's own MariaDB configuration is read.
"""

import os
import secrets
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
from fabric import Connection
from pydantic import SecretStr
from pymysql.cursors import Cursor

from migrate.connections import connect
from migrate.mariadb.session import MariaDatabase, MariaEndpoint
from migrate.waiting import wait_until
from tests.support.private_hosts import PrivateHost, _certificate, _end, free_port, private_host

ADMIN = "admin"


def _unprivileged() -> str | None:
    """Whom MariaDB runs as: itself refuses root."""
    return "mysql" if os.geteuid() == 0 else None


@dataclass
class MariaServer:
    """A running server and the database in it that a move is about. `folder` holds its data and log."""

    host: PrivateHost
    folder: Path
    port: int
    ca: str
    password: str
    dbname: str
    options: Sequence[str]
    process: subprocess.Popen[bytes] | None = None

    def endpoint(self, user: str = ADMIN, password: str | None = None) -> MariaEndpoint:
        secret = SecretStr(password or self.password)
        return MariaEndpoint(self.host.address, self.port, self.dbname, user, secret, self.ca)

    def database(self, through: Connection, user: str = ADMIN, password: str | None = None) -> MariaDatabase:
        return MariaDatabase(f"{self.dbname} on {self.host.alias}", self.endpoint(user, password), through)

    def connect(self) -> Connection:
        """SSH to its host."""
        return connect(self.host.ssh_config, self.host.alias)

    def sql(
        self, statements: str, *, user: str = ADMIN, password: str | None = None, check: bool = True
    ) -> list[list[str]]:
        """Run statements as the mariadb client reads them; return all rows as text."""
        words = ["mariadb", f"--defaults-file={self.options_of(user, password)}", "-N", "-B", self.dbname]
        done = subprocess.run(words, input=statements.encode(), capture_output=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    def options_of(self, user: str, password: str | None = None) -> Path:
        """An option file with which the mariadb client logs in."""
        path = self.folder / f"client-{user}.cnf"
        path.touch(mode=0o600)
        (self.folder / "ca.pem").write_text(self.ca)
        path.write_bytes(self.endpoint(user, password).option_file(ca_file=str(self.folder / "ca.pem")))
        return path

    def client(self, user: str = ADMIN, password: str | None = None) -> "pymysql.Connection[Cursor]":
        """An ordinary client's session, as an application has one; each statement commits."""
        return pymysql.connect(
            host=self.host.address,
            port=self.port,
            user=user,
            password=password or self.password,
            database=self.dbname,
            ssl=ssl.create_default_context(cadata=self.ca),
            autocommit=True,
        )

    def start(self, *more: str) -> None:
        data, user = self.folder / "data", _unprivileged()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *("/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}"),
                    # Servers that share a folder for it come upon one another's temporary tables there.
                    f"--tmpdir={self.folder}/scratch",
                    *(f"--bind-address={self.host.address}", f"--port={self.port}"),
                    *(f"--socket={self.folder}/s", f"--init-file={self.folder}/data/first.sql"),
                    *(f"--ssl-cert={data}/server.crt", f"--ssl-key={data}/server.key"),
                    *(
                        "--require-secure-transport=ON",
                        "--skip-name-resolve",
                        "--plugin-load-add=auth_ed25519",
                    ),
                    *("--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", "--skip-log-warnings"),
                    *("--innodb-flush-log-at-trx-commit=2", "--event-scheduler=ON", *self.options, *more),
                ],
                user=user,
                group=user,
                extra_groups=[] if user else None,
                stdout=log,
                stderr=log,
            )
        assert wait_until(self._answers, deadline_seconds=40, pace_seconds=0.1), self.log()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        words = ["mariadb", f"--defaults-file={self.options_of(ADMIN)}", "-e", "SELECT 1"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


@contextmanager
def maria_server(
    host: PrivateHost, *, server_id: int, dbname: str = "besa", options: Sequence[str] = ()
) -> Iterator[MariaServer]:
    """Start a server that writes a row-based binary log, with an empty database; stop it at the end."""
    folder = host.folder / "mariadb"
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "scratch").mkdir()
    binlog = ("--log-bin=binlog", "--binlog-format=ROW", f"--server-id={server_id}")
    ca, certificate, key = _certificate(host.address)
    password = secrets.token_urlsafe(12)
    server = MariaServer(host, folder, free_port(host.address), ca, password, dbname, (*binlog, *options))
    subprocess.run(
        [
            *("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"),
            *(
                "--auth-root-authentication-method=socket",
                "--skip-name-resolve",
                "--innodb-log-file-size=16M",
            ),
        ],
        env={**os.environ, "TMPDIR": str(folder / "scratch")},
        capture_output=True,
        check=True,
    )
    (data / "server.crt").write_bytes(certificate)
    (data / "server.key").write_bytes(key)
    (data / "first.sql").write_text(
        f"SET sql_log_bin = 0;\nCREATE DATABASE IF NOT EXISTS `{dbname}` CHARACTER SET utf8mb4;\n"
        f"CREATE USER IF NOT EXISTS {ADMIN}@'%' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL PRIVILEGES ON *.* TO {ADMIN}@'%' WITH GRANT OPTION;\n"
    )
    for path in (data / "server.key", data / "first.sql"):
        path.chmod(0o600)
    if user := _unprivileged():
        for path in (folder, folder / "scratch", data, *data.rglob("*")):
            shutil.chown(path, user, user)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            _end(server.process)


@dataclass
class MariaMove:
    """Two hosts with a MariaDB each, and SSH to both."""

    legacy: MariaServer
    site: MariaServer
    source: MariaDatabase
    target: MariaDatabase


@contextmanager
def a_maria_move(
    base: Path, options: Sequence[str] = (), *, is_servers_own: bool = False
) -> Iterator[MariaMove]:
    """
    Start both hosts, with an empty database each; stop them at the end.

    Args:
        is_servers_own: The site's login is nobody special, and may run a server.
    """
    with ExitStack() as stack:
        servers = []
        for alias, server_id in (("legacy", 11), ("site", 22)):
            is_own = is_servers_own and alias == "site"
            host = stack.enter_context(private_host(alias, base, is_servers_own=is_own))
            servers.append(stack.enter_context(maria_server(host, server_id=server_id, options=options)))
        legacy, site = servers
        through = [stack.enter_context(server.connect()) for server in servers]
        yield MariaMove(legacy, site, legacy.database(through[0]), site.database(through[1]))


HARD_SCHEMA = (Path(__file__).parent / "hard_mariadb.sql").read_text()
"""Tables and rows with what has hurt others: see the file's own words."""
