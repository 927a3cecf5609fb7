"""
Databases: where they are and how they are reached, legacy and site alike.

Promise: every connection goes through the SSH connection of the database's own side, checks the
server's certificate and name (sslmode=verify-full), and pins all settings that change how values
look as text, so that both sides print a value alike. Passwords come from files or `SecretStr` and
never stand in an argument.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from fabric import Connection as SshConnection
from psycopg import sql
from pydantic import SecretStr

from migrate import routes
from migrate.connections import Hosts
from migrate.errors import MigrationError
from migrate.logins import Expiry
from migrate.sessions import PINNED, Session, Sessions, opened
from provisioning.manifest import Environment, LegacyDatabase
from provisioning.site import DatabaseRole

__all__ = [
    "PINNED",
    "Database",
    "Endpoint",
    "Session",
    "legacy_database",
    "query",
    "secret_line",
    "site_database",
    "site_login",
    "text_of",
    "value",
]


@dataclass(frozen=True)
class Endpoint:
    """A database and the role that works on it. `host` is the name in the server's certificate."""

    host: str
    port: int
    dbname: str
    user: str
    password: SecretStr
    ca: str
    """PEM of the authority that signed the server's certificate."""
    hostaddr: str = ""
    """Where it is reached, if that is not what `host` leads to: a tunnel's end."""

    @property
    def pgpass(self) -> bytes:
        """A password file (PGPASSFILE) with this one line; write it with mode 0600 only."""
        fields = (self.host, str(self.port), self.dbname, self.user, self.password.get_secret_value())
        return (":".join(f.replace("\\", r"\\").replace(":", r"\:") for f in fields) + "\n").encode()

    @property
    def place(self) -> dict[str, Any]:
        """Where it is, as settings of a libpq connection; the certificate is checked for ``host``."""
        place = {"host": self.host, "port": self.port, "dbname": self.dbname}
        return place | ({"hostaddr": self.hostaddr} if self.hostaddr else {})

    def conninfo(self, *, ca_file: str, application: str = "bascule") -> str:
        """A libpq connection string without the password, for a program on another host."""
        return psycopg.conninfo.make_conninfo(
            **self.place,
            user=self.user,
            sslmode="verify-full",
            sslrootcert=ca_file,
            application_name=application,
            connect_timeout=10,
        )


@dataclass(frozen=True)
class Database:
    """One side of a move: a database and the host that it is reached from."""

    name: str
    """As messages call it, such as ``besa on server``."""
    endpoint: Endpoint
    through: SshConnection
    kept: Sessions | None = field(default=None, compare=False, repr=False)
    """Where sessions are kept open between two uses; without it each use opens its own."""
    far_end: Callable[[], Endpoint] | None = field(default=None, compare=False, repr=False)
    """How the other side of a move reaches it, where no network leads there."""

    @property
    def from_afar(self) -> Endpoint:
        """
        The database as servers and programs of the other side of a move reach it.

        Raises:
            EngineError: It is reached through a site's host, which is not stood up.
        """
        return self.far_end() if self.far_end else self.endpoint

    @contextmanager
    def opened(self, *, role: str | None = None) -> Iterator[Session]:
        """As `opened_many`, one connection."""
        with self.opened_many(1, role=role) as (session,):
            yield session

    @contextmanager
    def opened_many(self, count: int, *, role: str | None = None) -> Iterator[list[Session]]:
        """
        Open `count` sessions in autocommit, pinned as `PINNED` says, until the end of the block.

        Args:
            role: Act as this role (SET ROLE).

        Raises:
            ConnectionFailed: The server does not answer, refuses the password, or shows a
                certificate that the pinned authority did not sign for this name.
        """
        lending = self.kept.opened(self, count) if self.kept else opened(self, count)
        with lending as sessions:
            if role is not None:
                for session in sessions:
                    session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            yield sessions

    def expiry(self) -> Expiry | None:
        """
        When its role's password ends; None where it never does.

        Raises:
            ConnectionFailed: As `opened`.
        """
        with self.opened() as session:
            seconds = value(session, query("login_expiry"))
        if seconds is None:
            return None
        user = self.endpoint.user
        return Expiry(
            self.name, user, float(seconds), f'ALTER ROLE "{user}" VALID UNTIL a day well after the move'
        )


def legacy_database(hosts: Hosts, database: LegacyDatabase, environment: Environment = "prod") -> Database:
    """
    One of the databases under ``legacy.databases``, reached through its host.

    Args:
        environment: Of the site that it moves to: from there a tunnel leads to it, where it is behind one.

    Raises:
        MigrationError: Its password or CA file is missing, or others may read the password.
    """
    root = hosts.workspace.root
    address = hosts.legacy_address(database.host)
    endpoint = Endpoint(
        host=address,
        port=database.port,
        dbname=database.dbname,
        user=database.user,
        password=SecretStr(secret_line(root / database.password_file)),
        ca=text_of(root / database.ca_file),
    )
    return Database(
        f"{database.dbname} on {database.host}",
        endpoint,
        hosts.legacy(database.host),
        hosts.sessions,
        routes.to_legacy(hosts, database, endpoint, environment),
    )


def site_database(hosts: Hosts, environment: Environment = "prod", *, role: str = "migration") -> Database:
    """
    The database of a site, as its migration role (or ``owner``, ``application``, ``mover``).

    Raises:
        EngineError: The site is not stood up.
        MigrationError: It has no such role, as a site has no mover but while a move lasts.
    """
    outputs, login = hosts.site(environment).database, site_login(hosts, environment, role)
    endpoint = Endpoint(
        host=outputs.host,
        port=outputs.port,
        dbname=outputs.dbname,
        user=login.name,
        password=login.password,
        ca=outputs.ca,
    )
    name = f"{outputs.dbname} on {hosts.manifest.stack(environment)}"
    far_end = routes.to_site(hosts, endpoint, environment)
    return Database(name, endpoint, hosts.runner(environment), hosts.sessions, far_end)


def site_login(hosts: Hosts, environment: Environment, role: str) -> DatabaseRole:
    """
    One of the roles of a site's database, whatever its engine.

    Raises:
        EngineError: The site is not stood up.
        MigrationError: It has no such role, as a site has no mover but while a move lasts.
    """
    login: DatabaseRole | None = getattr(hosts.site(environment).database, role)
    if login is None:
        stack = hosts.manifest.stack(environment)
        raise MigrationError(
            f"{stack} has no role {role}",
            next_step=f"pulumi config set bascule:moving true -s {stack}, then pulumi up -s {stack}",
        )
    return login


def query(name: str) -> bytes:
    """The text of ``migrate/sql/<name>.sql``; runnable in psql as it stands."""
    return (package_files("migrate") / "sql" / f"{name}.sql").read_bytes()


def value(session: Session, statement: LiteralString | bytes | sql.SQL | sql.Composed, *args: Any) -> Any:
    """Return the one value that a statement gives."""
    row = session.execute(statement, args or None).fetchone()
    if row is None:
        raise MigrationError(f"{session.info.dbname}: a query that gives one row gave none")
    return row[0]


def secret_line(path: Path) -> str:
    """The first line of a file that holds a password; refused when others may read it."""
    text = text_of(path)
    if path.stat().st_mode & 0o077:
        raise MigrationError(f"others may read {path}", next_step=f"chmod 600 {path}")
    return text.splitlines()[0] if text else ""


def text_of(path: Path) -> str:
    """A file that the manifest names."""
    try:
        return path.read_text()
    except OSError as error:
        raise MigrationError(
            f"{path}: {error.strerror}", next_step="correct legacy.databases in the manifest"
        ) from error
