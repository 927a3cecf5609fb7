"""
Tables that take part in a purge: those that rules name, and all that refer to them by foreign key.

Promise: `order` puts every table before those that it refers to, so that rows can be deleted in this order
and brought back in the other one.
"""

from collections import defaultdict
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from psycopg import sql

from migrate.databases import Session, query
from migrate.errors import Refused
from provisioning.manifest_purge import Drop, Keep, Purge

Table = tuple[str, str]
"""Schema and name."""


@dataclass(frozen=True)
class ForeignKey:
    """`child` refers to `parent`, column by column."""

    child: Table
    columns: tuple[str, ...]
    parent: Table
    to: tuple[str, ...]

    @property
    def joins(self) -> sql.Composed:
        """``c`` refers to ``p``."""
        pairs = zip(self.columns, self.to, strict=True)
        return sql.SQL(" AND ").join(
            sql.SQL("c.{} = p.{}").format(sql.Identifier(ours), sql.Identifier(theirs))
            for ours, theirs in pairs
        )


@dataclass(frozen=True)
class Tables:
    """All that take part."""

    order: tuple[Table, ...]
    """Those that refer come before those that they refer to."""
    columns: dict[Table, tuple[str, ...]]
    foreign_keys: tuple[ForeignKey, ...]
    """Between them."""


def shown(table: Table) -> str:
    return ".".join(table)


def name_of(table: Table) -> sql.Identifier:
    return sql.Identifier(*table)


def taking_part(session: Session, purge: Purge) -> Tables:
    """
    Return the tables that a purge may take rows from.

    Raises:
        Refused: A rule names what is not there or cannot tell age, a table has no primary key, by which its
            rows could be brought back, or tables refer to each other in a circle.
    """
    columns, types, keyed = _columns(session)
    rules: list[Keep | Drop] = [*purge.keep, *purge.drop]
    faults = [line for rule in rules for line in _faults(rule.table, rule.by, types)]
    for rule in purge.drop:
        unknown = sorted(set(rule.where) - set(columns.get(rule.table, ())))
        faults += [f"{shown(rule.table)} has no column {name}" for name in unknown]
    every = [
        ForeignKey((str(cs), str(ct)), tuple(c), (str(ps), str(pt)), tuple(p))
        for cs, ct, c, ps, pt, p in session.execute(query("purge_foreign_keys")).fetchall()
    ]
    part = _with_dependents({rule.table for rule in purge.drop}, every)
    faults += [f"{shown(table)} has no primary key" for table in sorted(part) if table not in keyed]
    faults += [
        f"{shown(rule.table)} is kept, yet no rule that drops could take rows of it"
        for rule in purge.keep
        if rule.table not in part
    ]
    between = tuple(key for key in every if key.child in part and key.parent in part)
    order: tuple[Table, ...] = ()
    try:
        order = _order(part, between)
    except CycleError as circle:
        faults.append("they refer to each other: " + " → ".join(shown(t) for t in circle.args[1]))
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise Refused(
            f"the rules under purge do not fit the database {purge.database}:\n{listed}",
            state="Nothing was deleted.",
            next_step="correct purge in the manifest",
        )
    return Tables(order, {table: columns[table] for table in part}, between)


def _columns(
    session: Session,
) -> tuple[dict[Table, tuple[str, ...]], dict[tuple[Table, str], str], set[Table]]:
    columns: dict[Table, list[str]] = defaultdict(list)
    types: dict[tuple[Table, str], str] = {}
    keyed: set[Table] = set()
    for schema, name, column, kind, has_key in session.execute(query("purge_columns")).fetchall():
        table = (str(schema), str(name))
        columns[table].append(str(column))
        types[table, str(column)] = str(kind)
        if has_key:
            keyed.add(table)
    return {table: tuple(names) for table, names in columns.items()}, types, keyed


def _faults(table: Table, by: str, types: dict[tuple[Table, str], str]) -> list[str]:
    kind = types.get((table, by))
    if kind is None:
        return [f"there is no column {by} of a table {shown(table)}"]
    if not kind.startswith(("date", "timestamp")):
        return [f"{shown(table)}.{by} is {kind}, which tells no age; a date or timestamp does"]
    return []


def _with_dependents(tables: set[Table], every: list[ForeignKey]) -> set[Table]:
    part = set(tables)
    while more := {key.child for key in every if key.parent in part} - part:
        part |= more
    return part


def _order(part: set[Table], between: tuple[ForeignKey, ...]) -> tuple[Table, ...]:
    sorter: TopologicalSorter[Table] = TopologicalSorter({table: set() for table in sorted(part)})
    for key in between:
        # Rows of one table that refer to each other go in one statement, which is checked at its end.
        if key.child != key.parent:
            sorter.add(key.parent, key.child)
    return tuple(sorter.static_order())
