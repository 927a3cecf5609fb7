"""
The fence of MariaDB: a server that takes no writes but from Bascule and from replication.

``read_only`` holds ordinary accounts. Those with SUPER or READ_ONLY ADMIN write through it, so they are
locked and their sessions end; events are stopped, since they run as whoever made them.

Promise: what lifts the fence lies on the server as a procedure, ``bascule_fence.lift``, before anything
changes; it puts back exactly what was found and goes with its schema. Nothing of it is in the binary
log. The server's local administrators, ``root`` and ``mysql`` at localhost, are not locked out of their
own machine: what they write is noticed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from shlex import quote
from time import monotonic, sleep
from typing import Any

from migrate.errors import FreezeError
from migrate.fence.contract import GRACE_SECONDS, EndedSession, FrozenDatabase, Watched
from migrate.mariadb.replication import markers, unlogged
from migrate.mariadb.session import MariaDatabase, MariaSession, ServerRefused, literal, mariadb_of, query

SCHEMA = "bascule_fence"
CLEAR_SECONDS = 30.0
"""How long ending sessions may take."""
_STALE_SECONDS = 0.11
_LOCK_WAIT, _NO_SUCH_THREAD = 1205, 1094
_LOCAL = frozenset((("root", "localhost"), ("mysql", "localhost"), ("mariadb.sys", "localhost")))

LIFT = f"""SET SESSION sql_log_bin = 0;
DELIMITER //
BEGIN NOT ATOMIC
    IF EXISTS (SELECT * FROM information_schema.ROUTINES
                WHERE ROUTINE_SCHEMA = '{SCHEMA}' AND ROUTINE_NAME = 'lift') THEN
        CALL {SCHEMA}.lift();
    END IF;
    DROP DATABASE IF EXISTS {SCHEMA};
END//
"""  # noqa: S608 - our own words
"""Lifts the fence, as the mariadb client reads it; no fence is no error."""


class MariadbFence:
    """Keeps everybody from writing on a MariaDB server; `databases` are `MariaDatabase`."""

    lift_needs: tuple[str, ...] = ("mariadb",)

    def fence(
        self,
        database: object,
        *,
        name: str = "",
        grace_seconds: float = GRACE_SECONDS,
        within_seconds: float | None = None,
        before: Callable[[], datetime] | None = None,
    ) -> FrozenDatabase:
        """As `migrate.fence.contract.Fence`; the whole server takes no writes."""
        of, begun = mariadb_of(database), monotonic()
        with _telling(), of.opened() as session:
            _refuse_prepared(session, of)
            limit = None
            if within_seconds is not None:
                limit = str(session.value("SELECT SYSDATE(6) + INTERVAL %s SECOND", within_seconds))
            strong = [row for row in session.run(query("bypassing")) if not row["is_own"]]
            excepted = [row for row in strong if (row["user"], row["host"]) in _LOCAL]
            locking = [row for row in strong if row not in excepted]
            frozen_at = before() if before else datetime.now(UTC)
            with unlogged(session):
                _keep(session, [row for row in locking if not row["is_locked"]], limit)
                _changed(session, "SET GLOBAL event_scheduler = OFF", limit)
                for row in locking:
                    _changed(session, f"ALTER USER {_account(row)} ACCOUNT LOCK", limit)
            ended = _stop_writes(session, {row["user"] for row in locking}, grace_seconds, limit)
            rows_written = _counter(session)
        return FrozenDatabase(
            name=name,
            dbname=of.endpoint.dbname,
            frozen_at=frozen_at,
            seconds=round(monotonic() - begun, 3),
            ended=tuple(ended.values()),
            rows_written=rows_written,
            excepted=tuple(f"{row['user']}@{row['host']}" for row in excepted),
        )

    def lift(self, database: object) -> None:
        """Put back what was found; sessions that began meanwhile write again, since nothing holds them."""
        with _telling(), mariadb_of(database).opened() as session, unlogged(session):
            if _is_kept(session):
                session.run(f"CALL {SCHEMA}.lift()")
            session.run(f"DROP DATABASE IF EXISTS {SCHEMA}")

    def lift_files(self, name: str, database: object) -> Mapping[str, bytes]:
        """As `migrate.fence.contract.Fence`; needs the mariadb client on that host."""
        end = mariadb_of(database).endpoint
        script = f"exec mariadb --defaults-file={quote(f'secret-{name}')} < {quote(f'restore-{name}.sql')}\n"
        return {
            f"restore-{name}.sh": script.encode(),
            f"restore-{name}.sql": LIFT.encode(),
            f"secret-{name}": end.option_file(ca_file=f"ca-{name}.pem"),
            f"ca-{name}.pem": end.ca.encode(),
        }

    def is_fenced(self, database: object) -> bool:
        with _telling(), mariadb_of(database).opened() as session:
            return _is_fenced(session)

    def writes_since(self, database: object) -> Watched:
        """As `migrate.fence.contract.Fence`; counts transactions, those of Bascule's markers left out."""
        with _telling(), mariadb_of(database).opened() as session:
            locked = {row["user"] for row in session.run(query("bypassing")) if row["is_locked"]}
            suspects = [
                f"{row['user']} from {row['client']}"
                for row in session.run(query("sessions"))
                if row["has_written"] or row["user"] in locked
            ]
            return Watched(
                is_fenced=_is_fenced(session), rows_written=_counter(session), suspects=tuple(suspects)
            )


