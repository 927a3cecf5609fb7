"""
How long the stop will be, and what comes before it: ranges with what they rest on.

Promise: computed from measured facts alone. The low end takes the rates measured on this source as
they are; the high end allows for what was not measured: the target, the network between, and a busy
evening. A rehearsal replaces this by a measured figure.
"""

from collections.abc import Iterator, Sequence

from rich.filesize import decimal

from migrate.assess.database_facts import LIVE_MODES
from migrate.assess.facts import Database, Files, Part, ReadSample, StopEstimate

_MIB = 1024 * 1024
UNMEASURED_RATE = 20 * _MIB
"""Bytes per second assumed where there was nothing to read."""
LOAD_FACTOR = (2.0, 8.0)
"""Dump and restore against a bare read by one process: CPU bound on both sides, 7 to 9 s per GiB
where the bare read took 3 s; a slower target or network is the high end."""
INDEX_FACTOR = (0.5, 4.0)
COMPARE_FACTOR = (0.5, 3.0)
"""Both sides hash their rows at the same time, by several processes; a hash costs about one read."""
SECONDS_PER_TABLE = (0.02, 0.15)
"""Making, indexing, comparing a table costs its statements, however empty it is."""
SECONDS_PER_FILE = (0.0006, 0.003)
"""Creating files bounds small ones: 20,000 in 11 to 15 s over SSH on two cores."""
SECONDS_PER_INTERFACE = (1.0, 6.0)
FIXED_SECONDS = (15.0, 90.0)
"""Freezing, the go-live suite (19 s of a whole stop of 30 s on two busy cores), opening the door."""

LIVE_FIXED_SECONDS = (3.0, 12.0)
"""Fence, drain, settle and turn took 0.15 to 0.2 s, flat from 0.4 to 3.4 GB; holding and converting
interfaces, the go-live suite's part that must run within the stop, and the door take the rest."""
SECONDS_PER_LARGE_OBJECT = (0.00015, 0.0005)
"""300 of them, 10 MB in all, were compared and settled in 45 to 75 ms."""
LARGE_OBJECT_RATE = (200 * _MIB, 50 * _MIB)
SECONDS_PER_FILE_LOOKED_AT = (0.00002, 0.0001)
"""A second pass over 20,003 unchanged files took 0.35 s, with 100 changed ones 0.5 to 0.8 s."""


def estimate_stop(databases: Sequence[Database], files: Sequence[Files], interfaces: int) -> StopEstimate:
    """Return the estimated stop, part by part, in seconds; each database as its mode says."""
    is_live = all(database.mode in LIVE_MODES for database in databases) and bool(databases)
    parts: list[Part] = []
    for database in databases:
        # All stop together, so one that must be moved in bulk sets the pace for all.
        parts += _live(database) if is_live else _bulk(database)
    for tree in files:
        parts.append(_last_pass(tree) if is_live else _copied_files(tree))
    if is_live:
        parts.append(
            _part(
                "fence, drain, settle, convert interfaces, verify, turn, open",
                LIVE_FIXED_SECONDS,
                "does not depend on the size; a rehearsal measures it",
            )
        )
    else:
        if interfaces:
            low, high = SECONDS_PER_INTERFACE
            parts.append(
                _part(
                    "hold, convert and release interfaces",
                    (interfaces * low, interfaces * high),
                    f"{interfaces} interfaces, {low:.0f} to {high:.0f} s each",
                )
            )
        parts.append(_part("freeze, verify, open", FIXED_SECONDS, "does not depend on the size"))
    return StopEstimate(parts=tuple(parts))


def estimate_before(databases: Sequence[Database], files: Sequence[Files]) -> StopEstimate:
    """Return how long the work before the stop of a live move takes, while everybody works; else no parts."""
    if any(database.mode not in LIVE_MODES for database in databases):
        return StopEstimate(parts=())
    parts: list[Part] = []
    for database in databases:
        parts.append(_copied("base copy of", database))
        parts.append(_compared("base comparison of", database))
    return StopEstimate(parts=(*parts, *(_copied_files(tree) for tree in files)))


def _bulk(database: Database) -> Iterator[Part]:
    yield _copied("copy", database)
    yield _compared("compare", database)


