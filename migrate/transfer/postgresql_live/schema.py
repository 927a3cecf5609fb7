"""
Definitions: what is restored before the rows, and what after them, statement by statement.

Promise: tables stand on the target exactly as pg_dump says, owned by the site's owner; indexes, keys,
triggers and all else that would slow loading or is in its way comes as single entries, so that each
is made as soon as the rows that it needs are there, and exactly once.

Source: pg_dump's sections; its verbose script tells every entry's number, catalogue and object.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.databases import Session, query
from migrate.errors import TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_bulk import empty_database
from migrate.transfer.postgresql_live.jobs import connecting, definitions_job, script
from migrate.transfer.tools import require_success

_ENTRY = re.compile(
    r"^--\n-- TOC entry (?P<id>\d+) \(class (?P<catalog>\d+) OID (?P<oid>\d+)\)\n"
    r"(?:-- Dependencies: (?P<needs>[\d ]+)\n)?"
    r"-- Name: (?P<name>.*?); Type: (?P<kind>[A-Z ]+); Schema: .*?\n(?:-- Data Pos: \d+\n)?--\n\n",
    re.MULTILINE,
)
_FOREIGN_KEY = "FK CONSTRAINT"
_OF_ONE_TABLE = ("INDEX", "CONSTRAINT", "STATISTICS")


@dataclass(frozen=True)
class Entry:
    """One definition that is restored after the rows."""

    id: int
    """pg_dump's number of it."""
    oid: int
    """The object's, on the source; 0 where pg_dump names none."""
    table: int
    """On the source, the number of the table whose rows alone it needs; 0 where it needs more than that."""
    kind: str
    """As pg_dump calls it, such as ``FK CONSTRAINT``."""
    name: str
    needs: tuple[int, ...]
    """Entries that come before it."""
    statement: str

    @property
    def item(self) -> str:
        """Under which it is marked as done."""
        return f"entry {self.id}"

    @property
    def is_foreign_key(self) -> bool:
        return self.kind == _FOREIGN_KEY


def begin_definitions(
    task: Task, source: Session, target: Session, *, is_new: bool = False
) -> tuple[Entry, ...]:
    """
    Make tables, types, functions and views on the target, owned by its owner; return what comes later.

    Attaches to the job of an operator who died. The target must be empty but for what its owner owns,
    which is dropped first.

    Args:
        is_new: Nothing was begun before, so there is no job to look for.

    Raises:
        TransferError: pg_dump or pg_restore failed; the target is empty then.
    """
    job = definitions_job(task)
    state = "absent" if is_new else job.look().state
    if state not in ("running", "finished"):
        if state != "absent":
            job.discard()
        empty_database(task.target, task.owner)
        job.start(spec="definitions", script=script("schema.sh"), files=_files(task, target))
    ended = job.wait()
    try:
        require_success(
            f"taking over the definitions of {task.source.name}",
            ended,
            state="The source was only read; the target holds nothing.",
            next_step="mend the cause, then fab run",
        )
    except TransferError:
        job.discard()
        empty_database(task.target, task.owner)
        raise
    return parsed(ended.log, _tables_of(source))


def parsed(text: str, tables: dict[tuple[int, int], int]) -> tuple[Entry, ...]:
    """
    Read a verbose script of pg_restore's.

    Args:
        tables: By catalogue and object, the table whose rows alone the object needs.
    """
    found = list(_ENTRY.finditer(text))
    ends = [entry.start() for entry in found[1:]] + [len(text)]
    entries = []
    for entry, end in zip(found, ends, strict=True):
        kind, statement = entry["kind"], text[entry.end() : end]
        # What follows the last entry, and a change of setting between two, are comments and settings of the
        # script's own; the settings that matter are made anew in each session.
        statement = re.sub(
            r"\n(-- Completed on .*|--\n-- PostgreSQL database dump complete)\n.*",
            "\n",
            statement,
            flags=re.S,
        )
        entries.append(
            Entry(
                id=int(entry["id"]),
                oid=int(entry["oid"]),
                table=tables.get((int(entry["catalog"]), int(entry["oid"])), 0)
                if kind in _OF_ONE_TABLE
                else 0,
                kind=kind,
                name=entry["name"],
                needs=tuple(int(number) for number in (entry["needs"] or "").split()),
                statement=statement.strip(),
            )
        )
    return tuple(entries)


def after_foreign_keys(entries: Sequence[Entry]) -> set[int]:
    """The numbers of entries that need a foreign key, such as a comment on one."""
    late = {entry.id for entry in entries if entry.is_foreign_key}
    keys = frozenset(late)
    # In pg_dump's order what is needed comes first, so one pass finds those behind others too.
    for entry in entries:
        if not late.isdisjoint(entry.needs):
            late.add(entry.id)
    return late - keys


def _files(task: Task, target: Session) -> dict[str, bytes]:
    rows = target.execute(query("transfer_extensions")).fetchall()
    present = [re.sub(r"([].[()*+?{}|^$\\])", r"\\\1", name) for name, _ in rows]
    ours = "".join(
        f'^[0-9]+; [0-9]+ [0-9]+ (EXTENSION -|COMMENT - EXTENSION) "?{name}"? \n' for name in present
    )
    return {**connecting(task), "owner": task.owner.encode(), "ours": ours.encode()}


def _tables_of(source: Session) -> dict[tuple[int, int], int]:
    rows = source.execute(query("live_objects")).fetchall()
    return {(catalog, oid): table for catalog, oid, table in rows}
