"""
Comparing two MariaDB databases beside running work, as `migrate.compare.engines.Beside` has it.

Promise: both sides are read at the same position of the origin's log, which the replica is held at for as
long as two snapshots take to open; so whatever differs does differ. Once every row was seen equal, only
what the servers' logs name as changed is read again, in the freeze too; who is cut off goes on with the
tables that were not read yet. Before MariaDB 10.5, whose log names no keys, every row is read each time.
All that is put on a server is a setting of its log, which goes with the flow.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from migrate.compare import mariadb
from migrate.compare.definitions import differing_definitions
from migrate.compare.mariadb_changed import Side, compare_changed
from migrate.compare.mariadb_record import Record, load
from migrate.compare.pacing import Care, Pace
from migrate.compare.run import Told
from migrate.compare.verdict import BaseComparison, DatabaseComparison, Difference, TableResult, TableState
from migrate.errors import ComparisonError
from migrate.mariadb.changes import LogLost
from migrate.mariadb.columns import tables
from migrate.mariadb.definitions import compared, definitions
from migrate.mariadb.health import health, sessions_allowed
from migrate.mariadb.replication import (
    flow_name,
    has_applied,
    name_columns,
    names_columns,
    resume,
    seen,
    stop,
)
from migrate.mariadb.session import MariaDatabase, MariaSession, literal
from migrate.waiting import wait_until

_HELD_SECONDS = 60.0
_NO_TRANSACTIONS = "it knows no transactions, so no two copies of it are of one moment"


class MariadbBeside:
    """MariaDB against MariaDB, at one position of the flow, by what both logs name as changed."""

    def compare(
        self,
        name: str,
        source: MariaDatabase,
        target: MariaDatabase,
        *,
        tenant: str,
        store: Path,
        told: Told | None = None,
        care: Care | None = None,
    ) -> BaseComparison:
        pace = _pace(source, care) if care else _at_once
        began_at = datetime.now(UTC)
        for side in (source, target):
            with side.opened() as session:
                names_keys = name_columns(session)
        with _same_moment(source, target, flow_name(tenant, name)) as (left, right, is_forward):
            every = tables(left)
            mariadb.require_tables(source, every)
            known = {one: table for one, table in every.items() if table.is_transactional}
            there = {one: table for one, table in tables(right).items() if one in known}
            here = Side(source, left, mariadb.position(left), known)
            beyond = Side(target, right, mariadb.position(right), there)
            before = load(store) if names_keys else None
            results, written = _since(here, beyond, before, is_forward, told, pace)
            found: list[TableResult] = []
            record = Record(
                source=here.position,
                target=beyond.position,
                rows={},
                written=tuple(sorted({*(before.written if before else ()), *written})),
            )
            for part in results:
                found += part
                record = record.of(found)
                record.save(store)
        return BaseComparison(
            name=name,
            began_at=began_at,
            ended_at=datetime.now(UTC),
            source_position=here.position,
            target_position=beyond.position,
            tables=tuple(
                TableState(name=one, way="whole", rows=record.rows[one])
                if one in record.rows
                else TableState(name=one, way="freeze", why=_NO_TRANSACTIONS)
                for one in every
            ),
            different=tuple(one for one in found if one.name in record.open),
            large_objects=0,
            not_compared=(),
            written_on_target=record.written,
        )

    def differing_definitions(self, source: MariaDatabase, target: MariaDatabase) -> list[Difference]:
        with source.opened() as left, target.opened() as right:
            return differing_definitions(compared(left), compared(right))

    def differing_rights(
        self, source: MariaDatabase, target: MariaDatabase, *, owner: str, application: str
    ) -> list[Difference]:
        """What runs in somebody's name runs in the owner's; the accounts' rights are the site's program's."""
        with target.opened() as session:
            made = definitions(session).values()
        expected = f"{owner}@%"
        return [
            Difference(kind=f"definer of {one.kind}", name=one.name, source=expected, target=one.definer)
            for one in made
            if one.definer and one.definer != expected
        ]

    def verdict(
        self,
        name: str,
        source: MariaDatabase,
        target: MariaDatabase,
        *,
        store: Path,
        source_position: str,
        target_position: str,
        is_return: bool = False,
    ) -> DatabaseComparison:
        began_at, before = time.monotonic(), load(store)
        if before is None:
            raise ComparisonError(
                f"{name} was not compared before the freeze, or the record of it is lost",
                next_step="fab run, which compares every row while legacy is at work",
            )
        with mariadb.snapshot(source) as left, mariadb.snapshot(target) as right:
            if not names_columns(left) or not names_columns(right):
                return mariadb.compare(name, source, target)
            known, there = tables(left), tables(right)
            chosen = [one for one, table in known.items() if table.is_transactional]
            here, beyond = (
                Side(side, session, mariadb.position(session), {n: t for n, t in of.items() if n in chosen})
                for side, session, of in ((source, left, known), (target, right, there))
            )
            changed = compare_changed(here, beyond, before, is_forward=not _is_replica(left))
            others = {one: table for one, table in known.items() if one not in chosen}
            beside = {one: table for one, table in there.items() if one not in chosen}
            results = [*chain(*changed.results), *mariadb.table_results(left, right, others, beside)]
            written = {*before.written, *changed.written}
            return mariadb.verdict(
                name, left, right, known, there, results, began_at=began_at, written_on_target=written
            )

    def let_writes_be(self, store: Path) -> None:
        if (record := load(store)) is not None:
            record.model_copy(update={"written": ()}).save(store)

    def retained(
        self, tenant: str, name: str, source: MariaDatabase, target: MariaDatabase
    ) -> tuple[int, int]:
        return 0, 0  # a server keeps its log for a time, whoever reads it

    def end(self, tenant: str, name: str, source: MariaDatabase, target: MariaDatabase) -> None:
        """Nothing was put anywhere."""


