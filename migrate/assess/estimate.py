"""
How the data will be moved, and how long the stop will be: a range with what it rests on.

Promise: computed from measured facts alone. The low end takes the rates measured on this source as
they are; the high end allows for what was not measured: the target, the network between, and a busy
evening. A rehearsal replaces this by a measured figure.
"""

from collections.abc import Sequence

from rich.filesize import decimal

from migrate.assess.facts import Database, Files, Mode, Part, ReadSample, StopEstimate

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


def choose_mode(databases: Sequence[Database]) -> tuple[Mode, str]:
    """Return the transfer mode and why; there is only one so far."""
    size = sum(database.content_bytes for database in databases)
    return "bulk", (
        f"freeze, copy, compare, open; {decimal(size)} of rows are few enough for a window, and nothing has "
        "to be changed on the legacy server (no wal_level, no slots, no superuser)"
    )


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


def estimate_stop(databases: Sequence[Database], files: Sequence[Files], interfaces: int) -> StopEstimate:
    """Return the estimated stop of a bulk move, part by part, in seconds."""
    parts = []
    for database in databases:
        seconds = database.content_bytes / _rate(database.read)
        index_seconds = database.index_bytes / _rate(database.read)
        tables = len(database.tables)
        parts.append(
            Part(
                name=f"copy database {database.name}",
                low_seconds=seconds * LOAD_FACTOR[0]
                + index_seconds * INDEX_FACTOR[0]
                + tables * SECONDS_PER_TABLE[0],
                high_seconds=seconds * LOAD_FACTOR[1]
                + index_seconds * INDEX_FACTOR[1]
                + tables * SECONDS_PER_TABLE[1],
                rests_on=_rests_on(database.content_bytes, "rows", database.read)
                + f"; {decimal(database.index_bytes)} of indexes are built anew"
                + f"; {tables} tables",
            )
        )
        parts.append(
            Part(
                name=f"compare database {database.name}",
                low_seconds=seconds * COMPARE_FACTOR[0],
                high_seconds=seconds * COMPARE_FACTOR[1],
                rests_on="every row read and hashed on both sides at the same time",
            )
        )
    for tree in files:
        seconds = tree.bytes / _rate(tree.read)
        parts.append(
            Part(
                name=f"copy and compare files {tree.name}",
                low_seconds=seconds + tree.count * SECONDS_PER_FILE[0],
                high_seconds=2 * seconds + tree.count * SECONDS_PER_FILE[1],
                rests_on=f"{tree.count} files; {_rests_on(tree.bytes, 'content', tree.read)}",
            )
        )
    if interfaces:
        parts.append(
            Part(
                name="hold, convert and release interfaces",
                low_seconds=interfaces * SECONDS_PER_INTERFACE[0],
                high_seconds=interfaces * SECONDS_PER_INTERFACE[1],
                rests_on=f"{interfaces} interfaces, {SECONDS_PER_INTERFACE[0]:.0f} to "
                f"{SECONDS_PER_INTERFACE[1]:.0f} s each",
            )
        )
    parts.append(
        Part(
            name="freeze, verify, open",
            low_seconds=FIXED_SECONDS[0],
            high_seconds=FIXED_SECONDS[1],
            rests_on="does not depend on the size",
        )
    )
    rounded = [
        part.model_copy(
            update={"low_seconds": round(part.low_seconds, 1), "high_seconds": round(part.high_seconds, 1)}
        )
        for part in parts
    ]
    return StopEstimate(parts=tuple(rounded))
