"""
A flow between two MariaDB servers: account, filter, position, state.

A flow has one name on both servers. It is a named replication connection on the replica, with the GTID
position that it begins at, and an account on the origin. What Bascule keeps lies in schema `SCHEMA` of
either server and is not written to the binary log, but for the markers.

Promise: the certificate and name of the origin are checked; the account's password is random, stands in
no log that Bascule can switch off, and goes with the account. A filter that a restart of the replica
took away is put back before the flow goes on. `remove` leaves nothing.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from migrate.errors import TransferError
from migrate.mariadb import kept_log
from migrate.mariadb.session import (
    MariaDatabase,
    MariaSession,
    ServerRefused,
    literal,
    without_values,
)

SCHEMA = "bascule"
"""Its folder holds the origins' certificates, as files that go with it when it is dropped."""
_FILE_EXISTS = 1086
_NO_SUCH_CONNECTION = 1617
_RETRY_SECONDS = 1
_METADATA = "binlog_row_metadata"
_SHOW_METADATA = f"SHOW GLOBAL VARIABLES LIKE '{_METADATA}'"

_KEPT_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.kept (name varchar(64) PRIMARY KEY, was text) ENGINE = InnoDB"
)
_MARKER_TABLE = f"CREATE TABLE IF NOT EXISTS {SCHEMA}.marker (tag varchar(64) PRIMARY KEY) ENGINE = InnoDB"


@dataclass(frozen=True)
class Seen:
    """What a replica says of a flow."""

    is_connected: bool
    """Whether it receives: the origin answers."""
    is_applying: bool
    error: str
    """What stopped it; empty when nothing did."""
    log_file: str
    log_position: int
    """Up to where it has applied the origin's log."""
    lag_seconds: float | None
    has_filter: bool

    @property
    def is_paused(self) -> bool:
        return not self.is_applying and not self.error


def flow_name(tenant: str, database: str) -> str:
    """The name of a move's flow, the same whichever way it goes."""
    return f"bascule_{hashlib.sha256(f'{tenant}/{database}'.encode()).hexdigest()[:10]}"


@contextmanager
def unlogged(session: MariaSession) -> Iterator[None]:
    """Do something that the other side must not do as well."""
    session.run("SET SESSION sql_log_bin = 0")
    try:
        yield
    finally:
        session.run("SET SESSION sql_log_bin = 1")


def prepare(session: MariaSession) -> None:
    """Make what Bascule keeps on a server, and note the replication position that it was found with."""
    with unlogged(session):
        session.run(f"CREATE DATABASE IF NOT EXISTS {SCHEMA} CHARACTER SET utf8mb4")
        session.run(_KEPT_TABLE)
        session.run(_MARKER_TABLE)
        session.run("INSERT IGNORE INTO bascule.kept VALUES ('gtid_slave_pos', @@GLOBAL.gtid_slave_pos)")


def name_columns(session: MariaSession) -> bool:
    """
    Let a server's log name each row's key, until `remove`; False where it cannot (before MariaDB 10.5).

    Whatever transaction is open already may still come without.
    """
    if not session.run(_SHOW_METADATA):
        return False
    prepare(session)
    with unlogged(session):
        session.run("INSERT IGNORE INTO bascule.kept VALUES (%s, @@GLOBAL.binlog_row_metadata)", _METADATA)
    if not names_columns(session):
        session.run("SET GLOBAL binlog_row_metadata = FULL")
    return True


def names_columns(session: MariaSession) -> bool:
    """Whether a server's log names each row's key now."""
    return any(row["Value"] == "FULL" for row in session.run(_SHOW_METADATA))


