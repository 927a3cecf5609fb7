"""
Measuring one legacy database of PostgreSQL.

Promise: reads only, in a session that cannot write, waits for no lock longer than two seconds, and
reads no more than about `SAMPLE_BYTES` against the clock; it may run on a busy working day.
"""

import hashlib
import time
from collections.abc import Iterable
from time import monotonic, sleep
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate.assess.database_facts import ahead
from migrate.assess.facts import (
    Collation,
    Counts,
    Database,
    DatabaseFingerprint,
    Extension,
    Growth,
    Index,
    Job,
    LongTransaction,
    Oddity,
    ReadSample,
    Role,
    Server,
    Slot,
    Table,
    WalDisk,
    WalHistory,
    Work,
    WriteRate,
)
from migrate.assess.path_traps import Function, find_path_traps
from migrate.connections import Hosts
from migrate.databases import Session, legacy_database
from migrate.databases import query as statement
from migrate.errors import MigrationError
from migrate.log_disk import log_disk
from provisioning.manifest import LegacyDatabase
from provisioning.model import Model

F = TypeVar("F", bound=Model)

SAMPLE_BYTES = 64 * 1024 * 1024
RATE_SECONDS = 3.0
"""How long the write rate is looked at, at least."""
OLDEST_SERVER = 100000
"""PostgreSQL 10, the first that replicates rows; these queries know its catalogue and all since."""
MOST_TEXT_BYTES = 1 << 30
GROWTH_DAYS = 1.0
"""Statistics of less tell of a day's work, not of growth."""

_QUIET = """
    SET default_transaction_read_only = on;
    SET lock_timeout = '2s';
    SET statement_timeout = '60s';
"""
_JOBS = {"pg_cron": "cron.job", "pgagent": "pgagent.pga_job"}
"""Schedulers, each with its table of jobs."""


def query(session: Session, name: str) -> list[dict[str, Any]]:
    """Return the rows of ``migrate/sql/assess_<name>.sql``."""
    with session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(f"assess_{name}")).fetchall()


def measure_database(database: LegacyDatabase, session: Session) -> Database:
    """
    Measure one database; takes a few seconds, most of them for the timed read.

    Args:
        database: As in the manifest.
        session: Open to it, in autocommit, so that each reading sees fresh counters.

    Raises:
        MigrationError: The server is older than `OLDEST_SERVER`, or something was not to be had in time.
    """
    if session.info.server_version < OLDEST_SERVER:
        raise MigrationError(
            f"{database.name}: PostgreSQL {shown_version(session.info.server_version)} is older than"
            f" {OLDEST_SERVER // 10000}, the oldest that can be moved",
            state="Nothing was changed; assessing only reads.",
            next_step="upgrade the legacy server first, then assess again",
        )
    try:
        return _measured(database, session)
    except psycopg.DatabaseError as error:
        said = str(error).strip().partition("\n")[0]
        raise MigrationError(
            f"{database.name} could not be measured: {said}",
            state="Nothing was changed; assessing only reads.",
            next_step="the same command again; if it is told again, see who holds a lock in pg_locks",
        ) from error


def _server(session: Session) -> Server:
    asked_at = time.time()
    (seen,) = query(session, "server")
    clock = ahead(seen.pop("clock_epoch"), asked_at)
    return Server.model_validate({**seen, "clock_ahead_seconds": clock, "managed_by": managed_by(session)})


def _measured(database: LegacyDatabase, session: Session) -> Database:
    session.execute(_QUIET)
    began_at = monotonic()
    before = query(session, "writes")[0]
    tables = _tables(session)
    server = _server(session)
    facts = {
        "name": database.name,
        "host": database.host,
        "server": server,
        "tables": tables,
        "indexes": _every(Index, query(session, "indexes")),
        "counts": Counts.model_validate(query(session, "counts")[0]),
        "extensions": _every(Extension, query(session, "extensions")),
        "oddities": _every(Oddity, query(session, "oddities")),
        "path_traps": find_path_traps(_functions(session), (r["name"] for r in query(session, "names"))),
        "collations": _every(Collation, query(session, "collations")),
        "roles": _every(Role, query(session, "roles")),
        "long_transactions": _every(LongTransaction, query(session, "transactions")),
        "work": _every(Work, query(session, "work")),
        "jobs": _jobs(session),
        "slots": _every(Slot, query(session, "slots")),
        "subscriptions": tuple(row["name"] for row in query(session, "subscriptions")),
        "wal_history": None if server.is_standby else _wal_history(session),
        "growth": _growth(session),
        "schema_digest": schema_digest(session),
        "read": _timed_read(session, tables, may_see_secured=server.bypasses_row_security),
    }
    # Servers report what they wrote once a second, so a shorter look would often see nothing.
    sleep(max(0.0, RATE_SECONDS - (monotonic() - began_at)))
    after = query(session, "writes")[0]
    return Database.model_validate({**facts, "writes": _rate(before, after)})


def measure(hosts: Hosts, database: LegacyDatabase) -> Database:
    """
    Measure one database, and the room that its host has for the log.

    Raises:
        ConnectionFailed: The database or its host cannot be reached.
        MigrationError: As `measure_database`.
    """
    with legacy_database(hosts, database).opened() as session:
        facts = measure_database(database, session)
    folder = facts.server.data_directory
    disk = log_disk(hosts.legacy(database.host), f"{folder}/pg_wal") if folder else None
    return facts.model_copy(update={"wal_disk": None if disk is None else WalDisk(**vars(disk))})


