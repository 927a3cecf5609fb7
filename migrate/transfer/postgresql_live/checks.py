"""
What must hold before a database is moved while it is at work: checked before anything is changed.

Promise: reads only; every fault is told at once, each with what mends it; on a fault nothing was changed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate import remote
from migrate.databases import Session, query
from migrate.errors import TransferError
from migrate.transfer.contract import Estimate, Task
from migrate.transfer.postgresql_live import powers
from migrate.transfer.postgresql_live.jobs import copy_job, definitions_job

HEADROOM_BYTES = 256 * 1024 * 1024
"""Left free on the target's disk for logs."""
BINDS_CHANNELS = 11_00_00
"""The version since which a login can be bound to its TLS channel."""
SLOTS_WANTED = 2
"""One for the flow, one for a second stream should a copy be cut off."""


@dataclass(frozen=True)
class Host:
    """The target's host."""

    free_bytes: int
    pg_dump: int
    """Its major version."""
    has_jobs: bool
    """Whether jobs of a live move of this database lie there."""

    def estimate(self, database_bytes: int) -> Estimate:
        """What the copy needs there: the database, and as much log as loading it writes."""
        needed = 2 * database_bytes + HEADROOM_BYTES
        return Estimate(bytes=database_bytes, needs_free_bytes=needed, free_bytes=self.free_bytes)


def host(task: Task) -> Host:
    """Ask the target's host."""
    jobs = " ".join(quote(job.folder) for job in (definitions_job(task), copy_job(task)))
    script = f"df -PB1 . | awk 'NR == 2 {{print $4}}' && pg_dump --version && ls -d {jobs} 2>/dev/null; :"
    said = remote.run(task.target.through, script, raising=TransferError, doing="df and pg_dump --version")
    match said.text.splitlines():
        case [free, version, *jobs_there]:
            return Host(int(free), int(re.sub(r"^.*\) (\d+).*$", r"\1", version)), bool(jobs_there))
        case _:
            raise TransferError(
                f"{task.target.through.host}: pg_dump does not run: {said.errors}",
                state="Nothing was changed.",
                next_step="install PostgreSQL's client tools there, then fab run",
            )


def require_movable(task: Task, source: Session, target: Session, there: Host, needed: Estimate) -> None:
    """
    Refuse what could not end well.

    Raises:
        TransferError: Names every fault, and what mends it.
    """
    of = [role for role in (task.owner, task.application) if role]
    faults = [
        *_server_faults(task.source.name, source),
        *_source_faults(task, source, target),
        *_server_faults(task.target.name, target),
        *(f"{task.target.name}: {target.info.user} lacks {one}" for one in powers.lacking(target, of)),
        *_tool_faults(task, source, there),
        *_target_faults(task, source, target),
        *_path_faults(task, source),
    ]
    if not needed.fits:
        lacking = _mib(needed.needs_free_bytes - needed.free_bytes)
        faults.append(
            f"{task.target.through.host} has {_mib(needed.free_bytes)} MiB free, the copy needs "
            f"{_mib(needed.needs_free_bytes)} MiB; free {lacking} MiB"
        )
    if faults:
        raise TransferError(
            f"{task.source.name} cannot be moved while it is at work:\n  " + "\n  ".join(faults),
            state="Nothing was changed.",
            next_step="mend these, then fab run; or set the playbook's mode to bulk",
        )


def _server_faults(name: str, session: Session) -> Iterator[str]:
    with session.cursor(row_factory=dict_row) as cursor:
        (found,) = cursor.execute(query("live_server")).fetchall()
    if found["is_standby"]:
        yield f"{name}: a standby; name its primary under legacy.databases"
    if found["wal_level"] != "logical":
        yield f"{name}: wal_level is {found['wal_level']}; set it to logical and restart the server"
    if found["free_slots"] < SLOTS_WANTED:
        yield (
            f"{name}: {found['free_slots']} replication slots are free, {SLOTS_WANTED} are needed; raise "
            "max_replication_slots and restart the server"
        )
    if found["free_senders"] < SLOTS_WANTED + 1:
        yield (
            f"{name}: {found['free_senders']} WAL senders are free, {SLOTS_WANTED + 1} are needed; raise "
            "max_wal_senders and restart the server"
        )