def arm(
    flow: str,
    origin: MariaDatabase,
    at_origin: MariaSession,
    replica: MariaDatabase,
    at_replica: MariaSession,
    *,
    position: str,
    without_tables: Sequence[str],
) -> None:
    """
    Begin a flow at a position of the origin, anew where there was one.

    Args:
        at_origin: A session there; the other one likewise. Both are quiet afterwards.
        position: GTIDs, as ``0-1-100``; all before it is on the replica already.
        without_tables: Of the database, which the flow leaves out.
    """
    password, end = secrets.token_urlsafe(24), origin.endpoint
    _quiet(at_origin)
    with unlogged(at_origin):
        at_origin.run(f"DROP USER IF EXISTS {flow}@'%'")
        at_origin.run(f"CREATE USER {flow}@'%' IDENTIFIED BY PASSWORD '{verifier(password)}' REQUIRE SSL")
        at_origin.run(f"GRANT REPLICATION SLAVE ON *.* TO {flow}@'%'")
    _quiet(at_replica)
    stop(at_replica, flow, for_good=True)
    at_replica.run(f"SET GLOBAL gtid_slave_pos = {literal(position)}")
    ca = ca_file(at_replica, end.ca)
    at_replica.run(
        f"CHANGE MASTER '{flow}' TO MASTER_HOST = {literal(end.host)}, MASTER_PORT = {end.port},"
        f" MASTER_USER = '{flow}', MASTER_PASSWORD = '{password}', MASTER_USE_GTID = slave_pos,"
        f" MASTER_SSL = 1, MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_SSL_CA = {ca},"
        f" MASTER_CONNECT_RETRY = {_RETRY_SECONDS}, MASTER_HEARTBEAT_PERIOD = 1"
    )
    resume(at_replica, flow, replica.endpoint.dbname, without_tables)


def resume(session: MariaSession, flow: str, dbname: str, without_tables: Sequence[str]) -> None:
    """Let a flow go on where it stands, with its filter."""
    session.run(f"STOP SLAVE '{flow}'")
    session.run(f"SET default_master_connection = '{flow}'")
    pattern = dbname.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    session.run(f"SET GLOBAL replicate_wild_do_table = {literal(f'{pattern}.%,{SCHEMA}.%')}")
    left_out = ",".join(f"{dbname}.{table}" for table in without_tables)
    session.run(f"SET GLOBAL replicate_ignore_table = {literal(left_out)}")
    session.run("SET default_master_connection = ''")
    session.run(f"START SLAVE '{flow}'")


def stop(session: MariaSession, flow: str, *, for_good: bool = False) -> None:
    """Pause a flow where it stands, or forget it; none is no error."""
    try:
        session.run(f"STOP SLAVE '{flow}'")
        if for_good:
            session.run(f"RESET SLAVE '{flow}' ALL")
    except ServerRefused as error:
        if error.code != _NO_SUCH_CONNECTION:
            raise


def seen(session: MariaSession, flow: str) -> Seen | None:
    """Look at a flow; None where this server has none of the name."""
    try:
        rows = session.run(f"SHOW SLAVE '{flow}' STATUS")
    except ServerRefused as error:
        if error.code == _NO_SUCH_CONNECTION:
            return None
        raise
    if not rows:
        return None
    (row,) = rows
    # Trying again by itself is no failure; what makes it stop is.
    receiving = "" if row["Slave_IO_Running"] != "No" else row["Last_IO_Error"]
    said = row["Last_SQL_Error"] or receiving or ""
    lag = row["Seconds_Behind_Master"]
    return Seen(
        is_connected=row["Slave_IO_Running"] == "Yes",
        is_applying=row["Slave_SQL_Running"] == "Yes" and row["Slave_IO_Running"] != "No",
        error=_told(str(said)),
        log_file=str(row["Relay_Master_Log_File"] or ""),
        log_position=int(row["Exec_Master_Log_Pos"] or 0),
        lag_seconds=None if lag is None else float(lag),
        has_filter=bool(row["Replicate_Wild_Do_Table"]),
    )


def _told(said: str) -> str:
    """What stopped a flow, without the rows' values that the server quotes."""
    return without_values(re.sub(r" Default database: .*| Query: .*", "", said, flags=re.DOTALL))


def remove(session: MariaSession, flow: str) -> None:
    """Take every trace of a flow, whichever way it went, from one server. May be repeated."""
    stop(session, flow, for_good=True)
    with unlogged(session):
        session.run(f"DROP USER IF EXISTS {flow}@'%'")
        if not session.run("SHOW DATABASES LIKE %s", SCHEMA):
            return
        metadata = session.run("SELECT was FROM bascule.kept WHERE name = %s", _METADATA)
        if metadata and session.value("SELECT @@GLOBAL.binlog_row_metadata") != metadata[0]["was"]:
            session.run(f"SET GLOBAL binlog_row_metadata = {literal(metadata[0]['was'])}")
        kept_log.give_back(session)
        kept = session.run("SELECT was FROM bascule.kept WHERE name = 'gtid_slave_pos'")
        if kept and session.value("SELECT @@GLOBAL.gtid_slave_pos") != kept[0]["was"]:
            session.run(f"SET GLOBAL gtid_slave_pos = {literal(kept[0]['was'])}")
        session.run(f"DROP DATABASE {SCHEMA}")


