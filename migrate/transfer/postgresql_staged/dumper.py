"""
PostgreSQL's part in `migrate.archive.engines`.

Promise: one method of `Dumper` each, told in the module that does it.
"""

from collections.abc import Callable

from migrate.archive.layout import Facts, Reserved
from migrate.databases import query, value
from migrate.errors import TransferError
from migrate.step import Progress
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.catalogue import Catalogue
from migrate.transfer.postgresql_live.sessions import at_work
from migrate.transfer.postgresql_staged import dump as dumping
from migrate.transfer.postgresql_staged import reserving


class PostgresqlDumper:
    """Dumps by pg_dump; what changes since is kept by a replication slot."""

    def dump(self, task: Task, archive: str, progress: Progress, *, reserved: Reserved | None) -> Facts:
        stream = reserving.stream_of(task, reserved) if reserved else None
        return dumping.dump(task.name, task.source, archive, progress, stream=stream)

    def fingerprint(self, task: Task) -> str:
        with task.source.opened() as session:
            session.execute("SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)")
            return str(value(session, query("assess_fingerprint")))

    def reserve(self, task: Task, found: Catalogue | None, keep: Callable[[Catalogue], None]) -> Reserved:
        return reserving.reserve(task, found, keep)

    def keeps(self, task: Task, facts: Facts, reserved: Reserved) -> str:
        del facts  # the slot itself knows where it began
        return reserving.keeps(task, reserved)

    def can_flow(self, task: Task, facts: Facts, reserved: Reserved) -> bool:
        with at_work(task.source) as (source,):
            try:
                reserving.require_kept(task, reserved, facts.position, source)
            except TransferError:
                return False
        return True

    def is_followed(self, task: Task, facts: Facts, reserved: Reserved) -> bool:
        return reserving.is_followed(task, reserved, facts.position)

    def release(self, task: Task, found: Catalogue) -> tuple[str, ...]:
        return reserving.release(task, found)