def _since(
    here: Side,
    there: Side,
    before: Record | None,
    is_forward: bool,
    told: Told | None,
    pace: Callable[[], None],
) -> tuple[Iterator[Sequence[TableResult]], Iterable[str]]:
    """The results of all tables, and those written on the target: by what changed where anything was seen."""
    if before is not None:
        with suppress(LogLost):  # it was kept too briefly: every row is read anew
            changed = compare_changed(here, there, before, is_forward=is_forward, pace=pace)
            return changed.results, changed.written
    every = mariadb.table_results(here.session, there.session, here.tables, there.tables, told, pace)
    return ([one] for one in every), ()


def _pace(source: MariaDatabase, care: Care) -> Pace:
    with source.opened() as session:
        sessions = care.limits.sessions_at_most(sessions_allowed(session))
    return Pace(lambda: health(source), sessions, care)


def _at_once() -> None:
    """Wait for nobody."""


def _is_replica(session: MariaSession) -> bool:
    return bool(session.run("SHOW ALL SLAVES STATUS"))


@contextmanager
def _same_moment(
    source: MariaDatabase, target: MariaDatabase, flow: str
) -> Iterator[tuple[MariaSession, MariaSession, bool]]:
    """
    Open a snapshot of either side at one position of the flow, and tell whether it goes forward.

    Raises:
        ComparisonError: Nothing flows, or the replica did not come to that position in time.
    """
    with (
        source.opened() as left,
        target.opened() as right,
        source.opened() as ours,
        target.opened() as theirs,
    ):
        forward = _flows(theirs, flow)
        if not forward and not _flows(ours, flow):
            raise ComparisonError(
                f"no changes flow between {source.name} and {target.name}, so they are of no one moment",
                state="Nothing was changed.",
                next_step="fab status",
            )
        origin, replica, control = (left, right, theirs) if forward else (right, left, ours)
        of_origin = tables(origin).values()
        left_out = [table.name for table in of_origin if not table.is_transactional]
        begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
        stop(control, flow)
        try:
            origin.run(begin)
            position = mariadb.position(origin)
            control.run(f"START SLAVE '{flow}' UNTIL master_gtid_pos = {literal(position)}")
            is_there = has_applied(control, position, timeout_seconds=_HELD_SECONDS)
            if not is_there or not wait_until(
                lambda: not _flows(control, flow), deadline_seconds=_HELD_SECONDS, pace_seconds=0.01
            ):
                raise ComparisonError(
                    f"the replica did not come to {position} within {_HELD_SECONDS:.0f} s",
                    state="The flow goes on; nothing else was changed.",
                    next_step="fab run, at a quieter hour",
                )
            replica.run(begin)
        finally:
            resume(control, flow, source.endpoint.dbname, left_out)
        yield left, right, forward


def _flows(session: MariaSession, flow: str) -> bool:
    now = seen(session, flow)
    return now is not None and now.is_applying