def traces(session: MariaSession, flow: str) -> list[str]:
    """Return what a server still has of Bascule."""
    found = []
    if seen(session, flow):
        found.append(f"replication connection {flow}")
    if session.run("SELECT User FROM mysql.user WHERE User = %s", flow):
        found.append(f"account {flow}")
    if session.run("SHOW DATABASES LIKE %s", SCHEMA):
        found.append(f"schema {SCHEMA}")
    return found


def put_marker(session: MariaSession, tag: str) -> str:
    """Write a marker, through the binary log, and return its GTID."""
    session.run("INSERT INTO bascule.marker VALUES (%s)", tag)
    return _counted(session)


def take_marker(session: MariaSession, tag: str) -> str:
    """Remove a marker, through the binary log, and return the GTID of its removal."""
    session.run("DELETE FROM bascule.marker WHERE tag = %s", tag)
    return _counted(session)


def _counted(session: MariaSession) -> str:
    """Count a transaction as our own, so that a fence does not take it for somebody's; return its GTID."""
    gtid = str(session.value("SELECT @@last_gtid"))
    with unlogged(session):
        session.run("INSERT INTO bascule.kept VALUES ('markers', '1') ON DUPLICATE KEY UPDATE was = was + 1")
    return gtid


def markers(session: MariaSession) -> int:
    """Return how many transactions in a server's log are markers."""
    if not session.run("SHOW DATABASES LIKE %s", SCHEMA):
        return 0
    rows = session.run("SELECT was FROM bascule.kept WHERE name = 'markers'")
    return int(rows[0]["was"]) if rows else 0


def has_marker(session: MariaSession, tag: str) -> bool:
    return bool(session.run("SELECT tag FROM bascule.marker WHERE tag = %s", tag))


def has_applied(session: MariaSession, gtid: str, *, timeout_seconds: float) -> bool:
    """Wait on a replica until it has applied everything up to a GTID; False when the time was up."""
    return int(session.value("SELECT MASTER_GTID_WAIT(%s, %s)", gtid, timeout_seconds)) == 0


def log_ahead(origin: MariaSession, at: Seen) -> tuple[int | None, int | None]:
    """
    Bytes of the origin's log that a flow has not applied, and that the origin has of it at all.

    None where the log file that it stands in is not there (any more).
    """
    rows: list[dict[str, Any]] = origin.run("SHOW BINARY LOGS")
    names = [row["Log_name"] for row in rows]
    if at.log_file not in names:
        return None, None
    rest = rows[names.index(at.log_file) :]
    kept = sum(int(row["File_size"]) for row in rest)
    return max(kept - at.log_position, 0), kept


def verifier(password: str) -> str:
    """What mysql_native_password keeps of a password, so that no statement has it in clear."""
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the server's own scheme; 192 random bits
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324 - as above


def _quiet(session: MariaSession) -> None:
    """Keep what this session says out of the server's logs and statistics."""
    session.run("SET SESSION sql_log_off = 1, slow_query_log = 0")
    if session.value("SELECT @@performance_schema"):
        session.run(
            "UPDATE performance_schema.threads SET INSTRUMENTED = 'NO' WHERE PROCESSLIST_ID = CONNECTION_ID()"
        )


def ca_file(session: MariaSession, pem: str) -> str:
    """
    Put an authority's certificate where the server reads it; return its path as a literal.

    Raises:
        TransferError: The server may not write files there.
    """
    # Dropping a schema removes .BAK files in its folder, so it goes with what Bascule keeps.
    file = f"{SCHEMA}/{hashlib.sha256(pem.encode()).hexdigest()[:12]}.BAK"
    try:
        session.run(f"SELECT {literal(pem)} INTO DUMPFILE {literal(file)}")
    except ServerRefused as error:
        if error.code != _FILE_EXISTS:
            raise TransferError(
                f"{error.what}; it has to keep the certificate of the other side's authority",
                next_step="let secure_file_priv be empty on that server, then fab run",
            ) from None
    return literal(f"{session.value('SELECT @@datadir')}{file}")
