"""
The stage of a rehearsal: a copy of legacy's database beside the test site's own, and the way to either.

Promise: legacy is read once, for the copy, or not at all, where an archive brought it; everything else
happens on the test site's server, and `clear` leaves there what was there before.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event

from psycopg import sql

from migrate.databases import Database, Session, legacy_database, site_database
from migrate.errors import ConnectionFailed, TransferError
from migrate.moving import is_carried
from migrate.rehearsal.workload import MAKE_LEDGER, Connect
from migrate.sessions import Reach
from migrate.slots import drop_slot
from migrate.step import StepContext
from migrate.transfer import way
from migrate.transfer.contract import Live, Task

NAME = "rehearsal"
"""What the move is called while it is rehearsed: in names of slots, jobs and streams."""


@dataclass(frozen=True)
class Stage:
    """Both databases of a rehearsal, and the rehearsed move between them."""

    live: Live
    work: Task
    application: Database
    """The target, as the site's application reaches it."""

    @property
    def dbname(self) -> str:
        return str(self.work.source.endpoint.dbname)

    def sides(self, door: Event) -> dict[str, Connect]:
        """How users reach either side; nobody reaches the target before `door` is open."""
        source = replace(
            self.application, endpoint=replace(self.application.endpoint, dbname=self.dbname), kept=None
        )
        target = replace(self.application, kept=None)
        return {"source": _through(source, lambda: True), "target": _through(target, door.is_set)}


def _through(database: Database, may_enter: Callable[[], bool]) -> Connect:
    reach = Reach(database)

    def connect() -> Session:
        if not may_enter():
            raise ConnectionFailed(f"{database.name}: its door is closed")
        return reach.connect(database)

    return connect


def build(ctx: StepContext) -> Stage:
    """
    Copy legacy's database into the test environment, as it is or as it was archived, with the users' ledger.

    Raises:
        TransferError: It could not be copied.
        MigrationError: The test site is not stood up for a move.
    """
    legacy = ctx.manifest.legacy.databases[0]
    outputs = ctx.hosts.site("test").database
    target = site_database(ctx.hosts, "test", role="mover")
    dbname = f"{target.endpoint.dbname}_{NAME}"
    source = replace(
        target,
        name=f"{dbname} on {ctx.manifest.stack('test')}",
        endpoint=replace(target.endpoint, dbname=dbname),
    )
    live = way(legacy.engine, "live", outputs.engine)
    if not isinstance(live, Live):
        raise TransferError(f"{legacy.engine} has no live way that could be rehearsed")
    stage = Stage(
        live=live,
        work=Task(
            name=NAME,
            attempt=ctx.attempt,
            source=source,
            target=target,
            owner=outputs.owner.name,
            application=outputs.application.name,
            tenant=ctx.manifest.tenant,
            engine=legacy.engine,
        ),
        application=site_database(ctx.hosts, "test", role="application"),
    )
    clear(stage)
    with target.opened() as session:
        session.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(dbname), sql.Identifier(outputs.owner.name)
            )
        )
    if is_carried(ctx.case):
        # What arrived lies under the database's own name, and legacy may be out of reach.
        loading, copy = "staged-bulk", replace(stage.work, name=legacy.name, target=source)
    else:
        loading = "bulk"
        copy = replace(stage.work, source=legacy_database(ctx.hosts, legacy, "test"), target=source)
    bulk = way(legacy.engine, loading, outputs.engine)
    # A rehearsal that was cut short left its jobs behind, as finished: of a copy that is gone.
    bulk.empty(copy)
    if bulk.copy(copy, ctx.progress).tables == 0:
        raise TransferError(
            f"the copy of {legacy.name} holds no table, so there is nothing to rehearse",
            state="This is the test environment; legacy was only read.",
            next_step="correct legacy.databases in the manifest",
        )
    with source.opened(role=outputs.owner.name) as session:
        session.execute(MAKE_LEDGER)
        grants = "GRANT USAGE ON SCHEMA rehearsal TO {0}", "GRANT SELECT, INSERT ON rehearsal.ledger TO {0}"
        for grant in grants:
            session.execute(sql.SQL(grant).format(sql.Identifier(outputs.application.name)))
    return stage


def clear(stage: Stage) -> None:
    """Take everything of a rehearsal away again, also of one that was cut short."""
    target = stage.work.target
    with target.opened() as session:
        found = session.execute(
            "SELECT FROM pg_catalog.pg_database WHERE datname = %s", (stage.dbname,)
        ).fetchone()
    if found is not None:
        stage.live.end(stage.work)
    stage.live.empty(stage.work)
    with target.opened() as session:
        for (slot,) in session.execute(
            "SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE database = %s", (stage.dbname,)
        ).fetchall():
            drop_slot(session, slot)
        session.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(stage.dbname))
        )
