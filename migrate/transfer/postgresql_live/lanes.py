"""
Lanes: by which way each relation of a database reaches the other side while the database is at work.

Promise: every relation has exactly one lane, and one that has none is an error with the way that
remains; so nothing is left out silently. Reads only.

Source: what logical replication of PostgreSQL 15 carries and what not, measured; BASELINES' pitfalls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate.databases import Session, query
from migrate.errors import TransferError

Lane = Literal[
    "keyed",
    "whole rows",
    "in the freeze",
    "tree",
    "refreshed",
    "definition only",
    "sequence",
    "large objects",
]
"""
keyed: rows are found by a key, and flow. whole rows: without a key, so a change carries the whole row
(REPLICA IDENTITY FULL), and flows. in the freeze: cannot flow (unlogged; no key and a type without an
equality operator; rows that an extension keeps for the customer): copied with the base copy and anew once
the source is fenced. tree: a partitioned table, whose leaves have lanes of their own. refreshed:
a materialised view. definition only: a view, a foreign table, a type, what an extension brings along.
"""

FLOWING: tuple[Lane, ...] = ("keyed", "whole rows")
COPIED: tuple[Lane, ...] = (*FLOWING, "in the freeze")


@dataclass(frozen=True)
class Relation:
    """One relation of the source, and its lane."""

    oid: int
    """On the source."""
    schema: str
    name: str
    lane: Lane
    why: str
    """Why this lane, where it is not the usual one; else empty."""
    columns: tuple[str, ...]
    """Those that are copied, in order; generated ones are left out, the other side makes them itself."""
    bytes: int
    """Without indexes."""
    is_partition: bool
    is_binary: bool
    """Whether the binary form of its rows means the same on another server of this major version."""
    is_portable: bool
    """The same for another major version."""
    identity: str
    """pg_class.relreplident as it was found."""
    condition: str | None = None
    """For an extension's table: WHERE clause of the rows that are the customer's; empty for all of them."""

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def wanted_identity(self) -> str | None:
        """What REPLICA IDENTITY must become before the table is published; None if it may stay."""
        if self.lane == "whole rows" and self.identity != "f":
            return "FULL"
        return "DEFAULT" if self.lane == "keyed" and self.identity == "n" else None


def read(session: Session) -> tuple[Relation, ...]:
    """
    Return every relation of a database with its lane, the largest first.

    Raises:
        TransferError: Some have none; all of them are named, each with the way that remains.
    """
    with session.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("live_lanes")).fetchall()
    found, faults = list[Relation](), list[str]()
    for row in rows:
        comparable = row["kind"] != "r" or row["has_key"] or _has_equality(session, row)
        lane, why = _lane(row, comparable=comparable)
        relation = Relation(
            oid=row["oid"],
            schema=row["schema_name"],
            name=row["name"],
            lane=lane,
            why=why,
            columns=tuple(row["columns"]),
            bytes=row["bytes"],
            is_partition=row["is_partition"],
            is_binary=row["is_binary"],
            is_portable=row["is_portable"],
            identity=row["identity"],
            condition=row["condition"] if lane == "in the freeze" else None,
        )
        faults += _faults(relation, row["always"])
        found.append(relation)
    if faults:
        raise TransferError(
            "not everything can be moved while it is at work:\n  " + "\n  ".join(faults),
            state="Nothing was changed.",
            next_step="mend these on the source, or set the playbook's mode to bulk",
        )
    return tuple(found)


def counts(relations: Sequence[Relation], large_objects: int) -> dict[str, int]:
    """How many relations each lane has; large objects count as one lane. Evidence."""
    found: dict[str, int] = {}
    for relation in relations:
        found[relation.lane] = found.get(relation.lane, 0) + 1
    return {**dict(sorted(found.items())), "large objects": large_objects}


def _lane(row: dict[str, object], *, comparable: bool) -> tuple[Lane, str]:
    match row["kind"]:
        case "S":
            return "sequence", ""
        case "p":
            return "tree", ""
        case "m":
            return "refreshed", ""
        case "v" | "c" | "f":
            return "definition only", "its rows live elsewhere" if row["kind"] == "f" else ""
    if row["extension"] is not None:
        if row["condition"] is None:
            return "definition only", f"extension {row['extension']} brings it along"
        return "in the freeze", f"extension {row['extension']} keeps rows of the customer's in it"
    if row["is_unlogged"]:
        return "in the freeze", "unlogged, so its changes are in no log"
    if row["identity"] == "f":
        return ("whole rows", "replica identity full") if comparable else ("in the freeze", _NO_EQUALITY)
    if row["has_key"]:
        return "keyed", ""
    if not comparable:
        return "in the freeze", _NO_EQUALITY
    return "whole rows", "no key"


_NO_EQUALITY = "no key, and a column of a type without an equality operator"


def _has_equality(session: Session, row: dict[str, str]) -> bool:
    """Ask the server whether rows of a table can be told equal, by the very rule that replication uses."""
    statement = sql.SQL("SELECT FROM (SELECT NULL::{} AS whole) AS one GROUP BY whole")
    try:
        session.execute(statement.format(sql.Identifier(row["schema_name"], row["name"])))
    except psycopg.errors.UndefinedFunction:
        return False
    return True


def _faults(relation: Relation, always: Sequence[str]) -> list[str]:
    """Why a relation cannot be moved live, each with what would mend it."""
    names = (relation.schema, relation.name, *relation.columns)
    if relation.lane in COPIED and any("\n" in name or "\r" in name for name in names):
        return [f"{relation.full_name!r}: a name with a line break; rename it"]
    if relation.lane in FLOWING and always:
        return [
            f"{relation.full_name}: trigger {', '.join(always)} fires for replicated rows too, so it would "
            "act twice; ALTER TABLE … ENABLE TRIGGER … makes it an ordinary one"
        ]
    return []
