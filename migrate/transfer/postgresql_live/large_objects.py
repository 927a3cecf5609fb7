"""
Large objects: replication carries none of them, so those that differ are copied, by id.

Promise: afterwards the target has the source's large objects and no other, page by page the same. One that is
new belongs to the site's owner, and its application may read and write it; where a side keeps its own
roles, it gets the owner and the grants that most large objects there have. What is read in the freeze
does not grow with the content of all, but with what was written since `bring_ahead`.

Source: dimitri/pgcopydb 915, 14, 1057: large objects missing or broken; so they are a lane of their own.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from psycopg import sql

from migrate.databases import Session, value
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.names import SCHEMA, stem
from migrate.transfer.postgresql_live.sessions import asked, statement, telling

Digests = dict[int, str | None]
"""By id; None for one without a page."""

_ALIKE = (SCHEMA, "alike_since")
_INV_WRITE = 0x20000
"""As libpq names it: how a large object is opened to be written."""
_ROWS = sql.SQL("SELECT loid, pageno, data FROM pg_catalog.pg_largeobject WHERE loid = ANY ({}::oid[])")


def bring_ahead(task: Task, source: Session, target: Session) -> None:
    """
    Copy what differs while the source is at work, and note from when on it may differ again.

    So the comparison in the freeze reads what was written since, whatever all of them weigh.
    """
    with telling(task.source, "reading its oldest transaction"):
        # Whatever the digests below do not see will bear this number, or a later one.
        oldest = "pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()) % 4294967296"
        since = str(value(source, f"SELECT {oldest}"))
    _bring(task, source, target, None)
    with telling(task.target, "noting its large objects"), target.transaction():
        target.execute("SET LOCAL client_min_messages = warning")
        target.execute(
            statement("CREATE TABLE IF NOT EXISTS {} (stem text PRIMARY KEY, since text NOT NULL)", _ALIKE)
        )
        target.execute(
            statement(
                "INSERT INTO {} VALUES (%s, %s) ON CONFLICT (stem) DO UPDATE SET since = excluded.since",
                _ALIKE,
            ),
            (stem(task), since),
        )


def bring_large_objects(task: Task, source: Session, target: Session) -> int:
    """Copy the large objects that differ, and remove those that the source has not; return how many."""
    return _bring(task, source, target, _alike_since(task, target))


def _alike_since(task: Task, target: Session) -> str | None:
    """The number that `bring_ahead` noted, if it did."""
    if value(target, "SELECT pg_catalog.to_regclass(%s)", ".".join(_ALIKE)) is None:
        return None
    row = target.execute(statement("SELECT since FROM {} WHERE stem = %s", _ALIKE), (stem(task),)).fetchone()
    return str(row[0]) if row else None


def _bring(task: Task, source: Session, target: Session, since: str | None) -> int:
    with ThreadPoolExecutor(2) as pool:
        if since is None:
            there, here = pool.map(_digests, (source, target))
        else:
            there, here = _written_since(pool, since, source, target)
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


def _digests(session: Session, only: Sequence[int] = ()) -> Digests:
    """The digest of every large object, or of `only` these."""
    objects = f"{{{','.join(map(str, only))}}}" if only else ""
    return {row["id"]: row["digest"] for row in asked(session, "turn_objects", objects=objects)}


def _written_since(
    pool: ThreadPoolExecutor, since: str, source: Session, target: Session
) -> tuple[Digests, Digests]:
    """Digests of both sides, read only where the source was written since, or a side has other pages."""

    def pages(session: Session) -> dict[int, tuple[int, bool]]:
        rows = asked(session, "turn_object_changes", since=since)
        return {row["id"]: (row["pages"], row["is_changed"]) for row in rows}

    there, here = pool.map(pages, (source, target))
    both = there.keys() & here.keys()
    doubtful = sorted(i for i in both if there[i][1] or there[i][0] != here[i][0])
    digests: list[Digests] = [{}, {}]
    if doubtful:
        digests = list(pool.map(lambda side: _digests(side, doubtful), (source, target)))
    return {i: digests[0].get(i, "") for i in there}, {i: digests[1].get(i, "") for i in here}


def _for_each(session: Session, call: str, ids: Sequence[int]) -> None:
    if ids:
        each = sql.SQL("SELECT {} FROM pg_catalog.unnest(%s::oid[]) AS l (id)").format(sql.SQL(call))
        session.execute(each, (list(ids),))


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
