"""
How long a switch stops the users, forward and back, at sizes that grow; and dump-and-restore beside it.

    python -m benchmarks.switches [--sizes 0.4,1,3.4] [--rounds 3] [--quick]

Promise: the stop is what users see, from the last write that the one side acknowledged to the first that
the other did, under 200 writes a second; acknowledged writes that are nowhere are counted, and a switch
whose comparison differs gives no figure. The switch itself is the product's, as before every move.
"""

import argparse
import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic
from typing import LiteralString

from benchmarks.results import Bar, Conditions, Measure, Plot, Table, told
from benchmarks.servers import Pair, fresh, run, scratch, two_servers
from migrate.compare import changes
from migrate.compare.live import compare_live
from migrate.databases import Database
from migrate.fence import FENCES
from migrate.rehearsal import run as rehearsal
from migrate.rehearsal.contract import behind
from migrate.rehearsal.evidence import Switch
from migrate.rehearsal.postgresql import PostgresqlStage
from migrate.rehearsal.workload import Acknowledged, Workload, missing
from migrate.transfer import way
from migrate.transfer.contract import Live
from migrate.waiting import wait_until
from tests.support.moves import Told
from tests.support.private_hosts import BINARIES

PER_SECOND = 200.0
CHANGE: LiteralString = (
    "UPDATE public.pgbench_accounts SET abalance = abalance + 1"
    " WHERE aid = (SELECT 1 + floor(random() * max(bid) * 100000)::int FROM public.pgbench_branches)"
)
"""With every write: somewhere in the largest table, as an application changes what it finds there."""
CLIENTS = 4
APART_SECONDS = 6
"""Between two switches: a server starts a subscription's worker once in 5 s, and a move has one switch."""
GOAL_SECONDS = 1.0
GOAL_GROWTH = 1.3
SIZES = "0.4,1,3.4"


@dataclass
class Found:
    """What one size gave."""

    gb: float
    bytes: int
    forward: list[Switch] = field(default_factory=list)
    back: list[Switch] = field(default_factory=list)
    decided: list[float] = field(default_factory=list)
    """Seconds from the decision to go back to the first write on the source."""
    acknowledged: int = 0
    lost: int = 0
    dump_restore_seconds: float = 0.0

    @property
    def label(self) -> str:
        return f"{self.gb:g} GB"

    def stop(self, direction: str) -> float:
        return median(one.stop_seconds for one in (*self.forward, *self.back) if one.direction == direction)

    def part(self, name: str) -> float:
        return median(one.parts[name] for one in self.forward)


def measure(gb: float, rounds: int) -> Found:
    """Move a database of one size forward and back, with users at work throughout."""
    with two_servers() as pair, TemporaryDirectory(prefix="bascule-bench-ledger-") as folder:
        found = Found(gb, pair.fill(gb))
        print(f"{found.label}: {found.bytes / 1024**2:.0f} MiB", flush=True)
        live = way("postgresql", "live")
        if not isinstance(live, Live):
            raise SystemExit("PostgreSQL has no live way")
        stage = PostgresqlStage(live=live, work=pair.task, application=pair.task.target)
        try:
            _switches(pair, stage, found, Path(folder) / "comparison.sqlite", rounds)
        finally:
            for side in (pair.task.source, pair.task.target):
                FENCES["postgresql"].lift(side)
            changes.end(pair.task.tenant, pair.task.name, pair.task.source, pair.task.target)
            live.empty(pair.task)
        found.dump_restore_seconds = _dump_and_restore(pair)
        print(f"  dump and restore {found.dump_restore_seconds:.1f} s", flush=True)
        return found


def _switches(pair: Pair, stage: PostgresqlStage, found: Found, store: Path, rounds: int) -> None:
    work, live, door = stage.work, stage.live, Event()
    sides = {
        "source": pair.user(pair.legacy, CHANGE),
        "target": behind(door, "the site", pair.user(pair.site, CHANGE)),
    }
    logs: list[Acknowledged] = []

    def users() -> Workload:
        made = Workload(
            sides,
            clients=CLIENTS,
            per_second=PER_SECOND,
            first_client=len(logs),
        )
        logs.extend(made.logs)
        return made

    begun = monotonic()
    with users():
        live.copy(work, Told())
        live.catch_up(work, Told(), within_seconds=1, timeout_seconds=600)
    print(f"  copied beside work in {monotonic() - begun:.1f} s", flush=True)
    live.make_ready(work)
    begun = monotonic()
    compare_live(work.name, work.source, work.target, tenant=work.tenant, store=store)
    print(f"  compared in {monotonic() - begun:.1f} s", flush=True)
    context = pair.move.context(pair.hosts)
    for _ in range(rounds):
        with users() as at_work:
            _write_on(at_work, "source")
            found.forward.append(rehearsal.switch(context, stage, store, "forward", at_work, door.set))
            _write_on(at_work, "target")
            decided_at = monotonic()
            found.back.append(rehearsal.switch(context, stage, store, "back", at_work, door.clear))
            found.decided.append(_first_after(at_work, "source", decided_at) - decided_at)
            _write_on(at_work, "source")
        # Behind its closed door, as before the first time: a move that goes live again finds it so.
        FENCES["postgresql"].lift(work.target)
        forward, back = found.forward[-1], found.back[-1]
        print(
            f"  stop {forward.stop_seconds:.3f} s forward, {back.stop_seconds:.3f} s back,"
            f" {found.decided[-1]:.3f} s from the decision; {forward.parts}",
            flush=True,
        )
    found.acknowledged = sum(log.last_number for log in logs)
    found.lost = missing(stage.held(), logs)


