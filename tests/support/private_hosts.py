"""
Two hosts of one's own for tests: an sshd and a PostgreSQL cluster with TLS each, on loopback.

Promise: each has its own address, host key, authority and login folder, as the hosts of a real move have. All
processes are children of the test run and end with it.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

import psycopg
from pydantic import SecretStr

from migrate.databases import Endpoint
from provisioning.certificates import new_authority, sign_server

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))

_LOGIN = """#!/bin/sh
cd '{folder}' && export HOME='{folder}' PATH="{binaries}:$PATH"
exec sh -c "${{SSH_ORIGINAL_COMMAND:-exec sh}}"
"""

_SSHD = """
ListenAddress {address}:{port}
HostKey {folder}/etc/host_key
AuthorizedKeysFile {folder}/etc/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
GatewayPorts clientspecified
MaxStartups 50
MaxSessions 50
# Commands over SSH do not go through this machine's own shell start-up files, which may take their time.
SetEnv SHLVL=2
"""

_SSH = """Host {alias}
  HostName {address}
  Port {port}
  User {user}
  IdentityFile {folder}/etc/identity
  UserKnownHostsFile {folder}/etc/known_hosts
  IdentitiesOnly yes
  StrictHostKeyChecking yes
"""


def _unprivileged() -> str | None:
    """Whom PostgreSQL runs as: itself refuses root."""
    return "postgres" if os.geteuid() == 0 else None


def free_port(address: str) -> int:
    with socket.create_server((address, 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class PrivateHost:
    """A running host. `folder` is where a login lands."""

    alias: str
    folder: Path
    address: str
    ssh_port: int
    pg_port: int
    ca: str
    superuser_password: str
    binaries: Path = BINARIES
    """Of its server; clients are always the machine's own."""
    is_servers_own: bool = False
    """Whether a login is the user that the server runs as, as on a site of this machine."""
    postgres: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    """What its server gets beside this machine's."""

    @property
    def login(self) -> str | None:
        """Whom one logs in as, and so whom sshd runs as; None for whoever runs the tests."""
        return _unprivileged() if self.is_servers_own else None

    @property
    def ssh_config(self) -> Path:
        return self.folder / "etc" / "ssh_config"

    def endpoint(
        self, dbname: str = "postgres", user: str = "postgres", password: str | None = None
    ) -> Endpoint:
        secret = SecretStr(password or self.superuser_password)
        return Endpoint(self.address, self.pg_port, dbname, user, secret, self.ca)

    def psql(self, dbname: str, statements: str) -> None:
        """Run statements as the superuser; several, with client-side COPY, as psql reads them."""
        subprocess.run(
            [BINARIES / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, self.local(dbname)],
            input=statements.encode(),
            env={**os.environ, "PGPASSWORD": self.superuser_password},
            check=True,
        )

    def local(self, dbname: str) -> str:
        return f"host={self.address} port={self.pg_port} user=postgres dbname={dbname} sslmode=require"

    def connect(self, dbname: str, **more: object) -> psycopg.Connection[tuple[object, ...]]:
        """An ordinary client's session, as an application has one."""
        return psycopg.connect(
            self.local(dbname),
            password=self.superuser_password,
            autocommit=True,
            **more,  # type: ignore[arg-type] # whatever libpq understands
        )

    def start_postgres(self) -> None:
        log = (self.folder / "pg.log").open("ab")
        with log:
            self.postgres = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "pg"],
                user=_unprivileged(),
                group=_unprivileged(),
                extra_groups=[] if _unprivileged() else None,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        # Long, since the machine may be busy with others' servers; a server that ended is not waited for.
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect("postgres").close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self.postgres.poll() is not None:
                    said = (self.folder / "pg.log").read_text(errors="replace")[-2000:]
                    error.add_note(f"exit status {self.postgres.poll()}; its log ends with:\n{said}")
                    raise
                time.sleep(0.05)

    def stop_postgres(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.postgres is not None and self.postgres.poll() is None:
            self.postgres.send_signal(how)
            self.postgres.wait(timeout=30)


@contextmanager
def private_host(
    alias: str, base: Path, *, binaries: Path = BINARIES, address: str = "", is_servers_own: bool = False
) -> Iterator[PrivateHost]:
    """
    Start a host; stop it and all that is its own at the end.

    Args:
        binaries: Hold its server.
        address: Another host's, to be one with it; by default its own.
        is_servers_own: Log in as the user that the server runs as; else as whoever runs the tests.
    """
    octets = secrets.token_bytes(2)
    address = address or f"127.{80 + secrets.randbelow(20)}.{octets[0]}.{max(2, octets[1] - 1)}"
    folder = base / alias
    (folder / "etc").mkdir(parents=True)
    with ExitStack() as stack:
        host = PrivateHost(
            alias=alias,
            folder=folder,
            address=address,
            ssh_port=free_port(address),
            pg_port=free_port(address),
            ca="",
            superuser_password=_new_cluster(binaries).password,
            binaries=binaries,
            is_servers_own=is_servers_own,
        )
        _make_cluster(host)
        _make_sshd(host)
        sshd = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-q", "-f", folder / "etc" / "sshd_config"],
            stdin=subprocess.DEVNULL,
            user=host.login,
            group=host.login,
            extra_groups=[] if host.login else None,
        )
        stack.callback(_end, sshd)
        host.start_postgres()
        stack.callback(host.stop_postgres)
        yield host


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=10)


