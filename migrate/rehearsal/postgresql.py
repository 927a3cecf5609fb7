"""
The rehearsal of PostgreSQL: a copy of legacy's database beside the test site's own, on the same server.

Promise: legacy is read once, for the copy, or not at all, where an archive brought it; everything else
happens on the test site's server, and what was there before is there afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from time import sleep
from typing import LiteralString

import psycopg
from psycopg import sql

from migrate.compare import faults
from migrate.compare.frozen import standing_by
from migrate.compare.live import compare_live
from migrate.compare.planted import Planted
from migrate.databases import Database, Session, legacy_database, site_database, value
from migrate.errors import TransferError
from migrate.fence import FENCES
from migrate.moving import is_carried
from migrate.rehearsal.contract import NAME, Connect, Verdict, behind, require_tables
from migrate.sessions import Reach
from migrate.slots import drop_slot
from migrate.step import StepContext
from migrate.transfer import way
from migrate.transfer.contract import Copied, Live, Task, Transfer
from migrate.transfer.postgresql_bulk import PostgresqlBulk

LEDGER = sql.Identifier("rehearsal", "ledger")
MAKE_LEDGER = """
CREATE SCHEMA rehearsal;
CREATE TABLE rehearsal.ledger (
    client int NOT NULL, number bigint NOT NULL, written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (client, number)
);
"""
"""Made in the source before it is copied, by whoever owns it."""
_FENCE, _BULK = FENCES["postgresql"], PostgresqlBulk()


class PostgresqlUser:
    """
    As `migrate.rehearsal.contract.User`.

    Args:
        change: A statement that changes rows of the tenant's own, run in the transaction of every write.
    """

    def __init__(self, session: Session, change: LiteralString = "") -> None:
        self._session, self._change = session, change

    @property
    def is_open(self) -> bool:
        return not self._session.closed

    def write(self, client: int, number: int) -> None:
        insert = sql.SQL("INSERT INTO {} (client, number) VALUES (%s, %s) ON CONFLICT DO NOTHING")
        try:
            with self._session.transaction():
                self._session.execute(insert.format(LEDGER), (client, number))
                if self._change:
                    self._session.execute(self._change)
        except psycopg.Error as error:
            raise TransferError(f"a write was not taken: {error}") from error

    def close(self) -> None:
        self._session.close()


@dataclass(frozen=True)
class PostgresqlStage:
    """As `migrate.rehearsal.contract.Stage`."""

    live: Live
    work: Task
    application: Database
    """The target, as the site's application reaches it."""

    @property
    def dbname(self) -> str:
        return str(self.work.source.endpoint.dbname)

    def users(self, door: Event) -> Mapping[str, Connect]:
        source = replace(
            self.application, endpoint=replace(self.application.endpoint, dbname=self.dbname), kept=None
        )
        target = _through(replace(self.application, kept=None))
        return {"source": _through(source), "target": behind(door, self.application.name, target)}

    def held(self) -> Mapping[int, int]:
        with self.work.source.opened() as session:
            return held(session)

    @contextmanager
    def planted(self) -> Iterator[Sequence[Planted]]:
        with self.work.target.opened() as session:
            planted = faults.plant(session, self.work.target.endpoint)
            try:
                yield planted
            finally:
                faults.take_back(session, planted)

    @contextmanager
    def judging(self, store: Path) -> Iterator[Verdict]:
        """The catalogues are read beside the comparison: whoever decided to go back waits for neither."""
        sides = self.work.source, self.work.target
        opening = standing_by(store, NAME, *sides)
        with ExitStack() as ready:
            with ThreadPoolExecutor(1) as aside:
                opened = aside.submit(ready.enter_context, opening)
                compare_live(NAME, *sides, tenant=self.work.tenant, store=store, patience_seconds=None)
                standby = opened.result()
            yield standby.verdict

    def rest(self) -> None:
        """
        Wait until the server starts a subscription's worker at once again.

        Both sides of a rehearsal are on one server, which starts one within this time; a move has two.
        """
        with self.work.target.opened() as session:
            milliseconds = value(
                session,
                "SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'wal_retrieve_retry_interval'",
            )
        sleep(milliseconds / 1000)