def _write_on(users: Workload, side: str) -> None:
    """Let users write for so long that nothing of a former switch holds up the next."""
    wanted = users.taken_by(side) + int(PER_SECOND * APART_SECONDS)
    if not wait_until(lambda: users.taken_by(side) >= wanted, deadline_seconds=120, pace_seconds=0.05):
        raise SystemExit(f"users could not write on the {side}")


def _first_after(users: Workload, side: str, moment: float) -> float:
    return min(at for log in users.logs for at, _, taker in log.at if taker == side and at > moment)


def _dump_and_restore(pair: Pair) -> float:
    """Return how long the users would be stopped by the usual way, with as many jobs as there are cores."""
    fresh(pair.site, "dumped")
    folder = scratch()
    try:
        begun = monotonic()
        run([BINARIES / "pg_dump", "-Fd", "-j2", "-f", folder / "dump"], pair.legacy)
        words: list[str | Path] = [BINARIES / "pg_restore", "-j2", "-d", "dumped", folder / "dump"]
        run(words, pair.site)
        took = monotonic() - begun
    finally:
        shutil.rmtree(folder)
    if _rows(pair.task.source) != _rows(pair.beside("dumped")):
        raise SystemExit("dump and restore lost rows: no figure counts")
    pair.site.psql("postgres", "DROP DATABASE dumped")
    return took


def _rows(database: Database) -> list[tuple[object, ...]]:
    with database.opened() as session:
        return session.execute(
            "SELECT (SELECT count(*) FROM public.pgbench_accounts), (SELECT count(*) FROM public.wide),"
            " (SELECT count(*) FROM rehearsal.ledger), (SELECT count(*) FROM pg_largeobject_metadata)"
        ).fetchall()


def measures(every: list[Found]) -> list[Measure]:
    """Hold what was found to its goals."""
    lower = [(f"stop_at_{one.gb:g}GB_seconds", one.stop("forward"), GOAL_SECONDS) for one in every]
    largest, smallest = max(every, key=lambda one: one.bytes), min(every, key=lambda one: one.bytes)
    if largest is not smallest:
        sizes = f"{largest.gb:g}GB_to_{smallest.gb:g}GB"
        growth = largest.stop("forward") / smallest.stop("forward")
        lower.append((f"stop_{sizes}", growth, GOAL_GROWTH))
        grown = largest.part("compare") / max(smallest.part("compare"), 0.001)
        lower.append((f"compare_in_freeze_{sizes}", grown, GOAL_GROWTH))
    lower.append(
        ("rollback_stop_seconds", median(s.stop_seconds for o in every for s in o.back), GOAL_SECONDS)
    )
    decided = median(seconds for one in every for seconds in one.decided)
    lower.append(("rollback_decision_to_write_seconds", decided, GOAL_SECONDS))
    lower.append(("writes_lost", float(sum(one.lost for one in every)), 0.0))
    return [Measure(name=name, value=value, goal=goal, better="lower") for name, value, goal in lower]


def tables(every: list[Found], rounds: int) -> list[Table]:
    """Show everything that was found."""
    rows = [
        (
            one.label,
            f"{one.bytes / 1024**2:.0f}",
            " ".join(f"{s.stop_seconds * 1000:.0f}" for s in one.forward),
            f"{one.stop('forward') * 1000:.0f}",
            " ".join(f"{s.stop_seconds * 1000:.0f}" for s in one.back),
            f"{one.stop('back') * 1000:.0f}",
            f"{median(one.decided) * 1000:.0f}",
            f"{one.dump_restore_seconds * 1000:.0f}",
            f"{one.lost} of {one.acknowledged}",
        )
        for one in every
    ]
    names = list(every[0].forward[0].parts)
    parts = [
        (
            one.label,
            *(f"{one.part(name) * 1000:.0f}" for name in names),
            f"{median(s.rows_read for s in one.forward):.0f} of {one.forward[-1].rows_compared}",
        )
        for one in every
    ]
    return [
        Table(
            heading=f"Stop of the users, {rounds} rounds, {PER_SECOND:.0f} writes a second, milliseconds",
            columns=(
                "size", "MiB", "forward", "median", "back", "median", "from the decision to go back",
                "dump and restore", "writes lost",
            ),
            rows=tuple(rows),
        ),
        Table(
            heading="Parts of the stop going live, medians, milliseconds",
            columns=("size", *names, "rows read for the verdict"),
            rows=tuple(parts),
        ),
    ]  # fmt: skip


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 2)[1])
    parser.add_argument("--sizes", default=SIZES, help="in GB, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="two small sizes, to see that it runs")
    parser.add_argument("--keep", type=Path, help="keep the result in this file")
    asked = parser.parse_args()
    sizes = "0.04,0.1" if asked.quick else asked.sizes
    # A fence ends the users' sessions, as it should; the driver would tell of every one.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    conditions, every = Conditions(), list[Found]()
    for size in sizes.split(","):
        every.append(measure(float(size), asked.rounds))
        result = conditions.result(measures(every), tables(every, asked.rounds), [plot(every)])
        if asked.keep:
            # After each size: the largest takes long, and what was measured before it counts without it.
            result.keep(asked.keep)
    told(result, asked.keep)


def plot(every: list[Found]) -> Plot:
    """Set the stops against those of dump and restore."""
    bars = [
        Bar(label=f"{one.label}, {what}", seconds=seconds, is_ours=ours)
        for one in every
        for what, seconds, ours in (
            ("Bascule", one.stop("forward"), True),
            ("dump and restore", one.dump_restore_seconds, False),
        )
    ]
    return Plot(heading="Stop of the users at going live", bars=tuple(bars))


if __name__ == "__main__":
    main()
