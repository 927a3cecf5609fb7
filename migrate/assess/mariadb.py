"""
Measuring one MariaDB database.

Promise: reads only, in a session whose transactions are read-only, waits for no lock longer than two
seconds and for no statement longer than `LONGEST_STATEMENT_SECONDS`, and reads no more than about
`SAMPLE_BYTES` against the clock. What could not be looked at in time is said.
"""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

from migrate.assess.database_facts import ahead
from migrate.assess.facts import (
    Counts,
    Database,
    DatabaseFingerprint,
    Job,
    LongTransaction,
    ReadSample,
    Server,
    WriteRate,
)
from migrate.assess.facts import Table as TableFacts
from migrate.assess.mariadb_facts import MariadbFacts
from migrate.connections import Hosts
from migrate.errors import MigrationError, TransferError
from migrate.mariadb.casts import cast, is_zero_date
from migrate.mariadb.columns import SIGHT, Column, Table, tables
from migrate.mariadb.definitions import Made, definitions
from migrate.mariadb.session import MariaSession, ServerRefused, login_seconds, mariadb_legacy, name, query
from provisioning.manifest import LegacyDatabase

SAMPLE_BYTES = 64 * 1024 * 1024
RATE_SECONDS = 1.0
"""How long the write rate is looked at, at least."""
LONGEST_STATEMENT_SECONDS = 20
_QUIET = (
    "SET SESSION tx_read_only = 1, lock_wait_timeout = 2, innodb_lock_wait_timeout = 2,"
    f" max_statement_time = {LONGEST_STATEMENT_SECONDS}"
)
_TOO_LONG, _NOT_ALLOWED = 1969, (1142, 1044, 1227, 1370)
_ALL_RIGHTS, _ALL_RIGHTS_BEFORE_10_5 = 9, 5
"""Of those that ``mariadb_fitness.sql`` counts, as many as GRANT ALL gives."""
_A_DAY = "TIME('24:00:00')"


def measure(hosts: Hosts, database: LegacyDatabase) -> Database:
    """
    Measure one database; takes a second or two, and the time of reading its dates and times.

    Raises:
        ConnectionFailed: It cannot be reached.
        MigrationError: The account may not see all of it, or something was not to be had in time.
    """
    with mariadb_legacy(hosts, database).opened() as session:
        session.run(_QUIET)
        try:
            return _measured(database, session)
        except ServerRefused as error:
            raise MigrationError(
                f"{database.name} could not be measured: {error.what}",
                state="Nothing was changed; assessing only reads.",
                next_step="the same command again; if it is told again, see SHOW FULL PROCESSLIST there",
            ) from None


def fingerprint(hosts: Hosts, database: LegacyDatabase) -> DatabaseFingerprint:
    """
    Take the fingerprint of schema and volume, without the rest of an assessment.

    Raises:
        ConnectionFailed: It cannot be reached.
    """
    with mariadb_legacy(hosts, database).opened() as session:
        session.run(_QUIET)
        found = tables(session)
        return DatabaseFingerprint(
            name=database.name,
            engine="mariadb",
            version=_number(str(session.value("SELECT @@version"))) // 100,
            schema_digest=_digest(definitions(session)),
            tables=len(found),
            extensions=(),
            bytes=sum(table.bytes for table in found.values()),
        )


def _measured(database: LegacyDatabase, session: MariaSession) -> Database:
    began_at, (before,) = monotonic(), session.run(query("written"))
    asked_at = time.time()
    (row,) = session.run(query("server"))
    clock = ahead(float(row["clock_epoch"]), asked_at)
    found, made = tables(session), definitions(session)
    estimates = {one["name"]: int(one["estimated_rows"]) for one in session.run(query("tables"))}
    read = _timed_read(session, found, estimates)
    flows = _flows(session)
    facts = {
        "name": database.name,
        "host": database.host,
        "engine": "mariadb",
        "server": _server(session, row, is_standby=bool(flows), clock_ahead_seconds=clock),
        "tables": tuple(_table(table, estimates[table.name]) for table in found.values()),
        "counts": _counts(session, found, made),
        "extensions": (),
        "roles": (),
        "long_transactions": tuple(_transactions(session)),
        "jobs": _jobs(session),
        "schema_digest": _digest(made),
        "read": read,
        "mariadb": {
            **{key: row[key] for key in MariadbFacts.model_fields if key in row},
            **_odd_values(session, found),
            "hidden": tuple(_hidden(session)),
            "bypassing": _bypassing(session),
            "replicates_from": flows,
            "without_transactions": tuple(
                f"{table.name} ({table.engine})" for table in found.values() if not table.is_transactional
            ),
            "without_like": tuple(_without_like(found)),
            "own_language": tuple(_own_language(session, made)),
            "definers": tuple(sorted({one.definer for one in made.values() if one.definer})),
            "encodings": _encodings(session),
        },
    }
    sleep(max(0.0, RATE_SECONDS - (monotonic() - began_at)))
    (after,) = session.run(query("written"))
    return Database.model_validate({**facts, "writes": _rate(before, after)})


