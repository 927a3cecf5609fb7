"""
Where a MariaDB database is, and sessions in it.

Promise: every connection goes through the SSH connection of the database's own side and speaks TLS,
checking the server's certificate and name; settings that change how values look are pinned, so that
both sides print a value alike. Passwords are in `SecretStr` or in files and never in an argument; what
a server says is told without the values it quotes.
"""

import re
import socket
import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymysql
from fabric import Connection as SshConnection
from pydantic import SecretStr
from pymysql.cursors import DictCursor, SSDictCursor

from migrate.connections import Hosts
from migrate.databases import query as query_bytes
from migrate.databases import secret_line, site_login, text_of
from migrate.errors import ConnectionFailed, MigrationError
from migrate.logins import Expiry
from migrate.tunnels import Tunnel
from provisioning.manifest import Environment, LegacyDatabase

LONGEST_PACKET_BYTES = 1 << 30
_CONNECT_SECONDS = 10

PINNED = (
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', max_statement_time = 0, "
    "net_read_timeout = 3600, net_write_timeout = 3600, wait_timeout = 28800, sql_quote_show_create = 1, "
    "sql_big_selects = 1, sql_select_limit = DEFAULT, sql_safe_updates = 0, sql_auto_is_null = 0, "
    "group_concat_max_len = 1048576, max_sort_length = 8192, tx_isolation = 'REPEATABLE-READ'"
)
"""Of every session, the same on both sides."""

_QUOTED = re.compile(r"((?:entry|value:?|near) )'.*?'(?= for | at |$)", re.DOTALL)


class ServerRefused(MigrationError):  # noqa: N818 - reads as what it is
    """A server refused a statement. `code` is its error number; values are left out of what it said."""

    def __init__(self, what: str, *, code: int, state: str = "", next_step: str = "") -> None:
        super().__init__(what, state=state, next_step=next_step)
        self.code = code


def without_values(said: str) -> str:
    """What a server said, without the rows' values and statements that it quotes."""
    return _QUOTED.sub(r"\1'…'", said)


def name(*parts: str) -> str:
    """An identifier as SQL has it, quoted: ``name("besa", "Kunde")`` is besa.Kunde."""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def formatted(text: str) -> str:
    """A piece of a statement that is given arguments, so that a ``%`` in it stands for itself."""
    return text.replace("%", "%%")


def literal(text: str) -> str:
    """A string as SQL has it, for places that take no parameter; right under `PINNED`'s sql_mode."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@dataclass(frozen=True)
class MariaEndpoint:
    """A database and the account that works on it. `host` is the name in the server's certificate."""

    host: str
    port: int
    dbname: str
    user: str
    password: SecretStr
    ca: str
    """PEM of the authority that signed the server's certificate."""

    def option_file(self, *, ca_file: str) -> bytes:
        """For ``--defaults-file`` of a program on another host; write it with mode 0600 only."""
        password = self.password.get_secret_value().replace("\\", "\\\\")
        return (
            f"[client]\nprotocol=TCP\nhost={self.host}\nport={self.port}\nuser={self.user}\n"
            f'password="{password}"\nssl-ca={ca_file}\nssl-verify-server-cert\n'
            f"default-character-set=utf8mb4\nconnect-timeout={_CONNECT_SECONDS}\n"
            f"[mariadb]\nmax-allowed-packet={LONGEST_PACKET_BYTES}\n"
        ).encode()


class MariaSession:
    """One session, each statement committing by itself until a transaction is begun."""

    def __init__(self, connection: "pymysql.Connection[DictCursor]", shown: str) -> None:
        self._connection = connection
        self.shown = shown

    def run(self, statement: str, *args: Any) -> list[dict[str, Any]]:
        """
        Run a statement and return its rows.

        Args:
            args: For the ``%s`` in it; without any, a ``%`` stands for itself.

        Raises:
            ServerRefused: The server did not do it, or went away.
        """
        with self._telling(), self._connection.cursor() as cursor:
            cursor.execute(statement, args or None)
            return list(cursor.fetchall())

    def change(self, statement: str, *args: Any) -> int:
        """Run a statement as `run` does, and return how many rows it changed."""
        with self._telling(), self._connection.cursor() as cursor:
            return cursor.execute(statement, args or None)

    def value(self, statement: str, *args: Any) -> Any:
        """Return the first value of the first row."""
        rows = self.run(statement, *args)
        if not rows:
            raise MigrationError(f"{self.shown}: a query that gives one row gave none")
        return next(iter(rows[0].values()))

    def stream(self, statement: str, *args: Any) -> Generator[tuple[Any, ...], None, None]:
        """Yield rows as they come, however many, as `run`; nothing else may run in this session meanwhile."""
        with self._telling(), self._connection.cursor(SSDictCursor) as cursor:
            cursor.execute(statement, args or None)
            for row in cursor:
                yield tuple(row.values())

    @property
    def is_open(self) -> bool:
        """Whether it did not break yet, as far as its last statement told."""
        return bool(self._connection.open)

    def close(self) -> None:
        if self._connection.open:
            self._connection.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except pymysql.MySQLError as error:
            code, said = (*error.args, "", "")[:2]
            raise ServerRefused(
                f"{self.shown}: {without_values(str(said or code))}", code=code if type(code) is int else 0
            ) from None  # the driver's own error quotes values


