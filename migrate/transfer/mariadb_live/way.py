"""
The live way between two MariaDB servers, as the rest of Bascule sees it.

Promise: one method of `migrate.transfer.contract.Live` each, told in the module that does it.
"""

from migrate.step import Progress
from migrate.transfer.contract import Copied, Drained, Estimate, Flow, Settled, Task, Turned
from migrate.transfer.mariadb_live import base, flow, switch


class MariadbLive:
    """MariaDB to MariaDB, while the source is at work."""

    def estimate(self, task: Task) -> Estimate:
        return base.estimate(task)

    def copy(self, task: Task, progress: Progress) -> Copied:
        return base.copy(task, progress)

    def empty(self, task: Task) -> None:
        switch.end(task)
        base.empty(task)

    def flow(self, task: Task) -> Flow:
        return flow.look(task)

    def catch_up(
        self, task: Task, progress: Progress, *, within_seconds: float, timeout_seconds: float
    ) -> Flow:
        return flow.catch_up(task, progress, within_seconds=within_seconds, timeout_seconds=timeout_seconds)

    def pause(self, task: Task, why: str) -> None:
        flow.pause(task, why)

    def resume(self, task: Task) -> None:
        flow.go_on(task)

    def make_ready(self, task: Task) -> None:
        switch.make_ready(task)

    def drain(self, task: Task, *, timeout_seconds: float) -> Drained:
        return switch.drain(task, timeout_seconds=timeout_seconds)

    def settle(self, task: Task) -> Settled:
        return switch.settle(task)

    def turn(self, task: Task, *, timeout_seconds: float) -> Turned:
        return switch.turn(task, timeout_seconds=timeout_seconds)

    def turn_back(self, task: Task) -> None:
        switch.turn_back(task)

    def let_go(self, task: Task) -> None:
        switch.let_go(task)

    def end(self, task: Task) -> tuple[str, ...]:
        return switch.end(task)