def _server(
    session: MariaSession, row: dict[str, Any], *, is_standby: bool, clock_ahead_seconds: float
) -> Server:
    number = _number(str(row["version"]))
    (fitness,) = session.run(query("fitness"))
    left = login_seconds(session)
    needed = _ALL_RIGHTS if number >= 100500 else _ALL_RIGHTS_BEFORE_10_5
    return Server(
        version=str(row["version"]),
        version_number=number,
        max_connections=int(row["max_connections"]),
        time_zone=str(row["time_zone"]),
        data_directory=None,
        is_standby=is_standby,
        clock_ahead_seconds=clock_ahead_seconds,
        encoding=str(row["encoding"]),
        collation=str(row["collation"]),
        character_type=str(row["collation"]),
        bytes=int(row["bytes"]),
        sessions=int(row["sessions"]),
        may_freeze=int(fitness["rights"]) >= needed,
        user=str(row["account"]),
        is_superuser=int(fitness["rights"]) >= needed,
        user_expires_at=None if left is None else datetime.now(UTC) + timedelta(seconds=left),
        is_read_only_by_default=bool(row["is_read_only"]),
    )


def _number(version: str) -> int:
    """Such as 101119 for ``10.11.19-MariaDB``."""
    major, minor, patch = (int(part) for part in version.split("-")[0].split(".")[:3])
    return major * 10000 + minor * 100 + patch


def _table(table: Table, estimated_rows: int) -> TableFacts:
    return TableFacts(
        schema_name="public",
        name=table.name,
        kind="table",
        estimated_rows=estimated_rows,
        bytes=table.bytes,
        index_bytes=table.index_bytes,
        has_key=bool(table.key),
        is_unlogged=False,
        has_row_security=False,
        is_readable=True,
    )


def _counts(session: MariaSession, found: dict[str, Table], made: dict[tuple[str, str], Made]) -> Counts:
    kinds = [kind for kind, _ in made]
    return Counts(
        views=kinds.count("view"),
        materialized_views=0,
        sequences=kinds.count("sequence"),
        indexes=len({(row["table_name"], row["name"]) for row in session.run(query("indexes"))}),
        functions=sum(kind in ("function", "procedure", "package") for kind in kinds),
        triggers=kinds.count("trigger"),
        foreign_keys=len({(row["table_name"], row["name"]) for row in session.run(query("foreign_keys"))}),
        event_triggers=0,
        generated_columns=sum(column.is_generated for table in found.values() for column in table.columns),
        large_objects=0,
        large_object_bytes=0,
        identity_columns=sum(
            "auto_increment" in column.extra for table in found.values() for column in table.columns
        ),
    )


def _flows(session: MariaSession) -> tuple[str, ...]:
    try:
        rows = session.run("SHOW ALL SLAVES STATUS")
    except ServerRefused as error:
        if error.code not in _NOT_ALLOWED:
            raise
        return ()
    return tuple(row["Connection_name"] or "(unnamed)" for row in rows)


def _bypassing(session: MariaSession) -> tuple[str, ...] | None:
    try:
        rows = session.run(query("bypassing"))
    except ServerRefused as error:
        if error.code not in _NOT_ALLOWED:
            raise
        return None
    return tuple(f"{row['user']}@{row['host']}" for row in rows if not row["is_own"])


def _transactions(session: MariaSession) -> Iterator[LongTransaction]:
    try:
        rows = session.run(query("sessions"))
    except ServerRefused as error:
        if error.code not in _NOT_ALLOWED:
            raise
        rows = []  # without PROCESS; that the account lacks rights is a finding of its own
    for row in rows:
        if row["transaction_seconds"] is not None:
            seconds = float(row["transaction_seconds"])
            yield LongTransaction(
                who=f"{row['user']} from {row['client']}", seconds=seconds, is_prepared=False
            )
    for row in session.run("XA RECOVER"):
        yield LongTransaction(who=f"XA {row['formatID']}", seconds=0.0, is_prepared=True)


def _jobs(session: MariaSession) -> tuple[Job, ...]:
    rows = session.run(
        "SELECT EVENT_NAME AS name, COALESCE(CONCAT('every ', INTERVAL_VALUE, ' ', INTERVAL_FIELD), 'once')"
        " AS schedule FROM information_schema.EVENTS"
        " WHERE EVENT_SCHEMA = DATABASE() AND STATUS = 'ENABLED' ORDER BY 1"
    )
    return tuple(Job(scheduler="events", name=row["name"], schedule=row["schedule"]) for row in rows)


