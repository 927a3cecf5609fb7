"""
What a database holds beside rows and definitions: where sequences stand, and large objects.

Promise: read in full on either side; what differs is named with both sides' word for it.
"""

from collections.abc import Collection, Mapping

from psycopg import sql

from migrate.compare.ledger import SIDES, Ledger
from migrate.compare.pairs import Pair
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


def large_objects(session: Session, wanted: Collection[str] | None = None) -> dict[str, str]:
    """Return the digest of every large object, or of those wanted, by id."""
    if wanted is not None and not wanted:
        return {}
    session.execute("SELECT set_config('bascule.objects', %s, false)", (",".join(wanted or ()),))
    return dict(session.execute(query("compare_large_objects")).fetchall())


def versions(session: Session) -> dict[str, str]:
    """Return what tells whether a large object was touched, by id; needs a role that reads the catalogue."""
    return dict(session.execute(query("compare_large_object_versions")).fetchall())


def differing_objects(pair: Pair, ledger: Ledger) -> tuple[int, list[Difference]]:
    """
    Compare the large objects that were touched since they were seen equal, and record those that are now.

    Returns:
        How many the source has, and what differs.
    """
    # What is written after its version was read has another one the next time.
    now = dict(zip(SIDES, pair.both(versions, versions), strict=True))
    known = {side: ledger.objects(side) for side in SIDES}
    ids = sorted(now["source"].keys() | now["target"].keys())
    touched = [
        id_
        for id_ in ids
        if any(now[side].get(id_) != known[side].get(id_) or id_ not in now[side] for side in SIDES)
    ]
    left, right = pair.both(
        lambda session: large_objects(session, touched), lambda session: large_objects(session, touched)
    )
    found = differing("large object", left, right)
    if touched:
        apart = {difference.name for difference in found}
        for side in SIDES:
            ledger.set_objects(side, {id_: at for id_, at in now[side].items() if id_ not in apart})
    return len(now["source"]), found


def differing(kind: str, source: Mapping[str, str], target: Mapping[str, str]) -> list[Difference]:
    """Return what only one side has, or the sides have otherwise."""
    return [
        Difference(kind=kind, name=name, source=source.get(name), target=target.get(name))
        for name in sorted(source.keys() | target.keys())
        if source.get(name) != target.get(name)
    ]
