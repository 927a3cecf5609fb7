"""
Tables that take part in a purge: those that rules name, and all that refer to them by foreign key.

Promise: `order` puts every table before those that it refers to, so that rows can be deleted in this order
and brought back in the other one.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from migrate.errors import Refused
from provisioning.manifest_purge import Drop, Keep, Purge

Table = tuple[str, str]
"""Schema (of MariaDB: database) and name."""


@dataclass(frozen=True)
class ForeignKey:
    """`child` refers to `parent`, column by column."""

    child: Table
    columns: tuple[str, ...]
    parent: Table
    to: tuple[str, ...]

    @property
    def is_own(self) -> bool:
        """Whether rows of one table refer to each other."""
        return self.child == self.parent


@dataclass(frozen=True)
class Catalogue:
    """What a server says of a database's tables."""

    columns: Mapping[Table, tuple[str, ...]]
    """Those that a row is made of: without what the server computes by itself."""
    types: Mapping[tuple[Table, str], str]
    keyed: AbstractSet[Table]
    """Those with a primary key."""
    foreign_keys: Sequence[ForeignKey]
    unfit: Mapping[Table, str] = field(default_factory=dict)
    """Tables from which nothing can be purged, and why."""


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


def taking_part(catalogue: Catalogue, purge: Purge) -> Tables:
    """
    Return the tables that a purge may take rows from.

    Raises:
        Refused: A rule names what is not there or cannot tell age, a table has no primary key, by which its
            rows could be brought back, or tables refer to each other in a circle.
    """
    rules: list[Keep | Drop] = [*purge.keep, *purge.drop]
    faults = [line for rule in rules for line in _faults(rule.table, rule.by, catalogue.types)]
    for rule in purge.drop:
        unknown = sorted(set(rule.where) - set(catalogue.columns.get(rule.table, ())))
        faults += [f"{shown(rule.table)} has no column {name}" for name in unknown]
    every = catalogue.foreign_keys
    part = _with_dependents({rule.table for rule in purge.drop}, every)
    known = part & catalogue.columns.keys()
    faults += [
        f"{shown(table)} has no primary key" for table in sorted(known) if table not in catalogue.keyed
    ]
    faults += [f"{shown(table)} {catalogue.unfit[table]}" for table in sorted(part & catalogue.unfit.keys())]
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
    return Tables(order, {table: catalogue.columns[table] for table in part}, between)


def _faults(table: Table, by: str, types: Mapping[tuple[Table, str], str]) -> list[str]:
    kind = types.get((table, by))
    if kind is None:
        return [f"there is no column {by} of a table {shown(table)}"]
    if not kind.startswith(("date", "timestamp")):
        return [f"{shown(table)}.{by} is {kind}, which tells no age; a date or timestamp does"]
    return []


def _with_dependents(tables: set[Table], every: Sequence[ForeignKey]) -> set[Table]:
    part = set(tables)
    while more := {key.child for key in every if key.parent in part} - part:
        part |= more
    return part


def _order(part: set[Table], between: tuple[ForeignKey, ...]) -> tuple[Table, ...]:
    sorter: TopologicalSorter[Table] = TopologicalSorter({table: set() for table in sorted(part)})
    for key in between:
        # Of rows of one table that refer to each other, each engine sees to the order itself.
        if not key.is_own:
            sorter.add(key.parent, key.child)
    return tuple(sorter.static_order())
