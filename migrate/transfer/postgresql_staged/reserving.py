"""
Reserving: having legacy keep what changes, while its dump travels to a site that nobody reaches yet.

Promise: what legacy was like is remembered before anything is made on it; what is made bears the names that
a live move gives, so that a live move goes on with it; `release` takes all of it away again. A slot that
nobody reads keeps log on legacy's disk: `keeps` tells for how long it can.
"""

from collections.abc import Callable
from dataclasses import replace

from psycopg import sql

from migrate.archive.layout import Reserved
from migrate.databases import Session, value
from migrate.errors import TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import lanes, watch
from migrate.transfer.postgresql_live.catalogue import Catalogue, as_found
from migrate.transfer.postgresql_live.copying import set_identities
from migrate.transfer.postgresql_live.ending import end
from migrate.transfer.postgresql_live.names import stream_name
from migrate.transfer.postgresql_live.sessions import asked, at_work
from migrate.transfer.postgresql_live.stream import Stream, publish

COUNTS_LOG = 14_00_00
"""The version since which a server counts the log that it writes."""


def stream_of(task: Task, reserved: Reserved) -> Stream:
    """The stream that a live move of this task begins with."""
    return Stream(reserved.stream, task.source, task.target, reserved.tables)


def reserve(task: Task, found: Catalogue | None, keep: Callable[[Catalogue], None]) -> Reserved:
    """
    Publish the changes of a source; its slot is made when it is dumped. May be repeated.

    Args:
        task: Its target is not asked, and may be the source once more.
        found: Legacy as it was, where it was reserved before.
        keep: Keeps that for later, before anything is changed.

    Raises:
        TransferError: The server does not replicate rows, or some tables cannot flow.
    """
    with at_work(task.source) as (source,):
        _require_able(task, source)
        relations = lanes.read(source)
        if found is None:
            keep(found := as_found(source))
        flowing = {(one.schema, one.name) for one in relations if one.lane in lanes.FLOWING}
        sizes = value(source, "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata")
        reserved = Reserved(
            stream=stream_name(task),
            tables=tuple(sorted(flowing)),
            catalogue=found,
            definitions=tuple((kind, name, text) for (kind, name), text in watch.now(source).items()),
            lanes=lanes.counts(relations, int(sizes)),
        )
        set_identities(task.source, source, relations)
        publish(stream_of(replace(task, target=task.source), reserved), source, source)
    return reserved


def keeps(task: Task, reserved: Reserved) -> str:
    """Say how much log legacy keeps for the stream now, and how much more it will; reads only."""
    with at_work(task.source) as (source,):
        (seen,) = asked(source, "stream_publisher", stream=reserved.stream)
        rate = _log_bytes_per_second(source)
    if not seen["has_slot"] or seen["wal_status"] == "lost":
        return "keeps nothing any more: another archive is needed"
    held = f"keeps {_mib(seen['retained_bytes'])} MiB of log"
    if seen["room_bytes"] is None:
        return f"{held}, without a limit: until its disk is full (max_slot_wal_keep_size would end it before)"
    hours = f": about {seen['room_bytes'] / rate / 3600:.0f} h at the rate so far" if rate else ""
    return f"{held}, and {_mib(seen['room_bytes'])} MiB more until it gives the changes up{hours}"


def _log_bytes_per_second(source: Session) -> float:
    """How much log the server writes, since its statistics began; 0 where it does not count."""
    if source.info.server_version < COUNTS_LOG:
        return 0.0
    return float(
        value(
            source,
            "SELECT wal_bytes / GREATEST(pg_catalog.date_part('epoch', pg_catalog.now() - stats_reset), 1)"
            " FROM pg_catalog.pg_stat_wal",
        )
    )


def release(task: Task, found: Catalogue) -> tuple[str, ...]:
    """
    Take from legacy what `reserve` made, where no live move was begun with it.

    Returns:
        What legacy has otherwise than before; empty when it is as it was found.
    """
    return end(replace(task, target=task.source), found)


def require_kept(task: Task, reserved: Reserved, position: str, source: Session) -> None:
    """
    Refuse to let changes flow that do not begin where the dump ended.

    Raises:
        TransferError: The slot is gone or lost, or is that of another dump.
    """
    if reserved.stream != stream_name(task):
        raise TransferError(
            f"legacy keeps changes as {reserved.stream}, but is reached as another address or database now",
            state="Nothing flows.",
            next_step="name it in the manifest as it was named when the archive was made",
        )
    (seen,) = asked(source, "stream_publisher", stream=reserved.stream)
    begins = source.execute(
        sql.SQL("SELECT confirmed_flush_lsn::text FROM pg_catalog.pg_replication_slots WHERE slot_name = %s"),
        (reserved.stream,),
    ).fetchone()
    if begins is None or seen["wal_status"] == "lost":
        why = "is gone" if begins is None else "is lost: the server removed log that it needed"
    elif begins[0] != position:
        why = f"begins at {begins[0]}, that dump at {position}: another archive was made since"
    else:
        return
    raise TransferError(
        f"{task.source.name}: slot {reserved.stream} {why}",
        state="Nothing flows; the site holds what was dumped.",
        next_step="load the newest archive that was made with --live, or make one",
    )


def is_followed(task: Task, reserved: Reserved, position: str) -> bool:
    """Tell whether somebody reads the stream, or has read it past the dump's position."""
    with at_work(task.source) as (source,):
        (seen,) = asked(source, "stream_publisher", stream=reserved.stream)
    return bool(seen["has_slot"] and (seen["active"] or seen["confirmed"] != position))


def _require_able(task: Task, source: Session) -> None:
    level = value(source, "SHOW wal_level")
    if level != "logical":
        raise TransferError(
            f"{task.source.name}: wal_level is {level}, so its changes cannot be kept",
            state="Nothing was changed.",
            next_step="leave --live out; or set wal_level to logical, which takes a restart of that server",
        )


def _mib(count: int) -> str:
    return f"{max(count, 0) / 1024**2:.0f}"
