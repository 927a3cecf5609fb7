"""
The commands of every night: which stacks are no longer what their programs say, which locks are left over?

Promise: `drift` changes nothing but its own records in ``.state/drift``; its exit status is for scripts:
0 clean, 1 drift, 2 could not tell. `unlock` takes away a lock whose process is proven dead and no other.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fabric import Connection, task
from invoke.exceptions import Exit

from migrate.drift import agreed, fleet, records
from migrate.drift.findings import StackReport, unseen
from migrate.drift.report import EXITS, DriftReport, lines, locked, with_locks
from migrate.errors import Refused
from migrate.tasks.edge import for_a_person
from provisioning.errors import BasculeError
from provisioning.state_locks import StateLock, state_locks
from provisioning.workspace import Workspace


@task(
    name="drift",
    iterable=["stack"],
    help={
        "tenant": "Only this tenant's stacks; otherwise every tenant's, and the platforms.",
        "stack": "Only this stack; may be given again.",
        "shard": "Only a part of them, such as 2/4: the second of four, by a hash of the name.",
        "jitter": "Seconds over which the stacks' checks are spread, so that shards do not all ask at once.",
        "workers": "How many are checked at a time; by default what processors and memory allow.",
        "last": "Check nothing: show what the last checks found, and how old they are.",
        "json": "One JSON object instead of the table.",
        "junit": "Also write JUnit XML to this file.",
        "html": "Also write a page to this file.",
    },
)
def drift(
    _c: Connection,
    tenant: str = "",
    stack: list[str] | None = None,  # Invoke gathers a list only where there is no default
    shard: str = "",
    jitter: float = 0.0,
    workers: int = 0,
    last: bool = False,
    json: bool = False,
    junit: str = "",
    html: str = "",
) -> None:
    """Say which stacks differ from their programs, and in what; 0 clean, 1 drift, 2 could not tell."""
    with _could_not_tell(as_json=json):
        workspace, now = Workspace.find(), datetime.now(UTC)
        names = fleet.chosen(fleet.configured(workspace), tenant, stack or (), shard)
        exceptions = agreed.load_exceptions(workspace.stacks)
        locks, notes = _locks(workspace, names)
        found = (
            [_remembered(workspace, name, now) for name in names]
            if last
            else [
                records.kept(workspace, one)
                for one in _checked(workspace, names, locks, now, workers, jitter)
            ]
        )
        now = datetime.now(UTC)
        judged = [records.aged(agreed.excused(one, exceptions, now.date()), now) for one in found]
        judged = sorted(with_locks(judged, locks, now), key=lambda one: one.stack)
        report = DriftReport(tuple(judged), now, notes)
        _write(report, junit, html)
        _show(report, as_json=json)
    if status := EXITS[report.status]:
        raise SystemExit(status)


@task(name="unlock", help={"stack": "Whose lock of the state backend."})
def unlock(_c: Connection, stack: str) -> None:
    """Break a stack's lock whose process is proven dead; one that may be alive is shown and left."""
    with for_a_person():
        locks = state_locks(Workspace.find(), stack)
        if not locks:
            print(f"{stack}: not locked")
        for lock in locks:
            print(f"{stack}: broke the lock of {lock}: {lock.breaking()}")


@contextmanager
def _could_not_tell(*, as_json: bool) -> Iterator[None]:
    """Whatever ends the command before it has a result ends it with 2."""
    try:
        with for_a_person(as_json=as_json):
            yield
    except Exit as end:
        raise Exit(end.message, code=EXITS["unknown"]) from None


def _locks(workspace: Workspace, names: Sequence[str]) -> tuple[list[StateLock], tuple[str, ...]]:
    try:
        return [lock for lock in state_locks(workspace) if lock.stack in names], ()
    except BasculeError as error:
        return [], (f"Locks: {error.what}",)


def _checked(
    workspace: Workspace,
    names: Sequence[str],
    locks: Sequence[StateLock],
    now: datetime,
    workers: int,
    jitter: float,
) -> Iterator[StackReport]:
    """Check all but what is being updated just now, which is neither as before nor as declared."""
    at_work = {lock.stack: lock for lock in locks if locked(lock, now) is None}
    for name, lock in at_work.items():
        yield unseen(name, now, f"it is being updated by {lock}, so it was not compared")
    yield from fleet.checked(workspace, [name for name in names if name not in at_work], workers, jitter)


def _remembered(workspace: Workspace, name: str, now: datetime) -> StackReport:
    return records.last(workspace, name) or unseen(name, now, "it was never checked")


def _write(report: DriftReport, junit_file: str, html_file: str) -> None:
    from migrate.drift.junit import junit  # here: most runs write neither
    from migrate.drift.page import page

    try:
        if junit_file:
            Path(junit_file).write_bytes(junit(report))
        if html_file:
            Path(html_file).write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise Refused(f"{error.filename} cannot be written: {error.strerror}") from error


def _show(report: DriftReport, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json(), ensure_ascii=False))
    elif not report.standing:
        print("no site is stood up, so there is nothing to compare")
    else:
        print("\n".join(lines(report)))
