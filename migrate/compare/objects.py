"""
What a database holds beside rows and definitions: where sequences stand, and large objects.

Promise: read in full on either side; what differs is named with both sides' word for it.
"""

from collections.abc import Mapping

from psycopg import sql

from migrate.compare.verdict import Difference
from migrate.databases import Session, query


def sequence_values(session: Session) -> dict[str, str]:
    """Return where every sequence stands, by full name."""
    names = session.execute(query("compare_sequences")).fetchall()
    if not names:
        return {}
    one = sql.SQL(
        "SELECT {name}, last_value::text || CASE WHEN is_called THEN ' used' ELSE ' unused' END"
        " FROM {sequence}"
    )
    parts = [
        one.format(name=sql.Literal(f"{schema}.{name}"), sequence=sql.Identifier(schema, name))
        for schema, name in names
    ]
    return dict(session.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())


def large_objects(session: Session) -> dict[str, str]:
    """Return the digest of every large object, by its id."""
    return dict(session.execute(query("compare_large_objects")).fetchall())


def differing(kind: str, source: Mapping[str, str], target: Mapping[str, str]) -> list[Difference]:
    """Return what only one side has, or the sides have otherwise."""
    return [
        Difference(kind=kind, name=name, source=source.get(name), target=target.get(name))
        for name in sorted(source.keys() | target.keys())
        if source.get(name) != target.get(name)
    ]