@dataclass(frozen=True)
class PostgresqlBulkStage:
    """As `migrate.rehearsal.contract.BulkStage`: the same stage, on which nothing flows."""

    stage: PostgresqlStage
    bulk: Transfer
    move: Task
    loaded: Copied

    @property
    def work(self) -> Task:
        return self.stage.work

    def planted(self) -> AbstractContextManager[Sequence[Planted]]:
        return self.stage.planted()


class PostgresqlRehearsing:
    """As `migrate.rehearsal.contract.Rehearsing` and `RehearsingBulk`."""

    @contextmanager
    def staged(self, ctx: StepContext) -> Iterator[PostgresqlStage]:
        stage = _stage(ctx)
        _clear(stage)
        try:
            _copy(ctx, stage)
            yield stage
        finally:
            _clear(stage)

    @contextmanager
    def staged_bulk(self, ctx: StepContext) -> Iterator[PostgresqlBulkStage]:
        stage = _stage(ctx)
        bulk, move = _in_bulk(ctx, stage)
        _clear(stage)
        bulk.empty(move)
        try:
            yield PostgresqlBulkStage(stage, bulk, move, _copy(ctx, stage))
        finally:
            _clear(stage)
            bulk.empty(move)

    def clear(self, ctx: StepContext) -> bool:
        stage = _stage(ctx)
        if not _is_there(stage):
            return False
        _clear(stage)
        bulk, move = _in_bulk(ctx, stage)
        bulk.empty(move)
        return True


def held(session: Session) -> dict[int, int]:
    """How many numbers of each client a database's ledger holds."""
    counted = sql.SQL("SELECT client, pg_catalog.count(*) FROM {} GROUP BY client").format(LEDGER)
    return dict(session.execute(counted).fetchall())


def _through(database: Database) -> Connect:
    reach = Reach(database)
    return lambda: PostgresqlUser(reach.connect(database))


def _stage(ctx: StepContext) -> PostgresqlStage:
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
    return PostgresqlStage(
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


def _in_bulk(ctx: StepContext, stage: PostgresqlStage) -> tuple[Transfer, Task]:
    """How the copy moves on in bulk: logged in as the cutover is, with jobs of its own."""
    work = stage.work
    target = site_database(ctx.hosts, "test", role="migration")
    return way(work.engine, "bulk", work.target_engine), replace(work, name=f"{NAME}-bulk", target=target)


def _copy(ctx: StepContext, stage: PostgresqlStage) -> Copied:
    """Copy legacy's database, as it is or as it was archived, and give it the users' ledger."""
    legacy = ctx.manifest.legacy.databases[0]
    outputs = ctx.hosts.site("test").database
    source, target = stage.work.source, stage.work.target
    with target.opened() as session:
        session.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(stage.dbname), sql.Identifier(outputs.owner.name)
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
    copied = bulk.copy(copy, ctx.progress)
    require_tables(legacy.name, copied.tables)
    with source.opened(role=outputs.owner.name) as session:
        session.execute(MAKE_LEDGER)
        grants = "GRANT USAGE ON SCHEMA rehearsal TO {0}", "GRANT SELECT, INSERT ON rehearsal.ledger TO {0}"
        for grant in grants:
            session.execute(sql.SQL(grant).format(sql.Identifier(outputs.application.name)))
    return copied


def _is_there(stage: PostgresqlStage) -> bool:
    """Whether the copy of legacy's database stands."""
    with stage.work.target.opened() as session:
        found = session.execute(
            "SELECT FROM pg_catalog.pg_database WHERE datname = %s", (stage.dbname,)
        ).fetchone()
    return found is not None


def _clear(stage: PostgresqlStage) -> None:
    """Take everything of a rehearsal away again, also of one that was cut short."""
    target = stage.work.target
    _BULK.forget_jobs(stage.work)
    _FENCE.lift(target)
    if _is_there(stage):
        _FENCE.lift(stage.work.source)
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
