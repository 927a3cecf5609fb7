"""
Comparing two PostgreSQL databases beside running work, as `migrate.compare.engines.Beside` has it.

Promise: each method is told in the module that does it; sessions that the freeze will need are left ready.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from migrate.compare import changes
from migrate.compare.definitions import Roles, differing_rights
from migrate.compare.frozen import SESSIONS, compare_changed
from migrate.compare.ledger import Ledger
from migrate.compare.live import compare_live
from migrate.compare.pacing import Care, Pace
from migrate.compare.run import Told
from migrate.compare.verdict import BaseComparison, DatabaseComparison, Difference
from migrate.compare.wording import differing_made
from migrate.databases import Database, Session
from migrate.health import health, sessions_allowed


class PostgresqlBeside:
    """PostgreSQL against PostgreSQL, by what both servers' own logs name as changed."""

    def compare(
        self,
        name: str,
        source: Any,
        target: Any,
        *,
        tenant: str,
        store: Path,
        told: Told | None = None,
        care: Care | None = None,
    ) -> BaseComparison:
        pace = _pace(source, care) if care else None
        return compare_live(name, source, target, tenant=tenant, store=store, pace=pace, told=told)

    def differing_definitions(self, source: Any, target: Any) -> list[Difference]:
        with _sessions(source, target) as (left, right):
            return differing_made(left[0], right[0])

    def differing_rights(self, source: Any, target: Any, *, owner: str, application: str) -> list[Difference]:
        with _sessions(source, target) as (left, right):
            return differing_rights(left[0], right[0], Roles(owner=owner, application=application))

    def verdict(
        self,
        name: str,
        source: Any,
        target: Any,
        *,
        store: Path,
        source_position: str,
        target_position: str,
        is_return: bool = False,
    ) -> DatabaseComparison:
        with _sessions(source, target) as (left, right):
            return compare_changed(
                store,
                left,
                right,
                name=name,
                source_position=source_position,
                target_position=target_position,
                is_return=is_return,
            )

    def let_writes_be(self, store: Path) -> None:
        with Ledger(store) as ledger:
            ledger.forget_written()

    def retained(self, tenant: str, name: str, source: Any, target: Any) -> tuple[int, int]:
        return changes.retained(tenant, name, source, target)

    def end(self, tenant: str, name: str, source: Any, target: Any) -> None:
        changes.end(tenant, name, source, target)


def _pace(source: Database, care: Care) -> Pace:
    with source.opened() as session:
        sessions = care.limits.sessions_at_most(sessions_allowed(session))
    return Pace(lambda: health(source), sessions, care)


@contextmanager
def _sessions(source: Database, target: Database) -> Iterator[tuple[list[Session], list[Session]]]:
    """As many on either side as the verdict in the freeze asks for, so that it finds them open."""
    with ExitStack() as opened:
        yield (
            opened.enter_context(source.opened_many(SESSIONS)),
            opened.enter_context(target.opened_many(SESSIONS)),
        )
