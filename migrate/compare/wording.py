"""
One view, told by two servers: each major version has words of its own for the same query.

Promise: what the source says of a view is said again by the target's server, from the source's own words, and
only that is compared with what it says of its view. Made in a transaction that is rolled back, in a session
of its own; a view that the target cannot say anew stays in the source's words, and so a difference.
"""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from migrate.compare.definitions import Definitions, definitions, differing_definitions
from migrate.compare.verdict import Difference
from migrate.databases import Session
from migrate.sessions import beside

_VIEWS = ("view", "materialized view")


def in_words_of(
    target: Session, source: Session, definitions: Definitions, targets_own: Definitions
) -> Definitions:
    """
    Return the source's definitions, its views in the words of the target's server.

    Args:
        target: Not written: what is tried is rolled back, beside it.
        definitions: The source's.
        targets_own: The target's; what it says alike already is not asked.
    """
    if source.info.server_version // 10000 == target.info.server_version // 10000:
        return definitions
    told = {
        (kind, name): text
        for (kind, name), text in definitions.items()
        if kind in _VIEWS and targets_own.get((kind, name), text) != text
    }
    return {**definitions, **dict(_said_anew(target, told))} if told else definitions


def differing_made(source: Session, target: Session) -> list[Difference]:
    """Return everything in which two databases are made otherwise."""
    before, after = definitions(source), definitions(target)
    return differing_definitions(in_words_of(target, source, before, after), after)


def _said_anew(target: Session, told: Definitions) -> Iterator[tuple[tuple[str, str], str]]:
    view = sql.Identifier("bascule_wording")
    with beside(target) as session:
        for key, text in told.items():
            try:
                with session.transaction(force_rollback=True):
                    # The text is the source server's own, of its own catalogue.
                    session.execute(sql.SQL("CREATE TEMPORARY VIEW {} AS ").format(view) + sql.SQL(text))
                    (said,) = session.execute(
                        "SELECT pg_catalog.pg_get_viewdef('pg_temp.bascule_wording'::pg_catalog.regclass)"
                    ).fetchone() or ("",)
            except psycopg.Error:
                continue
            yield key, str(said)
