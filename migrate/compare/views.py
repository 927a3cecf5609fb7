"""
Materialised views whose rows differ: which of them differ for a reason that is no fault.

Promise: a view is excused only where the side that is moved to holds exactly what its query gives of its own
rows, which are compared themselves, or where that query gives other rows each time it is asked; each with
the reason. A move fills views anew, so those of the side that is left may be as old as their last REFRESH:
their rows tell nothing about the move then. Each view is held to its own query, also one made from others:
all follow from tables alone.
"""

from collections.abc import Mapping, Sequence

from psycopg import sql

from migrate.compare.digests import Digest, Hasher, digest
from migrate.compare.relations import Relation
from migrate.compare.verdict import TableResult
from migrate.databases import Session, value


def excused(
    result: TableResult,
    known: Mapping[str, Relation],
    there: Mapping[str, Relation],
    hasher: Hasher,
    moved_to: Sequence[Session],
    *,
    is_return: bool = False,
) -> TableResult:
    """
    Return the result with the reason why it is no fault, or as it was.

    Args:
        known: What the source has, by full name.
        there: What the target has.
        moved_to: Two sessions in transactions of their own, or one twice that is in none: a query that looks
            at the clock must see another time. Of the target, or of the source where the move goes back.
        is_return: Whether it does.
    """
    left, filled = known.get(result.name), there.get(result.name)
    arrived = (result.target_rows, result.target_digest)
    if is_return:
        left, filled, arrived = filled, left, (result.source_rows, result.source_digest)
    if result.agrees or left is None or filled is None or filled.kind != "materialized view":
        return result
    if left.kind != filled.kind or (left.columns, left.types) != (filled.columns, filled.types):
        return result
    first, second = (_answer(session, filled, hasher) for session in moved_to)
    if (first.rows, str(first)) == arrived:
        why = (
            "a materialised view filled from older rows on the side that is left;"
            " the other's is what its query gives"
        )
    elif first != second:
        why = "a materialised view whose query gives other rows each time; compared as a definition"
    else:
        return result
    return result.model_copy(update={"excused": why})


def reasons(results: Sequence[TableResult]) -> list[str]:
    """What was excused, a line each, for what a verdict lists as not compared."""
    return [f"{result.name}: {result.excused}" for result in results if result.excused]


def _answer(session: Session, view: Relation, hasher: Hasher) -> Digest:
    """Digest what the view's query gives now."""
    name = view.identifier.as_string(None)
    query = str(
        value(session, sql.SQL("SELECT pg_catalog.pg_get_viewdef({}::pg_catalog.regclass)").format(name))
    )
    # The server's own text, which ends in a semicolon.
    rows = sql.SQL("({}) AS t").format(sql.SQL(query.rstrip().rstrip(";")))
    return digest(session, hasher.statement(view, rows=rows))
