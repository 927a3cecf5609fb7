"""
Live transfer of PostgreSQL: a base copy while the source is at work, then its changes, either way round.

Promise: `PostgresqlLive` meets `migrate.transfer.contract.Live`; what it does is in the modules beside it,
one idea each: `copying` up to the flow, `flow` while it lasts, `drain`, `settle` and `turn` at a switch,
`ending` for all that ends.
"""

from migrate.step import Progress
from migrate.transfer.contract import Copied, Drained, Estimate, Flow, Settled, Task, Turned
from migrate.transfer.postgresql_bulk import empty_database
from migrate.transfer.postgresql_live import base_copy, checks, copying, ending, tuning
from migrate.transfer.postgresql_live import drain as draining
from migrate.transfer.postgresql_live import flow as flows
from migrate.transfer.postgresql_live import settle as settling
from migrate.transfer.postgresql_live import turn as turning
from migrate.transfer.postgresql_live.jobs import copy_job, definitions_job


class PostgresqlLive:
    """Copy while the source is at work, let changes flow, stop for seconds; and back the same way."""

    def estimate(self, task: Task) -> Estimate:
        """Measure size and disk; the copy needs as much again for the log that loading writes."""
        with task.source.opened() as session:
            return checks.host(task).estimate(base_copy.size(session)["database_bytes"])

    def copy(self, task: Task, progress: Progress) -> Copied:
        return copying.copy(task, progress)

    def empty(self, task: Task) -> None:
        """End what still runs, remove every trace on both sides, and drop what the copy put on the target."""
        for job in (copy_job(task), definitions_job(task)):
            job.discard()
        with task.target.opened() as target:
            tuning.untune(target)
        ending.end(task)
        empty_database(task.target, task.owner)

    def flow(self, task: Task) -> Flow:
        return flows.flow(task)

    def catch_up(
        self, task: Task, progress: Progress, *, within_seconds: float, timeout_seconds: float
    ) -> Flow:
        return flows.catch_up(task, progress, within_seconds=within_seconds, timeout_seconds=timeout_seconds)

    def pause(self, task: Task, why: str) -> None:
        """Have the copy, or the flow, wait until `resume`; `why` is shown."""
        flows.pause(task, why)

    def resume(self, task: Task) -> None:
        """Have it go on."""
        flows.resume(task)

    def drain(self, task: Task, *, timeout_seconds: float) -> Drained:
        return draining.drain(task, timeout_seconds=timeout_seconds)

    def settle(self, task: Task) -> Settled:
        return settling.settle(task)

    def make_ready(self, task: Task) -> None:
        """Make all of the way back that can be made while changes still flow this way."""
        turning.prepare_turn(task)

    def turn(self, task: Task, *, timeout_seconds: float) -> Turned:
        return turning.turn(task, timeout_seconds=timeout_seconds)

    def turn_back(self, task: Task) -> None:
        turning.turn_back(task)

    def let_go(self, task: Task) -> None:
        ending.let_go(task)

    def end(self, task: Task) -> tuple[str, ...]:
        return ending.end(task)
