"""
Large objects: replication carries none of them, so those that differ are copied, by id.

Promise: afterwards the target has the source's large objects and no other, page by page the same. One that is
new belongs to the site's owner, and its application may read and write it; where a side keeps its own
roles, it gets the owner and the grants that most large objects there have.

Source: dimitri/pgcopydb 915, 14, 1057: large objects missing or broken; so they are a lane of their own.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from psycopg import sql

from migrate.databases import Session, query, value
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.sessions import asked, telling

_INV_WRITE = 0x20000
"""As libpq names it: how a large object is opened to be written."""
_ROWS = sql.SQL("SELECT loid, pageno, data FROM pg_catalog.pg_largeobject WHERE loid = ANY ({}::oid[])")


def bring_large_objects(task: Task, source: Session, target: Session) -> int:
    """Copy the large objects that differ, and remove those that the source has not; return how many."""
    with ThreadPoolExecutor(2) as pool:
        there, here = pool.map(_digests, (source, target))
    removed = sorted(here.keys() - there.keys())
    added = sorted(there.keys() - here.keys())
    changed = sorted(i for i in there.keys() & here.keys() if there[i] != here[i])
    if removed or added or changed:
        with telling(task.target, "writing large objects"), target.transaction():
            _for_each(target, "pg_catalog.lo_unlink(id)", removed)
            # Emptied rather than made anew: owner and grants of one that is there already stay.
            opened = f"pg_catalog.lo_open(id, {_INV_WRITE})"
            _for_each(target, f"pg_catalog.lo_truncate64({opened}, 0)", changed)
            rights = _rights(task, target) if added else []
            _for_each(target, "pg_catalog.lo_create(id)", added)
            for number in added:
                target.execute(_granting(number, rights))
            _copy_pages([*added, *changed], source, target)
    return len(removed) + len(added) + len(changed)


def _digests(session: Session) -> dict[int, str | None]:
    return dict(session.execute(query("turn_objects")).fetchall())


def _for_each(session: Session, call: str, ids: Sequence[int]) -> None:
    if ids:
        statement = sql.SQL("SELECT {} FROM pg_catalog.unnest(%s::oid[]) AS l (id)").format(sql.SQL(call))
        session.execute(statement, (list(ids),))


def _copy_pages(ids: Sequence[int], source: Session, target: Session) -> None:
    """Let pages stream from one side to the other, and put each where it was."""
    if not ids:
        return
    page_bytes = int(value(source, "SELECT pg_catalog.current_setting('block_size')::int4 / 4"))
    target.execute(
        "CREATE TEMPORARY TABLE bascule_pages (loid pg_catalog.oid, pageno pg_catalog.int4,"
        " data pg_catalog.bytea) ON COMMIT DROP"
    )
    reading = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(_ROWS.format(sql.Literal(list(ids))))
    writing = "COPY pg_temp.bascule_pages FROM STDIN (FORMAT binary)"
    with source.cursor().copy(reading) as out, target.cursor().copy(writing) as into:
        for piece in out:
            into.write(piece)
    target.execute(
        "SELECT pg_catalog.count(pg_catalog.lo_put(loid, pageno::int8 * %s, data)::text)"
        " FROM (SELECT * FROM pg_temp.bascule_pages ORDER BY loid, pageno) AS pages",
        (page_bytes,),
    )


def _rights(task: Task, target: Session) -> list[tuple[str, str | None, str | None]]:
    """What a new large object gets: owner, grantee (None is everybody), privilege (None: no grant)."""
    if task.owner:
        app = task.application
        return (
            [(task.owner, app, "SELECT"), (task.owner, app, "UPDATE")] if app else [(task.owner, None, None)]
        )
    return [(row["owner"], row["grantee"], row["privilege"]) for row in asked(target, "turn_object_rights")]


def _granting(number: int, rights: Sequence[tuple[str, str | None, str | None]]) -> sql.Composed:
    parts = [
        sql.SQL("ALTER LARGE OBJECT {} OWNER TO {}").format(number, sql.Identifier(owner))
        for owner in {owner for owner, _, _ in rights}
    ]
    for _, grantee, privilege in rights:
        if privilege is not None:
            parts.append(
                sql.SQL("GRANT {} ON LARGE OBJECT {} TO {}").format(
                    sql.SQL(privilege), number, sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
                )
            )
    return sql.SQL("; ").join(parts)
