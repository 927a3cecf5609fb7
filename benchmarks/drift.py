"""
How fast stacks are checked for drift: our runner against a plain loop of ``pulumi preview --refresh``.

    python -m benchmarks.drift [--quick] [--local 50] [--aws 50] [--rounds 1] [--keep FILE]

Promise: both look at the same stacks of this machine, the other one first each round; the runner makes all of
its checks, and a stack of which it could not tell everything, or that differs, ends the benchmark without a
figure. Stacks on AWS stand on the tests' stand-in for its provider, and moto answers for the account.
"""

import argparse
import os
import resource
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from benchmarks.results import Conditions, Measure, Table, told
from benchmarks.servers import ending_in_order
from migrate.drift.fleet import WORKER_MB, checked
from provisioning.engine import Stack
from provisioning.workspace import Workspace
from tests.support.aws_account import an_account
from tests.support.aws_sites import PLATFORM, TENANT, stand_in
from tests.support.local_sites import local_workspace, temporary

TIMES_AS_FAST = 1.8
WORKERS = 2


@contextmanager
def local_stacks(folder: Path, count: int) -> Iterator[Sequence[Stack]]:
    """Stand that many sites up on this machine, and take them away."""
    names = [f"tenant{n}" for n in range(count)]
    workspace = local_workspace(folder, *names)
    with ExitStack() as standing:
        stacks = [standing.enter_context(temporary(Stack(workspace, f"{name}-test"))) for name in names]
        for n, stack in enumerate(stacks):
            stack.set_config("bascule:address", f"127.77.{n // 200}.{n % 200 + 1}")
        stand_up(stacks)
        yield stacks


@contextmanager
def aws_stacks(folder: Path, count: int) -> Iterator[Sequence[Stack]]:
    """Stand that many tenants' sites up on the stand-in, on one platform."""
    names = [f"tenant{n}" for n in range(count)]
    with stand_in(folder, *names) as made, an_account(TENANT["account"], TENANT["region"]):
        made.stack("platform-prod", PLATFORM).up()
        stacks = [made.stack(f"{name}-prod", TENANT) for name in names]
        stand_up(stacks)
        yield stacks


def stand_up(stacks: Sequence[Stack]) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(Stack.up, stacks))


def by_loop(stacks: Sequence[Stack]) -> None:
    """What an administrator would type."""
    for stack in stacks:
        stack.run("preview", "--refresh", "--expect-no-changes")


def by_runner(stacks: Sequence[Stack]) -> None:
    """All of the runner's checks."""
    workspace: Workspace = stacks[0].workspace
    reports = list(checked(workspace, [stack.name for stack in stacks], WORKERS))
    for report in reports:
        if not report.is_good or any(finding.counts for finding in report.findings):
            sys.exit(f"{report.stack}: {'; '.join(map(str, report.findings))}: no figure counts")
    if len(reports) != len(stacks):
        sys.exit("not every stack was checked: no figure counts")


@dataclass(frozen=True)
class Took:
    """Seconds that something took, by the clock and of processors."""

    seconds: float
    processor_seconds: float


def timed(what: str, work: Callable[[], None]) -> Took:
    """Time some work that other processes do; says so."""

    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    began, before = monotonic(), used()
    work()
    took = Took(monotonic() - began, used() - before)
    print(f"  {what:<30} {took.seconds:7.1f} s, {took.processor_seconds:7.1f} s of processors", flush=True)
    return took


class Memory:
    """The most that one worker held at a time, in MB, with all of its processes; seen every 0.2 s."""

    def __init__(self) -> None:
        self.most_mb = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self) -> "Memory":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        page_mb = os.sysconf("SC_PAGE_SIZE") / 1024**2
        while not self._over.wait(0.2):
            parents, pages = {}, {}
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        stat = (entry / "stat").read_text().rpartition(") ")[2].split()
                        parents[int(entry.name)], pages[int(entry.name)] = int(stat[1]), int(stat[21])
                    except (OSError, IndexError):
                        continue  # it ended just now
            # Of this process the runner is a child, whose children are the workers.
            runners = {process for process, parent in parents.items() if parent == os.getpid()}
            for worker in [process for process, parent in parents.items() if parent in runners]:
                whole = {worker}
                while more := {child for child, parent in parents.items() if parent in whole} - whole:
                    whole |= more
                self.most_mb = max(self.most_mb, sum(pages[one] for one in whole) * page_mb)


@dataclass(frozen=True)
class Figures:
    """Of one substrate."""

    substrate: str
    stacks: int
    loop: Took
    runner: Took
    worker_mb: float

    @property
    def ratio(self) -> float:
        return self.loop.seconds / self.runner.seconds

    def row(self, cores: int) -> tuple[str, ...]:
        ways = (self.loop, self.runner)
        return (
            f"{self.substrate}, {self.stacks} stacks",
            *(f"{self.stacks * 60 / way.seconds / cores:.1f}" for way in ways),
            *(f"{way.processor_seconds / self.stacks:.1f}" for way in ways),
            f"{self.ratio:.2f}",
            f"{self.worker_mb:.0f}",
        )


def measured(substrate: str, stacks: Sequence[Stack], rounds: int) -> Figures:
    """Time both ways, another one first each round."""
    loop: list[Took] = []
    runner: list[Took] = []
    most = 0.0
    for round_ in range(rounds):
        for way in ("loop", "runner") if round_ % 2 else ("runner", "loop"):
            if way == "loop":
                loop.append(timed(f"{substrate}: a loop of previews", lambda: by_loop(stacks)))
                continue
            with Memory() as memory:
                runner.append(timed(f"{substrate}: the runner", lambda: by_runner(stacks)))
            most = max(most, memory.most_mb)
    return Figures(substrate, len(stacks), _middle(loop), _middle(runner), most)


def _middle(rounds: Sequence[Took]) -> Took:
    return sorted(rounds, key=lambda one: one.seconds)[len(rounds) // 2]


def main() -> None:
    """Measure both substrates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 2)[1])
    parser.add_argument("--quick", action="store_true", help="few stacks, to see that it runs")
    parser.add_argument("--local", type=int, default=50, help="sites on this machine")
    parser.add_argument("--aws", type=int, default=50, help="sites on the stand-in for AWS")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the result here, for benchmarks.report")
    asked = parser.parse_args()
    counts = (2, 2) if asked.quick else (asked.aws, asked.local)
    conditions, cores = Conditions(), min(WORKERS, os.cpu_count() or 1)
    found = []
    for substrate, count, standing in zip(("aws", "local"), counts, (aws_stacks, local_stacks), strict=True):
        with ending_in_order(), tempfile.TemporaryDirectory(prefix="bascule-drift-") as folder:
            Path(folder).chmod(0o711)  # hosts run by another user walk through
            with standing(Path(folder), count) as stacks:
                found.append(measured(substrate, stacks, asked.rounds))
    measures = [
        Measure(name=f"drift_{one.substrate}_vs_loop", value=one.ratio, goal=TIMES_AS_FAST, better="higher")
        for one in found
    ]
    most = max(one.worker_mb for one in found)
    measures.append(Measure(name="drift_worker_mb", value=most, goal=WORKER_MB, better="lower"))
    table = Table(
        heading="Checks for drift; stacks a minute and core, seconds of processors a stack",
        columns=("", "loop", "runner", "loop, s", "runner, s", "times as fast", "MB a worker"),
        rows=tuple(one.row(cores) for one in found),
    )
    result = conditions.result(measures, [table])
    told(result, asked.keep)


if __name__ == "__main__":
    main()
