"""
Items: the base copy cut into pieces that are done, and marked as done, one by one.

Promise: an item is a script for psql that does its work and marks it in one transaction; rows are
committed only when their reading ended well. A crash of the target's server takes back at most what ended in
its last second, mark and work together. Statements run as the site's owner, whose is what they make.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from migrate.databases import PINNED
from migrate.sessions import UNCOMPILED
from migrate.transfer.postgresql_live.lanes import COPIED, Relation
from migrate.transfer.postgresql_live.schema import Entry, after_foreign_keys

LARGE_OBJECTS = "large objects"
_LARGE_OBJECTS_SOURCE = """COPY (
  SELECT m.oid, p.pageno::int8 * (pg_catalog.current_setting('block_size')::int8 / 4), p.data
    FROM pg_catalog.pg_largeobject_metadata m LEFT JOIN pg_catalog.pg_largeobject p ON p.loid = m.oid
) TO STDOUT WITH (FORMAT binary);
"""
_LARGE_OBJECTS_TARGET = """CREATE TEMPORARY TABLE pieces (id oid, place int8, data bytea) ON COMMIT DROP;
{load}GRANT SELECT ON pg_temp.pieces TO {owner};
SET LOCAL ROLE {owner};
SELECT pg_catalog.lo_create(id) FROM (SELECT DISTINCT id FROM pg_temp.pieces) AS every;
SELECT pg_catalog.lo_put(id, place, data) FROM pg_temp.pieces WHERE data IS NOT NULL ORDER BY id, place;
RESET ROLE;
"""


@dataclass(frozen=True)
class Work:
    """What one job gets to do."""

    files: Mapping[str, str]
    rows: int
    """Items with rows to read."""

    @property
    def is_empty(self) -> bool:
        return not any(self.files[name] for name in ("tables", "definitions", "keys", "last"))


@dataclass(frozen=True)
class Plan:
    """All that a base copy has to do. `same_major`: whether both servers are of one major version."""

    relations: Sequence[Relation]
    entries: Sequence[Entry]
    foreign_keys: Mapping[int, Sequence[str]]
    """By the constraint's number on the source, the tables that making it locks, quoted."""
    large_object_bytes: int
    owner: str
    same_major: bool

    @property
    def copied(self) -> list[Relation]:
        return [relation for relation in self.relations if relation.lane in COPIED]

    def work(self, done: Mapping[str, int], stream: int, *, keys: bool = True, rows: bool = True) -> Work:
        """
        Return what is left to do, as the files of a job.

        Args:
            done: What is marked.
            stream: The number of the stream that a slot is made for now.
            keys: Whether foreign keys may be made: their check needs rows of one moment.
            rows: Whether rows are read at all.
        """
        files: dict[str, str] = {}
        tables, count = [], 0
        for name, rank, text, source in self._tables(done, stream) if rows else ():
            files[f"{name}.sql"] = text
            if source:
                files[f"{name}.copy"] = _reading(source)
                count += 1
            tables.append((rank, name))
        # The largest first, so that no worker is left alone with it at the end.
        tables.sort(key=lambda one: (-one[0], one[1]))
        files["tables"] = "".join(f"{name}\n" for _, name in tables)
        left = [entry for entry in self.entries if entry.item not in done and not self._is_by_table(entry)]
        late = after_foreign_keys(self.entries)
        between = [entry for entry in left if not entry.is_foreign_key and entry.id not in late]
        files |= self._listed("definitions", [between] if between else [], stream)
        files |= self._listed("keys", [[e] for e in left if e.is_foreign_key] if keys else [], stream)
        last = [entry for entry in left if entry.id in late]
        files |= self._listed("last", [last] if last and keys else [], stream)
        return Work(files, count)

    def snapshots(self, done: Mapping[str, int]) -> set[int]:
        """The streams under whose snapshots rows were read."""
        return {done[_rows(relation)] for relation in self.copied if _rows(relation) in done}

    def remaining(self, done: Mapping[str, int]) -> list[Relation]:
        """Tables whose rows are not there yet."""
        return [relation for relation in self.copied if _rows(relation) not in done]

    def flowing(self, done: Mapping[str, int], stream: int) -> list[Relation]:
        """Tables whose rows came under a stream's snapshot, and whose changes it therefore carries."""
        return [
            relation
            for relation in self.copied
            if relation.lane != "in the freeze" and done.get(_rows(relation)) == stream
        ]

    def _is_by_table(self, entry: Entry) -> bool:
        return entry.table in {relation.oid for relation in self.copied}

    def _listed(self, name: str, groups: Sequence[Sequence[Entry]], stream: int) -> dict[str, str]:
        files, names = {}, []
        for number, entries in enumerate(groups):
            item = f"{name}-{number:06}"
            files[f"{item}.sql"] = _head() + "".join(self._entry(entry, stream) for entry in entries)
            names.append(item)
        return {**files, name: "".join(f"{item}\n" for item in names)}

    def _tables(self, done: Mapping[str, int], stream: int) -> Iterator[tuple[str, int, str, str]]:
        """Name, size, script for the target, what is read on the source: of each table with work left."""
        after: dict[int, list[Entry]] = {}
        for entry in self.entries:
            after.setdefault(entry.table, []).append(entry)
        for number, relation in enumerate(self.copied):
            name = f"rows-{number:06}"
            made = f"indexes of {relation.oid}"
            parts, source = [_head()], ""
            if _rows(relation) not in done:
                target, source = self._copying(relation, name)
                parts.append(_transaction(target, _rows(relation), stream))
            if made not in done:
                own = "\n".join(entry.statement for entry in after.get(relation.oid, []))
                parts.append(_transaction(self._as_owner(own), made, stream) if own else "")
                parts.append("" if own else _marking(made, stream))
            if len(parts) > 1:
                yield name, relation.bytes, "".join(parts), source
        if LARGE_OBJECTS not in done:
            name = "large-objects"
            load = _loading("pg_temp.pieces", name, "FORMAT binary")
            target = _LARGE_OBJECTS_TARGET.format(owner=_identifier(self.owner), load=load)
            text = _head() + _transaction(target, LARGE_OBJECTS, stream)
            yield name, self.large_object_bytes, text, _LARGE_OBJECTS_SOURCE

    def _copying(self, relation: Relation, name: str) -> tuple[str, str]:
        """How rows of one table are loaded, and how they are read."""
        columns = ", ".join(map(_identifier, relation.columns))
        listed = f" ({columns})" if columns else ""
        is_binary = relation.is_binary and (self.same_major or relation.is_portable)
        form = "binary" if is_binary else "text"
        into = f"{_name(relation)}{listed}"
        if relation.condition is None:
            return (
                f"TRUNCATE ONLY {_name(relation)};\n{_loading(into, name, f'FORMAT {form}, FREEZE')}",
                f"COPY {_name(relation)}{listed} TO STDOUT WITH (FORMAT {form});\n",
            )
        some = f"FROM ONLY {_name(relation)} {relation.condition}"
        return (
            f"DELETE {some};\n{_loading(into, name, f'FORMAT {form}')}",
            f"COPY (SELECT {columns} {some}) TO STDOUT WITH (FORMAT {form});\n",
        )

    def _entry(self, entry: Entry, stream: int) -> str:
        locked = ", ".join(self.foreign_keys.get(entry.oid, ())) if entry.is_foreign_key else ""
        lock = f"LOCK TABLE {locked} IN SHARE ROW EXCLUSIVE MODE;\n" if locked else ""
        return _transaction(self._as_owner(lock + entry.statement), entry.item, stream)

    def _as_owner(self, statements: str) -> str:
        return f"SET LOCAL ROLE {_identifier(self.owner)};\n{statements}\nRESET ROLE;\n" if statements else ""


