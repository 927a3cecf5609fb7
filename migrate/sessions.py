"""
Sessions with a database: how one is opened, and how some are kept open between two uses.

Promise: a kept session is given out only while it answers, with nothing left of who had it before;
one that broke is replaced by a new one. In the seconds that count, nobody waits for a connection.
"""

import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

import psycopg
from psycopg import pq, sql
from psycopg.rows import TupleRow

from migrate.errors import ConnectionFailed
from migrate.tunnels import Tunnel

if TYPE_CHECKING:
    from migrate.databases import Database

Session = psycopg.Connection[TupleRow]

PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "search_path": "",
    # An error rather than rows that a policy silently leaves out.
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # A fence's flag is for others; rights hold Bascule's own roles like any.
    "default_transaction_read_only": "off",
}
"""Settings of every session; the same on both sides."""

KEPT = 6
"""Idle sessions a database and user at most: as many as a switch has at work on a side at once."""

UNCOMPILED = (
    "CASE WHEN pg_catalog.current_setting('jit', true) IS NOT NULL"
    " THEN pg_catalog.set_config('jit', 'off', false) END"
)
"""Catalogues are asked once, and compiling expressions (since 11) takes longer than asking."""

_PIN = sql.SQL("SELECT {}, {}").format(
    sql.SQL(", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(PINNED))), sql.SQL(UNCOMPILED)
)
_SETTINGS = [word for setting in PINNED.items() for word in setting]


@contextmanager
def beside(session: Session) -> Iterator[Session]:
    """Open a session like this one, by the same way, until the end of the block."""
    with psycopg.connect(session.info.dsn, password=session.info.password, autocommit=True) as other:
        other.execute(_PIN, _SETTINGS)
        yield other


class Reach:
    """A way to one server, open until `close`: a tunnel through its side's host, and the CA as a file."""

    def __init__(self, database: "Database") -> None:
        self._open = ExitStack()
        with ExitStack() as opening:
            end = database.endpoint
            self._tunnel = opening.enter_context(Tunnel(database.through, end.host, end.port))
            self._ca = opening.enter_context(tempfile.NamedTemporaryFile("w", suffix=".pem"))
            self._ca.write(end.ca)
            self._ca.flush()
            self._open = opening.pop_all()

    def connect(self, database: "Database") -> Session:
        """
        Open a session in autocommit, pinned as `PINNED` says.

        Raises:
            ConnectionFailed: The server does not answer, refuses the password, or shows a
                certificate that the pinned authority did not sign for this name.
        """
        end = database.endpoint
        try:
            session = psycopg.connect(
                # `host` is what the certificate is checked for, `hostaddr` where the tunnel begins.
                host=end.host,
                hostaddr="127.0.0.1",
                port=self._tunnel.port,
                dbname=end.dbname,
                user=end.user,
                password=end.password.get_secret_value(),
                sslmode="verify-full",
                sslrootcert=self._ca.name,
                gssencmode="disable",
                application_name="bascule",
                connect_timeout=10,
                client_encoding="UTF8",
                autocommit=True,
                # A kept session forgets its prepared statements between two uses; psycopg would not.
                prepare_threshold=None,
            )
        except psycopg.OperationalError as error:
            there = f"{end.host}:{end.port}"
            said = str(error).strip().replace(f'"127.0.0.1", port {self._tunnel.port}', there)
            said = said.replace(f'file "{self._ca.name}"', "given for it")
            raise ConnectionFailed(
                f"{database.name}: no connection as {end.user} to {end.dbname} at {there}: {said}",
                next_step="see that it runs, and that the user, password and CA given for it are its own",
            ) from error
        session.execute(_PIN, _SETTINGS)
        return session

    def close(self) -> None:
        """Give the tunnel up; sessions through it are broken then."""
        self._open.close()


@contextmanager
def opened(database: "Database", count: int) -> Iterator[list[Session]]:
    """Open `count` sessions and close them at the end; raises as `Reach.connect`."""
    with ExitStack() as stack:
        reach = Reach(database)
        stack.callback(reach.close)
        found: list[Session] = []
        for _ in range(count):
            found.append(reach.connect(database))
            stack.callback(found[-1].close)
        yield found


_Key = tuple[str, int, str, str]


class Sessions:
    """Sessions kept open for all databases of one run (a context manager); safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[_Key, list[Session]] = defaultdict(list)
        self._reaches: dict[_Key, Reach] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            idle = [session for kept in self._idle.values() for session in kept]
            reaches = list(self._reaches.values())
            self._idle.clear()
            self._reaches.clear()
        for session in idle:
            session.close()
        for reach in reaches:
            reach.close()

    @contextmanager
    def opened(self, database: "Database", count: int) -> Iterator[list[Session]]:
        """Lend `count` sessions, kept ones first; raises as `Reach.connect`."""
        lent: list[Session] = []
        try:
            for _ in range(count):
                lent.append(self._take(database))
            yield lent
        finally:
            for session in lent:
                self._give(database, session)

    def _take(self, database: "Database") -> Session:
        key = _key(database)
        while True:
            with self._lock:
                session = self._idle[key].pop() if self._idle[key] else None
            if session is None:
                return self._connect(database, key)
            with suppress(psycopg.Error):
                session.execute(_PIN, _SETTINGS)
                return session
            session.close()

    def _connect(self, database: "Database", key: _Key) -> Session:
        with self._lock:
            known = self._reaches.get(key)
            reach = known or self._reaches.setdefault(key, Reach(database))
        try:
            return reach.connect(database)
        except ConnectionFailed:
            if known is None:
                raise
        # The way may have broken since, not the server: once more by a new one.
        with self._lock:
            if self._reaches.get(key) is known:
                del self._reaches[key]
            reach = self._reaches.setdefault(key, Reach(database))
        known.close()
        return reach.connect(database)

    def _give(self, database: "Database", session: Session) -> None:
        with suppress(psycopg.Error):
            if session.info.transaction_status != pq.TransactionStatus.IDLE:
                session.rollback()
            session.autocommit = True
            session.row_factory = psycopg.rows.tuple_row
            session.execute("DISCARD ALL")
            with self._lock:
                if len(self._idle[_key(database)]) < KEPT:
                    self._idle[_key(database)].append(session)
                    return
        session.close()


def _key(database: "Database") -> _Key:
    end = database.endpoint
    return end.host, end.port, end.dbname, end.user
