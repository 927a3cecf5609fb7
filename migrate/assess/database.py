"""
Measuring one legacy database.

Promise: reads only, in a session that cannot write, waits for no lock longer than two seconds, and
reads no more than about `SAMPLE_BYTES` against the clock; it may run on a busy working day.
"""

from time import monotonic, sleep
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from migrate.assess.facts import (
    Counts,
    Database,
    Extension,
    LongTransaction,
    ReadSample,
    Role,
    Server,
    Table,
    WriteRate,
)
from migrate.databases import Session
from migrate.databases import query as statement
from migrate.errors import MigrationError
from provisioning.manifest import LegacyDatabase

SAMPLE_BYTES = 64 * 1024 * 1024
RATE_SECONDS = 3.0
"""How long the write rate is looked at, at least."""
OLDEST_SERVER = 120000
"""PostgreSQL 12, the oldest whose catalogue these queries know."""

_QUIET = """
    SET default_transaction_read_only = on;
    SET lock_timeout = '2s';
    SET statement_timeout = '60s';
"""


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
        MigrationError: The server is older than `OLDEST_SERVER`.
    """
    if session.info.server_version < OLDEST_SERVER:
        raise MigrationError(
            f"{database.name}: PostgreSQL {session.info.server_version // 10000} is older than"
            f" {OLDEST_SERVER // 10000}, the oldest that can be moved",
            state="Nothing was changed; assessing only reads.",
            next_step="upgrade the legacy server first, then assess again",
        )
    session.execute(_QUIET)
    began_at = monotonic()
    before = query(session, "writes")[0]
    tables = tuple(Table.model_validate(row) for row in query(session, "tables"))
    facts = {
        "name": database.name,
        "host": database.host,
        "server": Server.model_validate(query(session, "server")[0]),
        "tables": tables,
        "counts": Counts.model_validate(query(session, "counts")[0]),
        "extensions": tuple(Extension.model_validate(row) for row in query(session, "extensions")),
        "roles": tuple(Role.model_validate(row) for row in query(session, "roles")),
        "long_transactions": tuple(
            LongTransaction.model_validate(row) for row in query(session, "transactions")
        ),
        "schema_digest": query(session, "fingerprint")[0]["digest"],
        "read": _timed_read(session, tables),
    }
    # Servers report what they wrote once a second, so a shorter look would often see nothing.
    sleep(max(0.0, RATE_SECONDS - (monotonic() - began_at)))
    after = query(session, "writes")[0]
    return Database.model_validate({**facts, "writes": _rate(before, after)})


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


def _timed_read(session: Session, tables: tuple[Table, ...]) -> ReadSample | None:
    """
    Have the server read a sample of the largest tables and turn the rows to text, as COPY does.

    The rows stay on the server, so that the figure is the source's own and not that of the line
    between it and the person who assesses.
    """
    # Where row security applies, the pinned `row_security = off` makes any read an error.
    readable = [
        t for t in tables if t.kind == "table" and t.is_readable and not t.has_row_security and t.bytes > 0
    ]
    started, read, names = monotonic(), 0, []
    for table in readable:
        share = min(100.0, 100.0 * (SAMPLE_BYTES - read) / table.bytes)
        text_bytes = sql.SQL(
            "SELECT coalesce(sum(octet_length(t::text)), 0)::bigint FROM {} AS t TABLESAMPLE SYSTEM ({})"
        ).format(sql.Identifier(table.schema_name, table.name), sql.Literal(share))
        read += session.execute(text_bytes).fetchall()[0][0]
        names.append(str(table))
        if share < 100.0:
            break
    if not names:
        return None
    what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    return ReadSample(what=what, bytes=read, seconds=round(max(monotonic() - started, 0.001), 3))