@contextmanager
def _telling() -> Iterator[None]:
    """What a server refuses becomes an error of the fence."""
    try:
        yield
    except ServerRefused as error:
        raise FreezeError(
            error.what,
            state="What was changed is put back by fab unfreeze.",
            next_step="give the account ALL PRIVILEGES WITH GRANT OPTION, then fab run",
        ) from None


def _account(row: Mapping[str, Any]) -> str:
    return f"{literal(row['user'])}@{literal(row['host'])}"


def _refuse_prepared(session: MariaSession, of: MariaDatabase) -> None:
    if found := session.run("XA RECOVER"):
        raise FreezeError(
            f"{of.name} has {len(found)} prepared XA transactions, which may commit at any time",
            next_step="have their transaction manager finish them, or XA ROLLBACK them, then fab run",
        )


def _is_kept(session: MariaSession) -> bool:
    asked = "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s"
    return bool(session.run(asked, SCHEMA))


def _is_fenced(session: MariaSession) -> bool:
    return bool(session.value("SELECT @@GLOBAL.read_only")) and _is_kept(session)


def _changed(session: MariaSession, statement: str, limit: str | None) -> None:
    """Change something, unless the server's clock says that it is too late."""
    if limit is None:
        session.run(statement)
        return
    late = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the lease of this fence has run out'"
    session.run(f"BEGIN NOT ATOMIC IF SYSDATE(6) > {literal(limit)} THEN {late}; END IF; {statement}; END")


def _keep(session: MariaSession, locking: list[dict[str, Any]], limit: str | None) -> None:
    """Keep what lifts the fence; what is kept already, from before a crash, stays."""
    if _is_kept(session):
        return
    _changed(session, f"CREATE DATABASE IF NOT EXISTS {SCHEMA}", limit)
    (found,) = session.run("SELECT @@GLOBAL.read_only AS ro, @@GLOBAL.event_scheduler AS events")
    scheduler = f"SET GLOBAL event_scheduler = {found['events']};" if found["events"] in ("ON", "OFF") else ""
    unlock = "".join(f"ALTER USER IF EXISTS {_account(row)} ACCOUNT UNLOCK; " for row in locking)
    read_only = f"SET GLOBAL read_only = {int(found['ro'])};"
    session.run(
        f"CREATE PROCEDURE {SCHEMA}.lift() SQL SECURITY INVOKER BEGIN {read_only} {unlock}{scheduler} END"
    )


def _stop_writes(
    session: MariaSession, locked: set[str], grace: float, limit: str | None
) -> dict[int, EndedSession]:
    """Wait for open transactions, switch writing off, and end whoever could go on."""
    begun, ended = monotonic(), dict[int, EndedSession]()
    # The server shows its open transactions as they were up to a tenth of a second ago.
    sleep(_STALE_SECONDS)
    # Only those that are open now: others begin all the time.
    waited_for = _transactions(session)
    while monotonic() - begun < grace and waited_for & _transactions(session):
        sleep(0.005)
    session.run("SET SESSION lock_wait_timeout = 1")
    while True:
        _end_sessions(session, ended, lambda row: bool(row["has_written"]) or row["user"] in locked)
        try:
            _changed(session, "SET GLOBAL read_only = ON", limit)
            break
        except ServerRefused as error:
            if error.code != _LOCK_WAIT or monotonic() - begun > grace + CLEAR_SECONDS:
                raise
            _end_sessions(session, ended, lambda _: True)  # one of them holds a lock
    while any(row["has_written"] or row["user"] in locked for row in _others(session)):
        if monotonic() - begun > grace + CLEAR_SECONDS:
            raise FreezeError("sessions do not end", next_step="end them on the server, then fab run")
        _end_sessions(session, ended, lambda row: bool(row["has_written"]) or row["user"] in locked)
        sleep(0.01)
    return ended


def _transactions(session: MariaSession) -> set[int]:
    """Those that have written and are still open."""
    return {int(row["transaction_id"]) for row in _others(session) if row["has_written"]}


def _others(session: MariaSession) -> list[dict[str, Any]]:
    return [row for row in session.run(query("sessions")) if not row["is_own"]]


def _end_sessions(
    session: MariaSession, ended: dict[int, EndedSession], chosen: Callable[[dict[str, Any]], bool]
) -> None:
    for row in filter(chosen, _others(session)):
        try:
            session.run(f"KILL {int(row['id'])}")
        except ServerRefused as error:
            if error.code != _NO_SUCH_THREAD:
                raise
        seconds = row["transaction_seconds"]
        ended.setdefault(
            int(row["id"]),
            EndedSession(
                user=row["user"],
                application="",
                client=row["client"],
                transaction_seconds=None if seconds is None else float(seconds),
                had_written=bool(row["has_written"]),
            ),
        )


def _counter(session: MariaSession) -> int:
    """
    Transactions in the server's log, those of markers left out.

    Without a log it is the second in which a table was last written.
    """
    position = str(session.value("SELECT @@GLOBAL.gtid_binlog_pos"))
    if not position:
        written = "SELECT COALESCE(UNIX_TIMESTAMP(MAX(UPDATE_TIME)), 0) FROM information_schema.TABLES"
        return int(session.value(f"{written} WHERE TABLE_SCHEMA = DATABASE()"))
    return sum(int(gtid.split("-")[2]) for gtid in position.split(",")) - markers(session)
