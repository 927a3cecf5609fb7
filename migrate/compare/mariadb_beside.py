"""
Comparing two MariaDB databases beside running work, as `migrate.compare.engines.Beside` has it.

Promise: both sides are read at the same position of the origin's log, which the replica is held at for as
long as two snapshots take to open; so whatever differs does differ. Nothing is left on either side. The
verdict in the freeze reads every row, so the stop grows with the database here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from migrate.compare import mariadb
from migrate.compare.run import Told
from migrate.compare.verdict import BaseComparison, DatabaseComparison, Difference, TableState
from migrate.errors import ComparisonError
from migrate.mariadb.columns import tables
from migrate.mariadb.definitions import definitions
from migrate.mariadb.replication import flow_name, has_applied, resume, seen, stop
from migrate.mariadb.session import MariaDatabase, MariaSession, literal
from migrate.waiting import wait_until

_HELD_SECONDS = 60.0
_NO_TRANSACTIONS = "it knows no transactions, so no two copies of it are of one moment"


class MariadbBeside:
    """MariaDB against MariaDB, at one position of the flow between them."""

    def compare(
        self, name: str, source: MariaDatabase, target: MariaDatabase, *, tenant: str, store: Path, told: Told
    ) -> BaseComparison:
        began_at = datetime.now(UTC)
        with _same_moment(source, target, flow_name(tenant, name)) as (left, right, position):
            known = tables(left)
            mariadb.require_tables(source, known)
            chosen = {name: table for name, table in known.items() if table.is_transactional}
            there = {name: table for name, table in tables(right).items() if name in chosen}
            found = mariadb.table_results(left, right, chosen, there, told)
        rows = {one.name: one.source_rows for one in found}
        return BaseComparison(
            name=name,
            began_at=began_at,
            ended_at=datetime.now(UTC),
            source_position=position,
            target_position=position,
            tables=tuple(
                TableState(name=one, way="whole", rows=rows[one])
                if one in rows
                else TableState(name=one, way="freeze", why=_NO_TRANSACTIONS)
                for one in known
            ),
            different=tuple(one for one in found if not one.agrees),
            large_objects=0,
            not_compared=(),
        )

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
    ) -> DatabaseComparison:
        return mariadb.compare(name, source, target)

    def let_writes_be(self, store: Path) -> None:
        """Nothing is kept: every verdict reads every row."""

    def retained(
        self, tenant: str, name: str, source: MariaDatabase, target: MariaDatabase
    ) -> tuple[int, int]:
        return 0, 0  # a server keeps its log for a time, whoever reads it

    def end(self, tenant: str, name: str, source: MariaDatabase, target: MariaDatabase) -> None:
        """Nothing was put anywhere."""


@contextmanager
def _same_moment(
    source: MariaDatabase, target: MariaDatabase, flow: str
) -> Iterator[tuple[MariaSession, MariaSession, str]]:
    """
    Open a snapshot of either side at one position of the flow, whichever way it goes.

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
        yield left, right, position


def _flows(session: MariaSession, flow: str) -> bool:
    now = seen(session, flow)
    return now is not None and now.is_applying