def fingerprint(hosts: Hosts, database: LegacyDatabase) -> DatabaseFingerprint:
    """
    Take the fingerprint of schema and volume, without the rest of an assessment.

    Raises:
        ConnectionFailed: The database cannot be reached.
    """
    with legacy_database(hosts, database).opened() as session:
        session.execute("SET default_transaction_read_only = on; SET lock_timeout = '2s'")
        tables, counts = query(session, "tables"), query(session, "counts")[0]
        return DatabaseFingerprint(
            name=database.name,
            version=session.info.server_version // 10000,
            schema_digest=schema_digest(session),
            tables=len(tables),
            extensions=tuple(sorted(row["name"] for row in query(session, "extensions"))),
            bytes=sum(table["bytes"] for table in tables) + counts["large_object_bytes"],
        )


def schema_digest(session: Session) -> str:
    """Return SHA-256 over the definitions of the database, without what Bascule put there."""
    digest = hashlib.sha256()
    for row in query(session, "fingerprint"):
        digest.update(row["line"].encode() + b"\n")
    return digest.hexdigest()


def managed_by(session: Session) -> str:
    """Return whose service the server is, such as ``Amazon RDS or Aurora``; empty for one's own."""
    rows = query(session, "managed")
    return str(rows[0]["service"]) if rows else ""


def shown_version(number: int) -> str:
    """Return such as ``9.6`` or ``14`` for a server's version number."""
    major, minor = divmod(number, 10000)
    return str(major) if major >= 10 else f"{major}.{minor // 100}"


def _every(kind: type[F], rows: Iterable[dict[str, Any]]) -> tuple[F, ...]:
    return tuple(kind.model_validate(row) for row in rows)


def _tables(session: Session) -> tuple[Table, ...]:
    columns: dict[tuple[str, str], list[str]] = {}
    for row in query(session, "no_equality"):
        columns.setdefault((row["schema_name"], row["table"]), []).append(f"{row['column']} {row['type']}")
    return tuple(
        Table.model_validate(
            {**row, "no_equality": tuple(columns.get((row["schema_name"], row["name"]), ()))}
        )
        for row in query(session, "tables")
    )


def _functions(session: Session) -> list[Function]:
    return [Function(**{**row, "callers": tuple(row["callers"])}) for row in query(session, "functions")]


def _jobs(session: Session) -> tuple[Job, ...] | None:
    """Return the jobs of the schedulers that the database has; None where one does not show them."""
    jobs: list[Job] = []
    for scheduler, table in _JOBS.items():
        try:
            is_there = "SELECT pg_catalog.to_regclass(%s) IS NOT NULL"
            if session.execute(is_there, [table]).fetchone() == (True,):
                jobs += [Job(scheduler=scheduler, **row) for row in query(session, f"jobs_{scheduler}")]
        except psycopg.errors.InsufficientPrivilege:
            return None
    return tuple(jobs)


def _wal_history(session: Session) -> WalHistory | None:
    try:
        return WalHistory.model_validate(query(session, "wal_history")[0])
    except psycopg.errors.InsufficientPrivilege:
        return None


def _growth(session: Session) -> Growth | None:
    row = query(session, "growth")[0]
    if row["days"] is None or row["days"] < GROWTH_DAYS:
        return None
    return Growth(
        bytes_per_day=round(row["bytes"] / row["days"]),
        rests_on=f"rows added less rows deleted in the {row['days']:.0f} days that the server counts",
    )


def _rate(before: dict[str, Any], after: dict[str, Any]) -> WriteRate:
    seconds = (after["at_milliseconds"] - before["at_milliseconds"]) / 1000

    def per_second(key: str) -> float:
        # A restarted server begins to count anew, so a difference may be negative.
        return round(max(0, after[key] - before[key]) / seconds, 1) if seconds else 0.0

    return WriteRate(
        seconds=round(seconds, 3),
        rows_per_second=per_second("rows_written"),
        wal_bytes_per_second=per_second("wal_bytes"),
    )


def _timed_read(session: Session, tables: tuple[Table, ...], *, may_see_secured: bool) -> ReadSample | None:
    """
    Have the server read a sample of the largest tables and turn the rows to text, as COPY does.

    The rows stay on the server, so that the figure is the source's own and not that of the line
    between it and the person who assesses.
    """
    # Where row security applies, the pinned `row_security = off` makes any read an error.
    readable = [
        t
        for t in tables
        if t.kind == "table" and t.is_readable and t.bytes > 0 and (may_see_secured or not t.has_row_security)
    ]
    started, read, largest, names = monotonic(), 0, 0, []
    for table in readable:
        share = min(100.0, 100.0 * (SAMPLE_BYTES - read) / table.bytes)
        text_bytes = sql.SQL(
            "SELECT coalesce(sum(octet_length(t::text)), 0)::bigint, coalesce(max(octet_length(t::text)), 0)"
            " FROM {} AS t TABLESAMPLE SYSTEM ({})"
        ).format(sql.Identifier(table.schema_name, table.name), sql.Literal(share))
        names.append(str(table))
        try:
            size, longest = session.execute(text_bytes).fetchall()[0]
        except (
            psycopg.errors.ProgramLimitExceeded,
            psycopg.errors.InternalError_,
            psycopg.errors.OutOfMemory,
        ):
            # No text is longer than 1 GB; a row that would be is a finding, not the end of the assessment.
            largest = MOST_TEXT_BYTES
            continue
        read, largest = read + size, max(largest, longest)
        if share < 100.0:
            break
    if not names:
        return None
    what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    seconds = round(max(monotonic() - started, 0.001), 3)
    return ReadSample(what=what, bytes=read, seconds=seconds, largest_row_bytes=largest)