def _loading(into: str, name: str, options: str) -> str:
    """Load what the sender of an item says: the server by itself where it can, else through psql."""
    return (
        "\\if :near\n"
        f"\\set sender :fetching ' {name} 2>> said'\n"
        f"COPY {into} FROM PROGRAM :'sender' WITH ({options});\n"
        "\\else\n"
        f"\\copy {into} FROM PROGRAM 'sh ./send {name}' WITH ({options})\n"
        "\\endif\n"
    )


def _rows(relation: Relation) -> str:
    return f"rows of {relation.oid}"


def _head() -> str:
    """How a loading session is set: nothing fires, nothing is waited for that a crash could not undo."""
    settings = {
        **PINNED,
        "client_min_messages": "warning",
        "session_replication_role": "replica",
        "synchronous_commit": "off",
        "maintenance_work_mem": "256MB",
    }
    # Nor is the check of a foreign key the faster for being compiled first.
    return f"{_set(settings)}SELECT {UNCOMPILED};\n"


def _set(settings: Mapping[str, str]) -> str:
    return "".join(f"SET {name} = {_literal(value)};\n" for name, value in settings.items())


def _reading(statement: str) -> str:
    return (
        f"{_set(PINNED)}BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"
        f"SET TRANSACTION SNAPSHOT :'bascule_snapshot';\n{statement}COMMIT;\n"
    )


def _transaction(statements: str, item: str, stream: int) -> str:
    return f"BEGIN;\n{statements}{_marking(item, stream)}COMMIT;\n"


def _marking(item: str, stream: int) -> str:
    statement = sql.SQL(
        "INSERT INTO bascule.done (item, stream, seconds)"
        " VALUES ({}, {}, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.now()));\n"
    )
    return statement.format(item, stream).as_string(None)


def _name(relation: Relation) -> str:
    return relation.identifier.as_string(None)


def _identifier(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _literal(value: str) -> str:
    return sql.Literal(value).as_string(None)