@dataclass(frozen=True)
class MariaDatabase:
    """One side of a move: a database and the host that it is reached from."""

    name: str
    """As messages call it, such as ``besa on server``."""
    endpoint: MariaEndpoint
    through: SshConnection

    @contextmanager
    def opened(self) -> Iterator[MariaSession]:
        """
        Open a session, pinned as `PINNED` says, until the end of the block.

        Raises:
            ConnectionFailed: The server does not answer, refuses the password, or shows a
                certificate that the pinned authority did not sign for this name.
        """
        with Tunnel(self.through, self.endpoint.host, self.endpoint.port) as tunnel:
            session = MariaSession(self.connect(tunnel.port), self.name)
            try:
                session.run(PINNED)
                yield session
            finally:
                session.close()

    def expiry(self) -> Expiry | None:
        """
        When its account's password ends; None where it never does, or where the account may not see it.

        Raises:
            ConnectionFailed: As `opened`.
        """
        with self.opened() as session:
            seconds = login_seconds(session)
        if seconds is None:
            return None
        user = self.endpoint.user
        remedy = f"ALTER USER {user} PASSWORD EXPIRE NEVER, until after the move"
        return Expiry(self.name, user, seconds, remedy)

    def connect(
        self, local_port: int, cursorclass: type[pymysql.cursors.Cursor] = DictCursor
    ) -> "pymysql.Connection[Any]":
        """
        Log in through a tunnel that begins at `local_port`; nothing is pinned.

        Raises:
            ConnectionFailed: As `opened`.
        """
        end = self.endpoint
        context = ssl.create_default_context(cadata=end.ca)
        try:
            connection = pymysql.connect(
                # `host` is what the certificate is checked for; the socket below is where the tunnel begins.
                host=end.host,
                port=end.port,
                database=end.dbname,
                user=end.user,
                password=end.password.get_secret_value(),
                ssl=context,
                charset="utf8mb4",
                cursorclass=cursorclass,
                autocommit=True,
                program_name="bascule",
                connect_timeout=_CONNECT_SECONDS,
                max_allowed_packet=LONGEST_PACKET_BYTES,
                defer_connect=True,
            )
            near = socket.create_connection(("127.0.0.1", local_port), timeout=_CONNECT_SECONDS)
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                connection.connect(near)
            except BaseException:
                near.close()
                raise
        except (pymysql.MySQLError, OSError) as error:
            said = str(error.args[1] if len(error.args) > 1 else error)
            raise ConnectionFailed(
                f"{self.name}: no connection as {end.user} to {end.dbname} at {end.host}:{end.port}: {said}",
                next_step="see that it runs, and that the user, password and CA given for it are its own",
            ) from error
        return connection


def login_seconds(session: MariaSession) -> float | None:
    """Return how long the session's password is still good; None without an end, or where none is shown."""
    try:
        rows = session.run(query("login_expiry"))
    except ServerRefused as error:
        # 1142: no right to the accounts' table. 1193: before 10.4.3 passwords do not expire by themselves.
        if error.code not in (1142, 1146, 1193):
            raise
        return None
    return None if not rows or rows[0]["seconds"] is None else float(rows[0]["seconds"])


def mariadb_legacy(hosts: Hosts, database: LegacyDatabase) -> MariaDatabase:
    """
    One of the MariaDB databases under ``legacy.databases``, reached through its host.

    Raises:
        MigrationError: Its password or CA file is missing, or others may read the password.
    """
    root = hosts.workspace.root
    endpoint = MariaEndpoint(
        host=hosts.legacy_address(database.host),
        port=database.port,
        dbname=database.dbname,
        user=database.user,
        password=SecretStr(secret_line(root / database.password_file)),
        ca=text_of(root / database.ca_file),
    )
    return MariaDatabase(f"{database.dbname} on {database.host}", endpoint, hosts.legacy(database.host))


def mariadb_site(hosts: Hosts, environment: Environment, role: str) -> MariaDatabase:
    """
    The MariaDB database of a site, as one of its roles.

    Raises:
        EngineError: The site is not stood up.
        MigrationError: It has no such role.
    """
    outputs, login = hosts.site(environment).database, site_login(hosts, environment, role)
    endpoint = MariaEndpoint(
        host=outputs.host,
        port=outputs.port,
        dbname=outputs.dbname,
        user=login.name,
        password=login.password,
        ca=outputs.ca,
    )
    name = f"{outputs.dbname} on {hosts.manifest.stack(environment)}"
    return MariaDatabase(name, endpoint, hosts.target(environment))


def mariadb_of(database: object) -> MariaDatabase:
    """
    Return one side of a task whose engine is MariaDB.

    Raises:
        MigrationError: It is another engine's.
    """
    if not isinstance(database, MariaDatabase):
        raise MigrationError(
            f"{getattr(database, 'name', database)!s} is no MariaDB database",
            next_step="set the playbook's mode to one that fits both engines",
        )
    return database


def query(of: str) -> str:
    """The text of ``migrate/sql/mariadb_<of>.sql``; runnable in mariadb as it stands."""
    return query_bytes(f"mariadb_{of}").decode()
