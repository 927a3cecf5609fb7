"""
Materialised views whose rows differ: which of them differ for a reason that is no fault.

Promise: a view is excused only where the target's holds exactly what its query gives of the target's rows,
which are compared themselves, or where that query gives other rows each time it is asked; each with the
reason. A move fills views anew, so legacy's may be as old as its last REFRESH: its rows tell nothing about
the move then. Each view is held to its own query, also one made from others: all follow from tables alone.
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
    target: Sequence[Session],
) -> TableResult:
    """
    Return the result with the reason why it is no fault, or as it was.

    Args:
        known: What the source has, by full name.
        there: What the target has.
        target: Two sessions in transactions of their own, or one twice that is in none: a query that looks at
            the clock must see another time.
    """
    source, filled = known.get(result.name), there.get(result.name)
    if result.agrees or source is None or filled is None or filled.kind != "materialized view":
        return result
    if source.kind != filled.kind or (source.columns, source.types) != (filled.columns, filled.types):
        return result
    first, second = (_answer(session, filled, hasher) for session in target)
    if (first.rows, str(first)) == (result.target_rows, result.target_digest):
        why = (
            "a materialised view that the source filled from older rows; the target's is what its query gives"
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
