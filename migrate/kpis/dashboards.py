"""
Dashboards: each KPI as a view of the site's schema ``kpi``, for a role that can read these and nothing else.

Promise: building again gives the same views, and takes away those that are no longer in the file. A figure
counts as built once the reading role has read it, in a transaction that can only read, within seconds.
"""

import psycopg
from psycopg import sql

from migrate.databases import Session, query
from migrate.errors import WorkbookError
from migrate.kpis.definition import Kpi, Kpis

SCHEMA = "kpi"
LONGEST_SECONDS = 10


def build(session: Session, kpis: Kpis, reader: str) -> list[str]:
    """
    Make the views, as the database's owner, in one transaction.

    Args:
        reader: The role that may read them.

    Raises:
        WorkbookError: The database refuses one, such as for a column that there is not.
    """
    schema, role = sql.Identifier(SCHEMA), sql.Identifier(reader)
    with session.transaction():
        session.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
        session.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
        session.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
        for kpi in kpis.kpis:
            _make(session, kpi, role)
    return [kpi.name for kpi in kpis.kpis]


def _make(session: Session, kpi: Kpi, role: sql.Identifier) -> None:
    view = sql.Identifier(SCHEMA, kpi.name)
    # Checked to be one SELECT before; in parentheses, nothing else would be taken either.
    text = sql.SQL(kpi.sql.strip().rstrip(";").strip())
    try:
        with session.transaction():
            session.execute(
                sql.SQL("CREATE VIEW {} WITH (security_barrier) AS SELECT * FROM ({}) AS figure").format(
                    view, text
                )
            )
            session.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(str(kpi.title))))
            session.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(view, role))
    except psycopg.Error as error:
        raise WorkbookError(
            f"KPI {kpi.name} cannot be built: {error.diag.message_primary or error}",
            state="No dashboard was changed.",
            next_step="correct kpis.yaml, then fab kpis --file, and have it signed again",
        ) from error


def read_all(session: Session, kpis: Kpis) -> dict[str, int]:
    """
    Read every figure as the reading role does; return how many rows each has.

    Raises:
        WorkbookError: One fails or takes too long.
    """
    rows: dict[str, int] = {}
    for kpi in kpis.kpis:
        try:
            with session.transaction():
                session.execute("SET TRANSACTION READ ONLY")
                session.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(LONGEST_SECONDS * 1000))
                counted = sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(
                    sql.Identifier(SCHEMA, kpi.name)
                )
                row = session.execute(counted).fetchone()
                # Counting alone would leave the columns uncalculated.
                session.execute(
                    sql.SQL("SELECT * FROM {} LIMIT 1000").format(sql.Identifier(SCHEMA, kpi.name))
                )
        except psycopg.Error as error:
            raise WorkbookError(
                f"KPI {kpi.name} cannot be read: {error.diag.message_primary or error}",
                state="The dashboards stand; this one shows nothing.",
                next_step="correct kpis.yaml, then fab kpis --file, and have it signed again",
            ) from error
        rows[kpi.name] = int(row[0]) if row else 0
    return rows


def may_write(session: Session) -> list[str]:
    """Name what the role of this session may do beside reading the views; none is as it must be."""
    rows = session.execute(query("kpi_rights"), (SCHEMA,)).fetchall()
    return [str(name) for (name,) in rows]
