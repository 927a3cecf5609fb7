"""
MariaDB's part in `migrate.archive.engines`: the dump that an archive carries, and the log that legacy keeps.

Promise: the dump goes on without this process, on the legacy host itself; a writer that comes back finds the
same one. It is whole, of one moment of the log, and no object changed meanwhile. Passwords are in files
that only the job's user reads.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from migrate import remote
from migrate.archive.dumps import FOLDER, STATE, job, made, require_room
from migrate.archive.layout import Facts, Reserved
from migrate.errors import TransferError
from migrate.mariadb import kept_log
from migrate.mariadb.columns import tables
from migrate.mariadb.definitions import compared, definitions, texts
from migrate.mariadb.replication import flow_name, prepare, remove, traces, unlogged
from migrate.mariadb.session import MariaSession, mariadb_of, query
from migrate.mariadb.stream import packing, start, wait
from migrate.step import Progress
from migrate.transfer.contract import Task
from migrate.transfer.mariadb_live.base import lane, require_same
from migrate.transfer.mariadb_live.checks import require_able
from migrate.transfer.mariadb_staged.dumped import FILE, Dumped


class MariadbDumper:
    """Dumps rows as they stream between servers; what changes since is kept in the server's own log."""

    def dump(self, task: Task, archive: str, progress: Progress, *, reserved: Reserved | None) -> Facts:
        source = mariadb_of(task.source)
        working, attached = job(task.name, source), made(task.name, source, archive)
        with source.opened() as session:
            facts, found, objects = _facts(session), tables(session), definitions(session)
            has_log = bool(session.value("SELECT @@log_bin"))
        if attached:
            path = f"{working.folder}/{FOLDER}/{FILE}"
            listed = Dumped.model_validate_json(remote.read_file(source.through, path))
        else:
            flowing = tuple(table.name for table in found.values() if table.is_transactional)
            listed = Dumped(objects=tuple(objects.values()), tables=flowing)
        before = texts(listed.by_name)
        if reserved:
            require_same(_definitions(reserved), before, "since legacy began to keep its changes")
        require_same(before, texts(objects), "while rows were dumped")
        lanes = [lane(found[called]) for called in listed.tables]
        if not attached:
            require_room(source, facts.data_bytes)
            working.discard()
            sink = packing(FOLDER, {FILE: listed.model_dump_json().encode()})
            start(working, spec=archive, source=source, lanes=lanes, sink=sink, has_position=has_log)
        size = sum(one.table.bytes for one in lanes)
        progress.start(f"{task.name}: dump{' (attached)' if attached else ''}", size, "bytes")
        try:
            streamed = wait(working, lanes, progress, state=STATE)
            with source.opened() as session:
                require_same(before, compared(session), "while rows were dumped")
        except TransferError:
            working.discard()
            raise
        return facts.model_copy(
            update={
                "position": streamed.position,
                "rows": dict(streamed.rows),
                "log_file": streamed.log_file,
                "log_offset": streamed.log_offset,
            }
        )

    def fingerprint(self, task: Task) -> str:
        with mariadb_of(task.source).opened() as session:
            return hashlib.sha256(repr(sorted(compared(session).items())).encode()).hexdigest()

    def reserve(
        self, task: Task, found: dict[str, Any] | None, keep: Callable[[dict[str, Any]], None]
    ) -> Reserved:
        source = mariadb_of(task.source)
        require_able(task)
        if found is None:
            keep(found := {})  # what the server was like is noted on itself
        with source.opened() as session:
            prepare(session)
            with unlogged(session):
                kept_log.keep(session)
            flowing = sorted(table.name for table in tables(session).values() if table.is_transactional)
            return Reserved(
                stream=flow_name(task.tenant, task.name),
                tables=tuple((source.endpoint.dbname, called) for called in flowing),
                catalogue=found,
                definitions=tuple((kind, called, text) for (kind, called), text in compared(session).items()),
                lanes={},
            )

    def keeps(self, task: Task, facts: Facts, reserved: Reserved) -> str:
        del reserved
        with mariadb_of(task.source).opened() as session:
            seen = held_since(session, facts)
        if not seen.is_whole:
            return "keeps nothing any more: another archive is needed"
        kept = f"keeps {seen.bytes / 1024**2:.0f} MiB of log"
        if seen.limits:
            return (
                f"{kept}, yet its server was started anew since, and removes some one day"
                f" ({', '.join(seen.limits)}); set that to 0 there"
            )
        return f"{kept}, without a limit: until its disk is full"

    def can_flow(self, task: Task, facts: Facts, reserved: Reserved) -> bool:
        del task, facts, reserved
        return False  # the log may be there, and yet have been given back

    def is_followed(self, task: Task, facts: Facts, reserved: Reserved) -> bool:
        del facts
        reading = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = %s AND command LIKE %s"
        with mariadb_of(task.source).opened() as session:
            return bool(session.value(reading, reserved.stream, "Binlog Dump%"))

    def release(self, task: Task, found: dict[str, Any]) -> tuple[str, ...]:
        del found
        source, flow = mariadb_of(task.source), flow_name(task.tenant, task.name)
        with source.opened() as session:
            remove(session, flow)
            return tuple(f"{source.name}: {trace}" for trace in traces(session, flow))


def held_since(session: MariaSession, facts: Facts) -> kept_log.Held:
    """What a server still has of its log since a dump of it."""
    return kept_log.held(
        session, position=facts.position, log_file=facts.log_file, log_offset=facts.log_offset
    )


def _definitions(reserved: Reserved) -> dict[tuple[str, str], str]:
    return {(kind, called): text for kind, called, text in reserved.definitions}


def _facts(session: MariaSession) -> Facts:
    (row,) = session.run(query("staged_facts"))
    return Facts(
        position="",
        frozen=bool(row["frozen"]),
        major=int(str(row["version"]).split(".")[0]),
        bytes=int(row["bytes"]),
        data_bytes=int(row["data_bytes"]),
        extensions=(),
    )
