"""
All stacks of a workspace: which there are, in which shard each is, and how many are checked at a time.

Promise: stacks are named by their configuration files, so the state backend is not asked for a list. The same
name is always in the same shard. Workers are bounded by processors and by memory.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from migrate.drift.findings import StackReport, split, unseen
from migrate.drift.runner import Order, fraction
from migrate.errors import Refused
from migrate.waiting import wait_until
from provisioning.engine import PLATFORM
from provisioning.errors import BasculeError
from provisioning.manifest import Environment
from provisioning.manifest_file import tenants
from provisioning.survey import substrate_of
from provisioning.workspace import Workspace

WORKER_MB = 700
"""What one worker may take, with its engine and its providers."""
_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_END_SECONDS = 10.0
"""How long an engine that is asked to end may take."""


def configured(workspace: Workspace) -> list[str]:
    """Return the stacks that have a configuration file and a tenant, sorted."""
    known = {*tenants(workspace), PLATFORM}
    names = (path.name.removeprefix("Pulumi.")[:-5] for path in workspace.stacks.glob("Pulumi.*.yaml"))
    return sorted(
        name for name in names if split(name)[0] in known and split(name)[1] in get_args(Environment)
    )


def chosen(names: Sequence[str], tenant: str = "", stacks: Sequence[str] = (), shard: str = "") -> list[str]:
    """
    Return those that were asked for.

    Args:
        shard: Such as ``2/4``: the second of four; every name is in exactly one.

    Raises:
        Refused: One is not configured, or the shard is none.
    """
    if unknown := sorted(set(stacks) - set(names)):
        raise Refused(f"no stack {', '.join(unknown)} is configured", next_step=f"one of {', '.join(names)}")
    if tenant and tenant not in {split(name)[0] for name in names}:
        raise Refused(f"no stack of {tenant} is configured", next_step="fab new-tenant writes both")
    found = [
        name for name in names if (not tenant or split(name)[0] == tenant) and (not stacks or name in stacks)
    ]
    if not shard:
        return found
    said = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard)
    if not said or int(said[1]) > int(said[2]):
        raise Refused(f"{shard!r} is no shard", next_step="--shard 2/4, which is the second of four")
    return [name for name in found if int(fraction(name) * int(said[2])) == int(said[1]) - 1]


def workers_that_fit() -> int:
    """Return how many workers this machine has processors and memory for, at least one."""
    told = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) for line in told if line.startswith("MemAvailable"))
    limit = _GROUP_LIMIT.read_text().strip() if _GROUP_LIMIT.is_file() else "max"
    megabytes = min(free // 1024, int(limit) // 1024**2 if limit.isdigit() else free)
    return max(1, min(len(os.sched_getaffinity(0)), megabytes // WORKER_MB))


def checked(
    workspace: Workspace, stacks: Sequence[str], workers: int = 0, jitter_seconds: float = 0
) -> Iterator[StackReport]:
    """Check these stacks, and yield each report as it comes; a stack that got none is told as an error."""
    missing = dict.fromkeys(stacks)
    substrates = set()
    for stack in stacks:
        try:
            substrates.add(substrate_of(workspace, split(stack)[0]))
        except BasculeError as error:
            del missing[stack]
            yield unseen(stack, datetime.now(UTC), str(error))
    if not missing:
        return
    order = Order(
        workspace=workspace.root,
        stacks=tuple(missing),
        substrates=tuple(sorted(substrates)),
        workers=workers or workers_that_fit(),
        jitter_seconds=jitter_seconds,
    )
    with subprocess.Popen(
        [sys.executable, "-m", "migrate.drift.runner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
        # Children are forked off a process that has read gRPC, and start processes themselves.
        env={**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "false"},
        process_group=0,
    ) as runner:
        assert runner.stdin  # noqa: S101 - for the type checker: it is a pipe
        assert runner.stdout  # noqa: S101 - as above
        runner.stdin.write(order.model_dump_json())
        runner.stdin.close()
        try:
            for line in runner.stdout:
                try:
                    report = StackReport.model_validate_json(line)
                except ValidationError:
                    print(line, end="", file=sys.stderr)
                    continue
                missing.pop(report.stack, None)
                yield report
        finally:
            _end(runner)
    for stack in missing:
        yield unseen(
            stack, datetime.now(UTC), f"the runner ended with {runner.returncode} before it was checked"
        )


def _end(runner: subprocess.Popen[str]) -> None:
    """End it with all that it started: engines of stacks that nobody waits for any more."""

    def is_gone() -> bool:
        runner.poll()  # or its own remains would count
        try:
            os.killpg(runner.pid, 0)
        except ProcessLookupError:
            return True
        return False

    for number in (signal.SIGTERM, signal.SIGKILL):
        if is_gone():
            return
        os.killpg(runner.pid, number)
        wait_until(is_gone, deadline_seconds=_END_SECONDS, pace_seconds=0.05)
