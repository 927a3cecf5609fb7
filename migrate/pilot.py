"""
A pilot: users work on the site for a while with data that are erased before it goes live.

Promise: every row that is recorded meanwhile is marked by the database itself, whoever records it. From the
agreed end on the database takes no more, whether or not anybody is there to end it. Erasing takes away what
is marked and nothing else; what is left is found by `left_over` and named.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
from dateutil.relativedelta import relativedelta
from psycopg import sql
from pydantic import AwareDatetime

from migrate.databases import Session, query
from migrate.errors import MigrationError
from provisioning.model import Model

MARK = "bascule_pilot"
SHOWN = 20


class Pilot(Model):
    """Evidence ``pilot``: from when to when."""

    begins_at: AwareDatetime
    ends_at: AwareDatetime


def period(begins_at: datetime, days: int, zone: ZoneInfo) -> Pilot:
    """Return the pilot that begins then: so many whole days on the tenant's calendar, never above a month."""
    local = begins_at.astimezone(zone)
    # Wall clock: a pilot that begins at nine ends at nine, also across a change to summer time.
    ends = min(local + timedelta(days=days), local + relativedelta(months=1))
    return Pilot(begins_at=begins_at, ends_at=ends.astimezone(UTC))


def begin(session: Session, schemas: Sequence[str], pilot: Pilot) -> list[str]:
    """Have the database mark and limit what is recorded in these schemas; return the tables. Repeatable."""
    tables = _tables(session, schemas)
    with session.transaction():
        session.execute("CREATE SCHEMA IF NOT EXISTS bascule")
        session.execute(
            sql.SQL(query("pilot_marks").decode()).format(ends_at=sql.Literal(pilot.ends_at.isoformat()))
        )
        for table in tables:
            name = sql.Identifier(*table)
            add = sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} boolean NOT NULL DEFAULT false")
            session.execute(add.format(name, sql.Identifier(MARK)))
            session.execute(
                sql.SQL(
                    "CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE ON {}"
                    " FOR EACH ROW EXECUTE FUNCTION bascule.mark_pilot_row()"
                ).format(sql.Identifier(MARK), name)
            )
    return [".".join(table) for table in tables]


def end_now(session: Session, schemas: Sequence[str], pilot: Pilot, now: datetime) -> Pilot:
    """End a pilot before its time: from `now` on nothing more is taken."""
    ended = pilot.model_copy(update={"ends_at": min(now, pilot.ends_at)})
    begin(session, schemas, ended)
    return ended


def erase(session: Session, schemas: Sequence[str]) -> dict[str, int]:
    """
    Take every marked row away and the marks with them; return how many, by table. Repeatable.

    Raises:
        MigrationError: A row that is not marked rests on one that is; both are named, and nothing was erased.
    """
    marked = [table for table in _tables(session, schemas) if _is_marked(session, table)]
    counts: dict[str, int] = {}
    with session.transaction():
        if marked:
            counts = _delete(session, marked)
        for table in marked:
            name, mark = sql.Identifier(*table), sql.Identifier(MARK)
            session.execute(sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(mark, name))
            session.execute(sql.SQL("ALTER TABLE {} DROP COLUMN IF EXISTS {}").format(name, mark))
        session.execute("DROP FUNCTION IF EXISTS bascule.mark_pilot_row()")
        for sequence in _sequences(session, schemas):
            session.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(*sequence)))
    return counts


def left_over(session: Session, schemas: Sequence[str]) -> list[str]:
    """Name what is in these schemas although nobody works there: rows by table, and marks that stayed."""
    found = []
    for table in _tables(session, schemas):
        name = sql.Identifier(*table)
        rows = session.execute(
            sql.SQL(
                "SELECT pg_catalog.to_jsonb(t)::text, pg_catalog.count(*) OVER () FROM {} t LIMIT {}"
            ).format(name, sql.Literal(SHOWN))
        ).fetchall()
        if rows:
            shown = "; ".join(str(row)[:120] for row, _ in rows[:3])
            found.append(f"{'.'.join(table)}: {rows[0][1]} rows, such as {shown}")
        if _is_marked(session, table):
            found.append(f"{'.'.join(table)}: still marks rows as the pilot's")
    return found


def _delete(session: Session, tables: Sequence[tuple[str, str]]) -> dict[str, int]:
    # In one statement, so that rows which refer to each other go together, whatever their order.
    parts = [
        sql.SQL("{} AS (DELETE FROM {} WHERE {} RETURNING 1)").format(
            sql.Identifier(f"gone_{number}"), sql.Identifier(*table), sql.Identifier(MARK)
        )
        for number, table in enumerate(tables)
    ]
    counted = [
        sql.SQL("(SELECT pg_catalog.count(*) FROM {})").format(sql.Identifier(f"gone_{number}"))
        for number in range(len(tables))
    ]
    statement = sql.SQL("WITH {} SELECT {}").format(sql.SQL(", ").join(parts), sql.SQL(", ").join(counted))
    try:
        row = session.execute(statement).fetchone() or ()
    except psycopg.errors.ForeignKeyViolation as error:
        raise MigrationError(
            f"a row that is not the pilot's rests on one that is: {error.diag.message_detail}",
            state="Nothing was erased; the site's door is as it was.",
            next_step="find out who recorded it without its mark, and remove it",
        ) from error
    return {".".join(table): int(count) for table, count in zip(tables, row, strict=True)}


def _tables(session: Session, schemas: Sequence[str]) -> list[tuple[str, str]]:
    rows = session.execute(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY(%s) ORDER BY 1, 2",
        (list(schemas),),
    ).fetchall()
    return [(str(schema), str(table)) for schema, table in rows]


def _sequences(session: Session, schemas: Sequence[str]) -> list[tuple[str, str]]:
    rows = session.execute(
        "SELECT schemaname, sequencename FROM pg_catalog.pg_sequences WHERE schemaname = ANY(%s)",
        (list(schemas),),
    ).fetchall()
    return [(str(schema), str(name)) for schema, name in rows]


def _is_marked(session: Session, table: tuple[str, str]) -> bool:
    row = session.execute(
        "SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s AND NOT a.attisdropped",
        (*table, MARK),
    ).fetchone()
    return row is not None