def _digest(made: dict[tuple[str, str], Made]) -> str:
    digest = hashlib.sha256()
    for kind, called in sorted(made):
        digest.update(f"{kind}|{called}|{made[kind, called].statement}\n".encode())
    return digest.hexdigest()


def _without_like(found: dict[str, Table]) -> Iterator[str]:
    for table in found.values():
        for column in table.columns:
            try:
                cast(table.name, column)
            except TransferError as error:
                yield error.what


def _own_language(session: MariaSession, made: dict[tuple[str, str], Made]) -> Iterator[str]:
    yield from (f"{kind} {called}" for kind, called in made if kind != "table")
    yield from (f"check {row['name']} of {row['table_name']}" for row in session.run(query("checks")))


def _encodings(session: MariaSession) -> tuple[str, ...]:
    rows = session.run(
        "SELECT DISTINCT COLLATION_NAME AS name FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL ORDER BY 1"
    )
    return tuple(row["name"] for row in rows)


def _odd_values(session: MariaSession, found: dict[str, Table]) -> dict[str, tuple[str, ...]]:
    """Count, in one reading a table, the dates and times that trip others up."""
    zero_dates, long_times, not_looked_at = list[str](), list[str](), list[str]()
    for table in found.values():
        dates = [c for c in table.columns if c.data_type in ("date", "datetime", "timestamp")]
        times = [c for c in table.columns if c.data_type == "time"]
        if not dates and not times:
            continue
        conditions = [*map(is_zero_date, dates), *map(_is_long, times)]
        sums = ", ".join(f"COALESCE(SUM({one}), 0) AS c{n}" for n, one in enumerate(conditions))
        try:
            (row,) = session.run(f"SELECT {sums} FROM {name(table.name)}")  # noqa: S608 - quoted names
        except ServerRefused as error:
            if error.code != _TOO_LONG:
                raise
            not_looked_at.append(table.name)
            continue
        counted = zip((*dates, *times), row.values(), strict=True)
        for column, count in counted:
            if count:
                (long_times if column in times else zero_dates).append(f"{table.name}.{column.name} {count}")
    return {
        "zero_dates": tuple(zero_dates),
        "long_times": tuple(long_times),
        "not_looked_at": tuple(not_looked_at),
    }


def _is_long(column: Column) -> str:
    return f"({column.quoted} >= {_A_DAY} OR {column.quoted} < TIME('00:00:00'))"


def _hidden(session: MariaSession) -> Iterator[str]:
    has = {row["privilege"] for row in session.run(query("sight"))}
    yield from (right for right in SIGHT if right not in has)


def _rate(before: dict[str, Any], after: dict[str, Any]) -> WriteRate:
    seconds = (int(after["at_milliseconds"]) - int(before["at_milliseconds"])) / 1000

    def per_second(key: str) -> float:
        return round(max(0, int(after[key]) - int(before[key])) / seconds, 1) if seconds else 0.0

    return WriteRate(
        seconds=round(seconds, 3),
        rows_per_second=per_second("rows_written"),
        wal_bytes_per_second=per_second("wal_bytes"),
    )


def _timed_read(
    session: MariaSession, found: dict[str, Table], estimates: dict[str, int]
) -> ReadSample | None:
    """Have the server read a sample of the largest tables as text; the rows stay there."""
    started, read, largest, names = monotonic(), 0, 0, []
    for table in found.values():
        rows = estimates[table.name]
        if not rows or read >= SAMPLE_BYTES:
            continue
        limit = max(1, rows * (SAMPLE_BYTES - read) // max(table.bytes, 1))
        length = " + ".join(f"COALESCE(LENGTH({column.quoted}), 0)" for column in table.columns)
        sample = f"SELECT {length} AS n FROM {name(table.name)} LIMIT {limit}"  # noqa: S608 - quoted names
        try:
            (row,) = session.run(
                f"SELECT COALESCE(SUM(n), 0) AS size, COALESCE(MAX(n), 0) AS longest FROM ({sample}) AS r"  # noqa: S608 - as above
            )
        except ServerRefused as error:
            if error.code != _TOO_LONG:
                raise
            continue
        names.append(table.name)
        read, largest = read + int(row["size"]), max(largest, int(row["longest"]))
    if not names:
        return None
    what = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    seconds = round(max(monotonic() - started, 0.001), 3)
    return ReadSample(what=what, bytes=read, seconds=seconds, largest_row_bytes=largest)
