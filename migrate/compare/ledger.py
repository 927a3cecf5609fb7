"""
What a comparison beside running work remembers: an SQLite file.

Promise: what is recorded survives a kill; a row is **open** from when it changed, or was seen different,
until both sides were seen equal, and so is a table whose rows have no key. Whatever is not open is equal
on both sides: that is all that a verdict in the freeze builds on.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from migrate.compare.pgoutput import Change, Committed
from migrate.compare.relations import Key, Relation, relation_of
from migrate.compare.tally import Seen, Tally

Side = Literal["source", "target"]
SIDES: tuple[Side, Side] = ("source", "target")
_BATCH = 5000

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS relations (
  side TEXT, name TEXT, fields TEXT NOT NULL, rows INTEGER, snapshot TEXT, PRIMARY KEY (side, name));
CREATE TABLE IF NOT EXISTS ways (name TEXT PRIMARY KEY, way TEXT NOT NULL, is_planned INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS chunks (
  name TEXT, number INTEGER, lower TEXT, upper TEXT, rows INTEGER, PRIMARY KEY (name, number));
CREATE TABLE IF NOT EXISTS open_keys (
  name TEXT, key TEXT, generation INTEGER NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open_tables (
  name TEXT PRIMARY KEY, why TEXT NOT NULL, generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS written (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS objects (
  side TEXT, id TEXT, version TEXT NOT NULL, PRIMARY KEY (side, id)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Chunk:
    """Rows of one table whose key is above `lower` and not above `upper`; None is no bound."""

    name: str
    number: int
    lower: Key | None
    upper: Key | None


class Ledger:
    """Open as a context manager. Every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)  # keys of rows are the tenant's
        self._file = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        # What a power cut takes back, the slots tell: they stand ahead of it then, and all is compared anew.
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.executescript(_TABLES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @contextmanager
    def together(self) -> Iterator[sqlite3.Connection]:
        """Everything within is recorded, or nothing."""
        with self._lock:
            if self._file.in_transaction:
                yield self._file
                return
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def _all(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._file.execute(statement, values).fetchall()

    # -- what is compared ------------------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        """Return a fact, None if there is none of this name."""
        found = self._all("SELECT value FROM facts WHERE name = ?", name)
        return str(found[0][0]) if found else None

    def set_facts(self, **facts: str) -> None:
        with self.together() as file:
            file.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def begin(
        self, held: Mapping[Side, Mapping[str, Relation]], ways: Mapping[str, str], facts: Mapping[str, str]
    ) -> None:
        """Forget everything, and record what is to be compared, how each table is, and facts."""
        with self.together() as file:
            for table in (
                "facts",
                "relations",
                "ways",
                "chunks",
                "open_keys",
                "open_tables",
                "written",
                "objects",
            ):
                file.execute(f"DELETE FROM {table}")  # noqa: S608 - names are the line above
            file.executemany(
                "INSERT INTO relations (side, name, fields) VALUES (?, ?, ?)",
                [(s, n, json.dumps(asdict(r))) for s, known in held.items() for n, r in known.items()],
            )
            file.executemany("INSERT INTO ways (name, way) VALUES (?, ?)", ways.items())
            self.set_facts(generation="0", **facts)

    def relations(self, side: Side) -> dict[str, Relation]:
        """Return what a side held when it was looked at, by name, the largest first."""
        found = self._all("SELECT name, fields FROM relations WHERE side = ? ORDER BY rowid", side)
        return {str(name): relation_of(json.loads(str(fields))) for name, fields in found}

    def ways(self) -> dict[str, str]:
        """Return how each table is compared: by ``ranges``, as a ``whole``, or only in the ``freeze``."""
        return {str(name): str(way) for name, way in self._all("SELECT name, way FROM ways ORDER BY rowid")}

    # -- counts and chunks -----------------------------------------------------------------------

    def plan(self, name: str, counts: Mapping[Side, tuple[int, str]], bounds: Sequence[Key]) -> None:
        """Record a table's count with the snapshot that it was made in, on each side, and its chunks."""
        edges = [None, *bounds, None]
        with self.together() as file:
            for side, (rows, seen) in counts.items():
                statement = "UPDATE relations SET rows = ?, snapshot = ? WHERE side = ? AND name = ?"
                file.execute(statement, (rows, seen, side, name))
            file.executemany(
                "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, NULL)",
                [(name, n, _text(lower), _text(upper)) for n, (lower, upper) in enumerate(pairwise(edges))],
            )
            file.execute("UPDATE ways SET is_planned = 1 WHERE name = ?", (name,))

    def unplanned(self) -> list[str]:
        """Return the tables whose chunks are not known yet, the largest first."""
        statement = "SELECT name FROM ways WHERE NOT is_planned AND way <> 'freeze' ORDER BY rowid"
        return [str(name) for (name,) in self._all(statement)]

    def chunks(self) -> list[Chunk]:
        """Return the chunks that were not compared yet, those of large tables first."""
        found = self._all(
            "SELECT c.name, c.number, c.lower, c.upper FROM chunks c JOIN ways w USING (name)"
            " WHERE c.rows IS NULL ORDER BY w.rowid, c.number"
        )
        return [Chunk(str(name), int(str(n)), _key(lower), _key(upper)) for name, n, lower, upper in found]

    def done(self, chunk: Chunk, rows: int, differing: Iterable[Key], *, as_whole: str = "") -> None:
        """Record that a chunk was compared; what differs in it is open, the table if `as_whole` says why."""
        with self.together() as file:
            generation = self.generation
            self._open(chunk.name, differing, generation)
            if as_whole:
                self.open_whole(chunk.name, as_whole)
            file.execute(
                "UPDATE chunks SET rows = ? WHERE name = ? AND number = ?", (rows, chunk.name, chunk.number)
            )

    def progress(self) -> tuple[int, int, int]:
        """Return chunks that are done, all chunks, and rows in those that are done."""
        ((done, all_, rows),) = self._all("SELECT count(rows), count(*), coalesce(sum(rows), 0) FROM chunks")
        return int(str(done)), int(str(all_)), int(str(rows))

    def chunk_counts(self) -> dict[str, int]:
        """Return how many chunks each table has."""
        found = self._all("SELECT name, count(*) FROM chunks GROUP BY name")
        return {str(name): int(str(count)) for name, count in found}

    def rows(self, side: Side) -> dict[str, int]:
        """Return how many rows each watched table has at the position that was read up to."""
        found = self._all("SELECT name, rows FROM relations WHERE side = ? AND rows IS NOT NULL", side)
        return {str(name): int(str(rows)) for name, rows in found}

    # -- what is open ----------------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """Grows with each round of closing; what opens bears the number of its round."""
        return int(self.fact("generation") or 0)

    def next_generation(self) -> int:
        with self.together():
            self.set_facts(generation=str(self.generation + 1))
            return self.generation

    def open_keys(self, before: int | None = None) -> dict[str, list[Key]]:
        """Return the open keys by table; with `before`, those that no later round opened again."""
        limit = 2**62 if before is None else before
        found: dict[str, list[Key]] = {}
        for name, key in self._all("SELECT name, key FROM open_keys WHERE generation < ?", limit):
            found.setdefault(str(name), []).append(tuple(json.loads(str(key))))
        return found

    def open_tables(self, before: int | None = None) -> dict[str, str]:
        """Return the tables that are open as a whole, with the reason."""
        limit = 2**62 if before is None else before
        found = self._all("SELECT name, why FROM open_tables WHERE generation < ?", limit)
        return {str(name): str(why) for name, why in found}

    def open_count(self) -> int:
        """Return how many keys are open."""
        return int(str(self._all("SELECT count(*) FROM open_keys")[0][0]))

    def close_keys(self, name: str, keys: Iterable[Key], before: int) -> None:
        """Record that rows were seen equal, unless a later round opened them again."""
        with self.together() as file:
            file.executemany(
                "DELETE FROM open_keys WHERE name = ? AND key = ? AND generation < ?",
                [(name, _text(key), before) for key in keys],
            )

    def close_table(self, name: str, before: int) -> None:
        """Record that a table was seen equal as a whole: so are its rows."""
        with self.together() as file:
            for table in ("open_tables", "open_keys"):
                statement = f"DELETE FROM {table} WHERE name = ? AND generation < ?"  # noqa: S608 - two names
                file.execute(statement, (name, before))

    def open_whole(self, name: str, why: str) -> None:
        with self.together() as file:
            file.execute("INSERT OR REPLACE INTO open_tables VALUES (?, ?, ?)", (name, why, self.generation))

    def _open(self, name: str, keys: Iterable[Key], generation: int) -> None:
        self._file.executemany(
            "INSERT OR REPLACE INTO open_keys VALUES (?, ?, ?)",
            [(name, _text(key), generation) for key in keys],
        )

    # -- the streams of changes ------------------------------------------------------------------

    def position(self, side: Side) -> int:
        """Return up to where a side's log was read."""
        return int(self.fact(f"{side} position") or 0)

    def tally(self, side: Side) -> Tally:
        """Return a tally that goes on where the side's stream was read up to."""
        found = self._all(
            "SELECT name, rows, snapshot FROM relations WHERE side = ? AND snapshot IS NOT NULL", side
        )
        return Tally(
            begun=self.position(side),
            rows={str(name): int(str(rows)) for name, rows, _ in found},
            seen={str(name): Seen.parsed(str(snapshot)) for name, _, snapshot in found},
        )

    def record(self, side: Side, changes: Iterable[Change | Committed], end: int | None) -> int:
        """
        Record what a stream told, once, however often it tells it; return the position that is recorded.

        Args:
            end: The position that the stream was read up to; None if it was cut short behind a commit.
        """
        with self.together() as file:
            tally, generation = self.tally(side), self.generation
            for change in changes:
                tally.add(change)
                if tally.keys_held >= _BATCH:  # memory stays bounded, however large a transaction
                    self._open_all(tally, generation)
            self._open_all(tally, generation)
            for name, why in tally.whole.items():
                self.open_whole(name, why)
            if side == "target":
                file.executemany("INSERT OR IGNORE INTO written VALUES (?)", [(n,) for n in tally.written])
            file.executemany(
                "UPDATE relations SET rows = ? WHERE side = ? AND name = ?",
                [(number, side, name) for name, number in tally.rows.items()],
            )
            position = max(tally.position, end or 0)
            self.set_facts(**{f"{side} position": str(position)})
        return position

    def _open_all(self, tally: Tally, generation: int) -> None:
        for name, keys in tally.taken().items():
            self._open(name, keys, generation)

    def written_on_target(self) -> tuple[str, ...]:
        """Return the tables in which others than the replication wrote on the target."""
        return tuple(str(name) for (name,) in self._all("SELECT name FROM written ORDER BY name"))

    def forget_written(self) -> None:
        """Count anew from what was read so far: until now others were free to write on the target."""
        with self.together() as file:
            file.execute("DELETE FROM written")

    # -- large objects ---------------------------------------------------------------------------

    def objects(self, side: Side) -> dict[str, str]:
        """Return the versions of the large objects that were seen equal on both sides, by id."""
        found = self._all("SELECT id, version FROM objects WHERE side = ?", side)
        return {str(id_): str(version) for id_, version in found}

    def set_objects(self, side: Side, versions: Mapping[str, str]) -> None:
        with self.together() as file:
            file.execute("DELETE FROM objects WHERE side = ?", (side,))
            file.executemany(
                "INSERT INTO objects VALUES (?, ?, ?)", [(side, *pair) for pair in versions.items()]
            )


def _text(key: Key | None) -> str | None:
    return None if key is None else json.dumps(key, ensure_ascii=False)


def _key(text: object) -> Key | None:
    return None if text is None else tuple(json.loads(str(text)))