def _copied(what: str, database: Database) -> Part:
    rate, tables = _rate(database.read), len(database.tables)
    seconds, index_seconds = database.content_bytes / rate, database.index_bytes / rate
    low, high = (
        seconds * LOAD_FACTOR[end] + index_seconds * INDEX_FACTOR[end] + tables * SECONDS_PER_TABLE[end]
        for end in (0, 1)
    )
    return _part(
        f"{what} database {database.name}",
        (low, high),
        _rests_on(database.content_bytes, "rows", database.read)
        + f"; {decimal(database.index_bytes)} of indexes are built anew; {tables} tables",
    )


def _compared(what: str, database: Database) -> Part:
    seconds = database.content_bytes / _rate(database.read)
    return _part(
        f"{what} database {database.name}",
        (seconds * COMPARE_FACTOR[0], seconds * COMPARE_FACTOR[1]),
        "every row read and hashed on both sides at the same time",
    )


def _live(database: Database) -> Iterator[Part]:
    """What grows with the database even in a live stop; nothing for most."""
    counts, rate = database.counts, _rate(database.read)
    if counts.large_objects:
        low, high = (
            counts.large_objects * SECONDS_PER_LARGE_OBJECT[end]
            + counts.large_object_bytes / LARGE_OBJECT_RATE[end]
            for end in (0, 1)
        )
        yield _part(
            f"large objects of {database.name}",
            (low, high),
            f"{counts.large_objects}, {decimal(counts.large_object_bytes)}, digested on both sides",
        )
    anew = sum(table.bytes + table.index_bytes for table in database.anew_in_freeze)
    views = counts.materialized_view_bytes
    if database.anew_in_freeze or counts.materialized_views:
        seconds = (anew + views) / rate
        statements = len(database.anew_in_freeze) + counts.materialized_views
        yield _part(
            f"what is filled anew in {database.name}",
            tuple(seconds * LOAD_FACTOR[end] + statements * SECONDS_PER_TABLE[end] / 2 for end in (0, 1)),
            f"{decimal(anew)} of tables that no stream carries, {decimal(views)} of materialised views",
        )
    keyless = [
        t for t in database.tables if t.kind == "table" and not (t.has_key or t.is_unlogged or t.no_equality)
    ]
    if keyless:
        size = sum(table.bytes for table in keyless)
        yield _part(
            f"tables without a key of {database.name}",
            (0.0, size / rate * COMPARE_FACTOR[1]),
            f"{decimal(size)}; compared as a whole where they changed",
        )


def _last_pass(tree: Files) -> Part:
    changed = max(1, round(tree.changed_last_day / 24))
    low, high = (
        tree.count * SECONDS_PER_FILE_LOOKED_AT[end] + changed * SECONDS_PER_FILE[end] for end in (0, 1)
    )
    return _part(
        f"last pass over files {tree.name}",
        (low, high),
        f"{tree.count} files looked at; {tree.changed_last_day} were written in the last 24 hours",
    )


def _copied_files(tree: Files) -> Part:
    seconds = tree.bytes / _rate(tree.read)
    return _part(
        f"copy and compare files {tree.name}",
        (seconds + tree.count * SECONDS_PER_FILE[0], 2 * seconds + tree.count * SECONDS_PER_FILE[1]),
        f"{tree.count} files; {_rests_on(tree.bytes, 'content', tree.read)}",
    )


def _part(name: str, seconds: Sequence[float], rests_on: str) -> Part:
    low, high = seconds
    return Part(name=name, low_seconds=round(low, 2), high_seconds=round(high, 2), rests_on=rests_on)


def _rate(sample: ReadSample | None) -> float:
    # Less than a mebibyte tells more about round trips than about the disk.
    if sample is None or sample.bytes < _MIB:
        return UNMEASURED_RATE
    return sample.bytes_per_second


def _rests_on(volume: int, what: str, sample: ReadSample | None) -> str:
    if sample is None or sample.bytes < _MIB:
        return f"{decimal(volume)} of {what}; too little to time, so {UNMEASURED_RATE / _MIB:.0f} MiB/s"
    rate = sample.bytes_per_second / _MIB
    return f"{decimal(volume)} of {what}; {rate:.0f} MiB/s read here ({sample.what}, {sample.seconds:.1f} s)"