def _make_sshd(host: PrivateHost) -> None:
    etc = host.folder / "etc"
    for name in ("host_key", "identity"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", etc / name], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    key = (etc / "identity.pub").read_text()
    (etc / "authorized_keys").write_text(f'command="{etc}/login" {key}')
    (etc / "login").write_text(_LOGIN.format(folder=host.folder, binaries=BINARIES))
    (etc / "login").chmod(0o755)
    values = {"address": host.address, "port": host.ssh_port, "folder": host.folder, "alias": host.alias}
    (etc / "sshd_config").write_text(_SSHD.format(**values))
    key = " ".join((etc / "host_key.pub").read_text().split()[:2])
    (etc / "known_hosts").write_text(f"[{host.address}]:{host.ssh_port} {key}\n")
    if host.login:
        for path in (host.folder, etc / "host_key"):
            shutil.chown(path, host.login, host.login)
    user = host.login or pwd.getpwuid(os.geteuid()).pw_name
    host.ssh_config.write_text(_SSH.format(user=user, **values))


def _make_cluster(host: PrivateHost) -> None:
    data = host.folder / "pg"
    user = _unprivileged()
    if user:
        # The way down to the cluster must be open to the user that runs it.
        for parent in (data.parent, *data.parent.parents):
            if parent.owner() == "root" and parent != Path("/") and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    (host.folder / "etc" / "superuser").write_text(host.superuser_password)
    subprocess.run(["cp", "-a", "--reflink=auto", _new_cluster(host.binaries).folder, data], check=True)
    host.ca, certificate, key = _certificate(host.address)
    (data / "server.crt").write_bytes(certificate)
    (data / "server.key").write_bytes(key)
    (data / "server.key").chmod(0o600)
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(
            f"listen_addresses = '{host.address}'\nport = {host.pg_port}\nssl = on\nfsync = off\n"
            "unix_socket_directories = ''\nmax_connections = 60\nshared_buffers = 32MB\n"
            "max_prepared_transactions = 5\nlog_min_messages = warning\n"
            # As a server must be whose databases are moved while it is at work, both ways.
            "wal_level = logical\nmax_replication_slots = 20\nmax_wal_senders = 20\n"
        )
    (data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
    if user:
        for path in data.rglob("server.*"):
            shutil.chown(path, user, user)


@dataclass(frozen=True)
class _NewCluster:
    """A cluster as `initdb` makes it, and its superuser's password."""

    folder: Path
    password: str


@cache
def _new_cluster(binaries: Path) -> _NewCluster:
    """Make one for this process, to be copied: that takes a tenth of what `initdb` does."""
    scratch = tempfile.TemporaryDirectory(prefix="bascule-cluster-")
    atexit.register(scratch.cleanup)
    made = _NewCluster(Path(scratch.name) / "pg", secrets.token_urlsafe(12))
    made.folder.mkdir(mode=0o700)
    user = _unprivileged()
    if user:
        made.folder.parent.chmod(0o711)
        shutil.chown(made.folder, user, user)
    given = made.folder.with_name("superuser")
    given.write_text(made.password)
    subprocess.run(
        [
            *(binaries / "initdb", "-D", made.folder, "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--no-sync", "--pwfile", given),
        ],
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return made


def _certificate(address: str) -> tuple[str, bytes, bytes]:
    """An authority's PEM, and a server's certificate and key that it signed for `address`."""
    life = timedelta(days=1)
    authority = new_authority(f"test authority of {address}", life)
    signed = sign_server(authority, [address], life)
    return authority.certificate, signed.certificate.encode(), signed.private_key.encode()
