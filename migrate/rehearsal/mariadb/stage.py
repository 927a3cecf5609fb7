"""
The stage of a MariaDB rehearsal: a temporary server that stands in for legacy, and the test site's database.

Promise: legacy is read once, for the copy, or not at all, where an archive brought it; everything else
happens on the test site's host, and what was there before is there afterwards: no server, no file, no
account, no flow, no row.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from migrate.compare.mariadb_beside import MariadbBeside
from migrate.compare.mariadb_faults import planted
from migrate.compare.planted import Planted
from migrate.databases import site_login
from migrate.errors import TransferError
from migrate.fence import FENCES
from migrate.mariadb.replication import flow_name, remove, seen, traces
from migrate.mariadb.session import MariaDatabase, mariadb_legacy, mariadb_of, mariadb_site
from migrate.moving import is_carried
from migrate.rehearsal.contract import NAME, STATE, Connect, Verdict, behind
from migrate.rehearsal.mariadb import loading, stand_in
from migrate.step import StepContext
from migrate.transfer.contract import Task
from migrate.transfer.mariadb_live import MariadbLive, base

_FENCE = FENCES["mariadb"]
_WRITE = (
    f"INSERT INTO {loading.LEDGER} (client, number) VALUES (%s, %s)"  # noqa: S608 - our own words
    " ON DUPLICATE KEY UPDATE number = number"
)


class MariadbUser:
    """As `migrate.rehearsal.contract.User`."""

    def __init__(self, database: MariaDatabase) -> None:
        with ExitStack() as opening:
            self._session = opening.enter_context(database.opened())
            self._open = opening.pop_all()

    @property
    def is_open(self) -> bool:
        return self._session.is_open

    def write(self, client: int, number: int) -> None:
        self._session.run(_WRITE, client, number)

    def close(self) -> None:
        self._open.close()


@dataclass(frozen=True)
class MariadbStage:
    """As `migrate.rehearsal.contract.Stage`."""

    live: MariadbLive
    work: Task
    application: MariaDatabase
    """The target, as the site's application reaches it."""

    def users(self, door: Event) -> Mapping[str, Connect]:
        login, source = self.application.endpoint, mariadb_of(self.work.source)
        there = replace(source.endpoint, user=login.user, password=login.password)
        return {
            "source": lambda: MariadbUser(replace(source, endpoint=there)),
            "target": behind(door, self.application.name, lambda: MariadbUser(self.application)),
        }

    def held(self) -> Mapping[int, int]:
        counted = f"SELECT client, COUNT(*) AS held FROM {loading.LEDGER} GROUP BY client"  # noqa: S608 - our own
        with mariadb_of(self.work.source).opened() as session:
            return {int(row["client"]): int(row["held"]) for row in session.run(counted)}

    def planted(self) -> AbstractContextManager[Sequence[Planted]]:
        return planted(mariadb_of(self.work.target))

    @contextmanager
    def judging(self, store: Path) -> Iterator[Verdict]:
        by, source, target = MariadbBeside(), self.work.source, self.work.target
        by.compare(NAME, source, target, tenant=self.work.tenant, store=store)
        yield lambda here, there: by.verdict(
            NAME, source, target, store=store, source_position=here, target_position=there
        )

    def rest(self) -> None:
        """Nothing has to be waited for."""


class MariadbRehearsing:
    """As `migrate.rehearsal.contract.Rehearsing`."""

    @contextmanager
    def staged(self, ctx: StepContext) -> Iterator[MariadbStage]:
        work = _target_alone(ctx)
        _clear(work)
        try:
            with stand_in.kept_alive(work.target.through):
                yield _built(ctx, work)
        finally:
            _clear(work)

    def clear(self, ctx: StepContext) -> bool:
        work = _target_alone(ctx)
        if not _is_there(work):
            return False
        _clear(work)
        return True


def _target_alone(ctx: StepContext) -> Task:
    """The rehearsed move, with nothing yet for a source but the target itself."""
    outputs = ctx.hosts.site("test").database
    target = mariadb_site(ctx.hosts, "test", "mover")
    return Task(
        name=NAME,
        attempt=ctx.attempt,
        source=target,
        target=target,
        owner=outputs.owner.name,
        application=outputs.application.name,
        tenant=ctx.manifest.tenant,
        engine="mariadb",
        target_engine="mariadb",
    )


def _built(ctx: StepContext, alone: Task) -> MariadbStage:
    """Start the server that stands in for legacy, and fill it."""
    database = ctx.manifest.legacy.databases[0]
    target = mariadb_of(alone.target)
    carried = is_carried(ctx.case)
    # What is carried arrives where legacy may be out of reach.
    legacy = None if carried else mariadb_legacy(ctx.hosts, database)
    owner, application = (site_login(ctx.hosts, "test", role) for role in ("owner", "application"))
    logins = {
        application.name: stand_in.Account(
            application.name, application.password, "SELECT, INSERT, UPDATE, DELETE, EXECUTE"
        ),
        owner.name: stand_in.Account(owner.name, owner.password, "ALL PRIVILEGES"),
    }
    called = f"{target.endpoint.dbname} in place of legacy on {ctx.manifest.stack('test')}"
    ctx.progress.say("a server of its own stands in for legacy, on the test site's host")
    source = stand_in.start(target, stand_in.like(legacy or target), tuple(logins.values()), called=called)
    copy = replace(alone, name=database.name, source=legacy, target=source)
    if carried:
        loading.load_carried(copy, source, ctx.progress)
    else:
        loading.load(copy, source, ctx.progress)
    return MariadbStage(
        live=MariadbLive(),
        work=replace(alone, source=source),
        application=mariadb_site(ctx.hosts, "test", "application"),
    )


def _is_there(work: Task) -> bool:
    """Whether anything of a rehearsal is on the test site's host."""
    target, flow = mariadb_of(work.target), flow_name(work.tenant, work.name)
    jobs = stand_in.job(target.through), loading.job(target), base.job(work)
    if any(job.look().state != "absent" for job in jobs) or _FENCE.is_fenced(target):
        return True
    with target.opened() as session:
        return seen(session, flow) is not None or bool(traces(session, flow))


def _clear(work: Task) -> None:
    """Take everything of a rehearsal away again, also of one that was cut short: its server may be gone."""
    target, flow = mariadb_of(work.target), flow_name(work.tenant, work.name)
    _FENCE.lift(target)
    loading.job(target).discard()
    with target.opened() as session:
        remove(session, flow)
        left = traces(session, flow)
    base.empty(work)
    stand_in.job(target.through).discard()
    if left:
        raise TransferError(
            f"{target.name} still has {', '.join(left)} of a rehearsal",
            state=STATE,
            next_step="see to what is named, then fab rehearse",
        )
