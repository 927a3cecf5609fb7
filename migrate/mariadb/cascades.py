"""
Foreign keys of a MariaDB database that change rows which no log names.

Promise: the server passes a removal, or another value of a key, on to the rows that refer to it without
a word in its binary log, on origin and replica alike; here is to which tables. Reads only.
"""

from dataclasses import dataclass
from typing import Any

from migrate.mariadb.session import MariaSession, query


@dataclass(frozen=True)
class Cascade:
    """A foreign key by which a change of `parent` changes `child`, and no log says so."""

    parent: str
    child: str
    columns: tuple[str, ...]
    """Of the parent; another value in one of them is passed on, or sets the child's to NULL."""
    on_update: bool
    on_delete: bool


def cascades(session: MariaSession) -> list[Cascade]:
    """All foreign keys of a database that pass a change on."""
    columns: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in session.run(query("foreign_keys")):
        columns.setdefault((row["table_name"], row["name"]), []).append(row)
    passing = ("CASCADE", "SET NULL", "SET DEFAULT")
    found = [
        Cascade(
            parent=rows[0]["to_table"],
            child=child,
            columns=tuple(row["to_column"] for row in rows),
            on_update=rows[0]["on_update"] in passing,
            on_delete=rows[0]["on_delete"] in passing,
        )
        for (child, _), rows in columns.items()
    ]
    return [one for one in found if one.on_update or one.on_delete]


def with_descendants(name: str, known: list[Cascade]) -> set[str]:
    """A table, and all that a change of it may be passed on to."""
    found, open_ = set[str](), [name]
    while open_:
        child = open_.pop()
        if child not in found:
            found.add(child)
            open_ += [one.child for one in known if one.parent == child]
    return found
