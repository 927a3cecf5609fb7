"""
The operations on a stack: preview, up, refresh and destroy.

Promise: nothing is deleted when the program or any step failed, or when one of the resources to be
deleted is protected.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from engine_double import DoubleError, crypto, monitor, steps
from engine_double.deployment import Deployment
from engine_double.display import Display
from engine_double.program import Program
from engine_double.project import Project
from engine_double.state import Backend, Resource


@dataclass(frozen=True)
class Update:
    """One command on one stack."""

    project: Project
    backend: Backend
    stack: str
    diff: bool = False
    with_refresh: bool = False

    def preview(self, *, expect_no_changes: bool = False) -> None:
        self._run("Previewing update", self._by_program, dry_run=True, expect_no_changes=expect_no_changes)

    def up(self, *, skip_preview: bool) -> None:
        if not skip_preview:
            self.preview()
            print()
        with self.backend.locked(self.stack):
            self._run("Updating", self._by_program, dry_run=False)

    def refresh(self) -> None:
        with self.backend.locked(self.stack):
            self._run("Refreshing", _refreshed, dry_run=False)

    def destroy(self, *, skip_preview: bool) -> None:
        if not skip_preview:
            self._run("Previewing destroy", _all_deleted, dry_run=True)
            print()
        with self.backend.locked(self.stack):
            self._run("Destroying", _all_deleted, dry_run=False)

    def _run(
        self, verb: str, work: Callable[[Deployment, monitor.Monitor], None], *, dry_run: bool,
        expect_no_changes: bool = False,
    ) -> None:  # fmt: skip
        display = Display(diff=self.diff)
        file = self.project.stack_file(self.stack)
        crypter: crypto.Crypter = file.crypter
        checkpoint = self.backend.load(self.stack, crypter)
        deployment = Deployment(
            self.project,
            self.backend,
            self.stack,
            file.config(),
            crypter,
            checkpoint,
            display,
            dry_run=dry_run,
        )
        display.headline(verb, self.stack)
        if checkpoint.pending:
            display.line(_interrupted(deployment if not dry_run else None, checkpoint.pending))
        began = time.monotonic()
        try:
            with monitor.served(deployment) as served, _interruptible(deployment):
                work(deployment, served)
        finally:
            deployment.close_providers()
            deployment.save()
        if deployment.refusal:
            raise deployment.refusal
        display.diagnostics()
        if not deployment.stopped.is_set() and work == self._by_program:
            display.outputs(monitor.root_outputs(deployment))
        display.summary(deployment.counts, dry_run=dry_run)
        if not dry_run:
            display.line(f"Duration: {time.monotonic() - began:.0f}s")
        if deployment.stopped.is_set():
            raise DoubleError(f"{'preview' if dry_run else 'update'} failed")
        changed = deployment.drifted + sum(
            n for op, n in deployment.counts.items() if op not in ("same", "read")
        )
        if expect_no_changes and changed:
            raise DoubleError("no changes were expected but changes were proposed")

    def _by_program(self, deployment: Deployment, served: monitor.Monitor) -> None:
        """Run the program, then delete what it no longer names."""
        if self.with_refresh:
            _refresh_all(deployment)
            if deployment.stopped.is_set():
                return
        with Program(deployment) as program:
            program.when_over(served.program_done.set)
            while not served.program_done.wait(0.2):
                if deployment.interrupted.is_set():
                    program.cancel()
            # A program that has signalled is still there; one that ended by itself tells how first.
            if program.is_over():
                program.wait()
            if not deployment.stopped.is_set():
                _delete(
                    deployment,
                    [
                        *deployment.trash,
                        *(r for urn, r in deployment.old.items() if urn not in deployment.new),
                    ],
                )
            served.shutdown.set()
            program.wait()


def _refreshed(deployment: Deployment, served: monitor.Monitor) -> None:
    _refresh_all(deployment)


def _refresh_all(deployment: Deployment) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda r: steps.refresh(deployment, r), list(deployment.old.values())))


def _all_deleted(deployment: Deployment, served: monitor.Monitor) -> None:
    _delete(deployment, [*deployment.trash, *deployment.old.values()])


def _delete(deployment: Deployment, resources: list[Resource]) -> None:
    """Delete in reverse order, providers last; nothing at all when one of them is protected."""
    faults = steps.protected([r for r in resources if not r.delete])
    for fault in faults:
        deployment.fail(fault)
    gone = {r.urn for r in resources}
    last = [r for r in resources if r.type.startswith("pulumi:providers:")]
    with suppress(steps.StepFailedError):
        for resource in [*(r for r in reversed(resources) if r not in last), *last]:
            if deployment.stopped.is_set():
                return
            steps.delete(deployment, resource, gone)


def _interrupted(deployment: Deployment | None, pending: list[dict[str, Any]]) -> str:
    if deployment:
        deployment.forget_pending()
    names = "\n".join(
        f"  * {entry['resource']['urn']}, interrupted while {entry['type']}" for entry in pending
    )
    return (
        f"warning: Attempting to deploy or update resources with {len(pending)} pending operations from"
        f" previous deployment.\n{names}\nThese resources are in an unknown state because the Pulumi CLI was"
        " interrupted while waiting for changes to these resources to complete."
    )


@contextmanager
def _interruptible(deployment: Deployment) -> Iterator[None]:
    """Stop in an orderly way on SIGINT and SIGTERM: steps at work end, no other is begun."""

    def stop(number: int, frame: FrameType | None) -> None:
        # In a thread of its own: the code that the signal interrupts may hold the very locks this takes.
        threading.Thread(target=deployment.interrupt, args=(signal.Signals(number).name,)).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