def _source_faults(task: Task, source: Session, target: Session) -> Iterator[str]:
    """What the source alone must be: all that is moved is its role's, and the site knows whom it talks to."""
    name = task.source.name
    owners = [owner for (owner,) in source.execute(query("live_owners")).fetchall()]
    for one in powers.lacking(source, owners):
        yield f"{name}: {source.info.user} is no superuser, and lacks {one}; or name a superuser"
    if not powers.read(target).writes_files and source.info.server_version < BINDS_CHANNELS:
        yield (
            f"{name}: before PostgreSQL 11 a server cannot prove itself to a site that keeps no file of its"
            " authority; upgrade it, or stay with bulk"
        )


def _tool_faults(task: Task, source: Session, there: Host) -> Iterator[str]:
    name, wanted = task.target.through.host, source.info.server_version // 10000
    if there.pg_dump < wanted:
        yield (
            f"{name}: pg_dump is version {there.pg_dump}, the source is {wanted}; install its client tools, "
            "or newer"
        )


def _target_faults(task: Task, source: Session, target: Session) -> Iterator[str]:
    major = source.info.server_version // 10000
    if target.info.server_version // 10000 < major:
        yield f"{task.target.name}: an older server than the source; give the site version {major}"
    wanted, present = (extensions(session) for session in (source, target))
    rows = target.execute("SELECT name FROM pg_catalog.pg_available_extensions").fetchall()
    if missing := sorted(set(wanted) - set(present) - {name for (name,) in rows}):
        yield f"{task.target.name}: no extension {', '.join(missing)}; install its package on the host"
    target.execute("SELECT pg_catalog.set_config('bascule.owner', %s, false)", (task.owner,))
    others = target.execute(query("live_occupied")).fetchall()
    if others:
        shown = ", ".join(f"{name} of {owner}" for name, owner in others[:5])
        yield f"{task.target.name}: holds {shown}; drop what is not the site's own, or move it elsewhere"
    for (name,) in source.execute(
        "SELECT evtname::text FROM pg_catalog.pg_event_trigger WHERE evtname !~ '^(pg|bascule)_'"
    ).fetchall():
        yield (
            f"{task.source.name}: event trigger {name} takes a superuser to own it, and a site has none; "
            "DROP EVENT TRIGGER it on the source"
        )


def extensions(session: Session) -> dict[str, str]:
    """Versions of a database's extensions, by name."""
    return dict(session.execute(query("transfer_extensions")).fetchall())


def _path_faults(task: Task, source: Session) -> Iterator[str]:
    """Rules over rows that hold only with a search path: where rows arrive there is none."""
    for schema, table, constraint, expression in source.execute(query("live_checks")).fetchall():
        # Either a row of the table, or, where there is none, one of NULLs: names are looked up all the same.
        rows = sql.Identifier(schema, table).as_string(None)
        try:
            source.execute(
                # The expression is the server's own text of the rule.
                f"SELECT {expression} FROM (SELECT) AS one LEFT JOIN ONLY {rows} ON true LIMIT 1".encode()  # noqa: S608 - as said
            )
        except (
            psycopg.errors.UndefinedTable,
            psycopg.errors.UndefinedFunction,
            psycopg.errors.UndefinedObject,
            psycopg.errors.InvalidSchemaName,
        ) as error:
            yield (
                f"{schema}.{table}: constraint {constraint} works only under a search path ("
                f"{error.diag.message_primary}); ALTER FUNCTION … SET search_path for what it calls"
            )
        except psycopg.Error:
            # A row that the check itself cannot bear is the customer's; it is copied as it is.
            continue


def _mib(count: int) -> str:
    return f"{max(count, 0) / 1024 / 1024:.0f}"
