"""
A new version beside the old one's data: a target that is upgraded while it is kept in step with its source.

    CREATE SCHEMA archive9;
    CREATE VIEW archive9.case_file AS SELECT … FROM archive.case_file;

What the source has goes on flowing into the tables that both have, so the new version may add schemas and
nothing else. Promise: an upgrade is one transaction that is taken back unless it kept to that; what it added
is marked, so that no comparison takes it for a difference, until `adopt` takes the mark off.
"""

import hashlib
from collections.abc import Iterator
from time import monotonic

import psycopg
from psycopg import sql

from migrate.compare.definitions import definitions, differing_definitions
from migrate.databases import Database, Session
from migrate.product import chain, objects
from migrate.product.chain import HopDone
from migrate.product.description import ProductError
from migrate.product.installation import require_version, version_in
from migrate.product.order import Ordered
from migrate.step import Progress
from migrate.transfer.postgresql_bulk import grant
from provisioning.model import Model

MARK = "bascule: only on this site"
"""Comment of a schema that the source does not have; the queries that compare two sides pass it by."""
_FOREIGN = """
SELECT k.conrelid::pg_catalog.regclass::text FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.confrelid
 WHERE k.contype = 'f' AND k.connamespace::pg_catalog.regnamespace::text = ANY (%(added)s)
   AND c.relnamespace::pg_catalog.regnamespace::text <> ALL (%(added)s)
"""
# Until the server's statistics take them, it counts the session's earlier transactions along.
_WRITTEN = """
SELECT pg_catalog.format('%I.%I', schemaname, relname), schemaname::text, n_tup_ins + n_tup_upd + n_tup_del
  FROM pg_catalog.pg_stat_xact_user_tables
"""
_TABLES = """
SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (%s) ORDER BY 1, 2
"""


class InStep(Model):
    """Evidence ``in-step``: the target's upgrade beside the flow. `schemas` are those that it added."""

    from_version: str
    to_version: str
    hops: tuple[HopDone, ...]
    schemas: tuple[str, ...]
    seconds: float


def upgrade(
    database: Database, owner: str, application: str, ordered: Ordered, started_from: str, told: Progress
) -> InStep:
    """
    Bring the target to the version that was ordered, while changes flow onto it; repeated, nothing is done.

    Raises:
        ProductError: A step failed, changed what both sides have, or is a command, which is not taken back.
    """
    began, product, folder = monotonic(), ordered.product, ordered.folder
    done: list[HopDone] = []
    with database.opened(role=owner) as session, session.transaction():
        hops = chain.path(product, version_in(session, product), ordered.order.to)
        before, written = definitions(session), _written(session)
        there = set(_schemas(session))
        for hop in hops:
            hop_began, steps = monotonic(), chain.applying(hop, started_from)
            for step in steps:
                if step.sql is None:
                    raise _refused(f"step {step.name} is a command; only SQL can be taken back as a whole")
                try:
                    session.execute((folder / step.sql).read_bytes())
                except psycopg.Error as error:
                    said = (error.diag.message_primary or str(error)).splitlines()[0]
                    raise _refused(f"step {step.name} failed: {said}") from error
            names = tuple(step.name for step in steps)
            seconds = round(monotonic() - hop_began, 3)
            done.append(HopDone(from_version=hop.from_, to_version=hop.to, steps=names, seconds=seconds))
        added = sorted(set(_schemas(session)) - there)
        for name in added:
            comment = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(name), sql.Literal(MARK))
            session.execute(comment)
        if broken := list(_broken(session, added, before, written)):
            raise _refused("it does more than to add schemas:\n  " + "\n  ".join(broken[:20]))
        require_version(session, product, ordered.order.to)
        grant(session, application)
        schemas = tuple(marked(session))
    for one in done:
        told.say(f"{product.name} {one.from_version} → {one.to_version} beside the flow, {one.seconds:.1f} s")
    return InStep(
        from_version=started_from,
        to_version=ordered.order.to,
        hops=tuple(done),
        schemas=schemas,
        seconds=round(monotonic() - began, 3),
    )


def marked(session: Session) -> list[str]:
    """Return the schemas that only this site has."""
    found = session.execute(
        "SELECT nspname::text FROM pg_catalog.pg_namespace"
        " WHERE pg_catalog.obj_description(oid, 'pg_namespace') = %s ORDER BY 1",
        (MARK,),
    ).fetchall()
    return [name for (name,) in found]


def adopt(database: Database, owner: str) -> list[str]:
    """Take the marks off: from now on what the new version added is the site's like all else."""
    with database.opened(role=owner) as session, session.transaction():
        names = marked(session)
        for name in names:
            session.execute(sql.SQL("COMMENT ON SCHEMA {} IS NULL").format(sql.Identifier(name)))
    return names


def release(database: Database, owner: str, ordered: Ordered, schemas: tuple[str, ...]) -> dict[str, str]:
    """
    Return what a version added: a digest of each object, and of each table's rows, its configuration.

    Two installations of one release that are configured alike give the same.
    """
    added = ordered.product.model_copy(update={"schemas": schemas})
    found: dict[str, str] = {}
    with database.opened(role=owner) as session, session.transaction():
        session.execute("SET TRANSACTION READ ONLY")
        every = objects.in_database(session, added)
        # Who may do what is each site's own.
        found |= {one.id: one.sha256 for one in every if one.kind != "grant"}
        for schema, table in session.execute(_TABLES, (list(schemas),)).fetchall():
            rows = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(schema, table))
            text = "\n".join(str(row) for (row,) in session.execute(rows).fetchall())
            found[f"rows {schema}.{table}"] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _schemas(session: Session) -> Iterator[str]:
    yield from (n for (n,) in session.execute("SELECT nspname::text FROM pg_catalog.pg_namespace").fetchall())


def _written(session: Session) -> dict[tuple[str, str], int]:
    """Rows that were written so far, by table and its schema."""
    rows = session.execute(_WRITTEN, prepare=False).fetchall()
    return {(table, schema): count for table, schema, count in rows}


def _broken(
    session: Session,
    added: list[str],
    before: dict[tuple[str, str], str],
    written: dict[tuple[str, str], int],
) -> Iterator[str]:
    """Yield what an upgrade did to that which both sides have."""
    for one in differing_definitions(before, definitions(session)):
        yield f"{one.kind} {one.name} is another than before"
    for (table, schema), count in _written(session).items():
        if schema not in added and count > written.get((table, schema), 0):
            yield f"rows of {table} were written"
    for (table,) in session.execute(_FOREIGN, {"added": added}).fetchall():
        yield f"a foreign key of {table} points at what flows, which would hold up the flow"


def _refused(why: str) -> ProductError:
    return ProductError(
        f"this upgrade cannot be made beside a flow: {why}",
        state="It was taken back as a whole; changes go on flowing onto the target.",
        next_step="ask the vendor for an upgrade that adds schemas, or move in bulk mode by upgrade-product",
    )
