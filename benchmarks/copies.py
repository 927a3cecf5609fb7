"""
How fast a whole database is copied: Bascule's base copy against what PostgreSQL itself offers.

    python -m benchmarks.copies [--sizes 1,3.4] [--rounds 3] [--quick]

Promise: every way copies the same resting database between the same two servers in the same run, in an order
that turns each round, and is compared afterwards by content: what it lacks stands beside its time. One copy
that is not timed goes before all: no way pays for files of the target's log that those after it find there.
A machine's speed swings within minutes, so ways are set against each other within a round, and a small size
goes more rounds than a large one.
"""

import argparse
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from benchmarks.results import Bar, Conditions, Measure, Plot, Table, told
from benchmarks.servers import DBNAME, Pair, fresh, pipe, run, scratch, two_servers
from migrate.compare.run import compare
from migrate.databases import Database
from migrate.transfer import way
from migrate.waiting import wait_until
from tests.support.moves import Told
from tests.support.private_hosts import BINARIES

GOAL = 1.2
SIZES = "1,3.4"
OURS, RAW = "Bascule", "raw binary COPY"
_PSQL: list[str | Path] = [BINARIES / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]


class Ways:
    """Every way to copy, each into a database of its own."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.stages: list[dict[str, float]] = []
        """Of Bascule's copy, round by round."""
        self.all: dict[str, Callable[[], Database]] = {
            OURS: self.bascule,
            "pg_dump | psql": self.plain,
            "pg_dump -Fd -j2, pg_restore -j2": self.folder,
            "native subscription": self.native,
            RAW: self.raw,
        }

    def bascule(self) -> Database:
        """As `fab run` does it, from nothing to a flow that has begun."""
        self.stages.append(way("postgresql", "live").copy(self.pair.task, Told()).stages)
        target: Database = self.pair.task.target
        return target

    def plain(self) -> Database:
        """What everybody types first."""
        pipe([BINARIES / "pg_dump"], [*_PSQL, "-d", "plain"], self.pair.legacy, self.pair.site)
        return self.pair.beside("plain")

    def folder(self) -> Database:
        """As many jobs as the machine has cores."""
        folder = scratch()
        try:
            run([BINARIES / "pg_dump", "-Fd", "-j2", "-f", folder / "dump"], self.pair.legacy)
            run([BINARIES / "pg_restore", "-j2", "-d", "folder", folder / "dump"], self.pair.site)
        finally:
            shutil.rmtree(folder)
        return self.pair.beside("folder")

    def native(self) -> Database:
        """Schema first, then PostgreSQL's own initial copy; sequences and large objects are left out."""
        source, site = self.pair.legacy, self.pair.site
        pipe([BINARIES / "pg_dump", "--schema-only"], [*_PSQL, "-d", "native"], source, site)
        end = self.pair.task.source.endpoint
        # A server looks for client certificates in the home of whoever started it, which it may not read.
        conninfo = f"{source.local(DBNAME)} password={end.password.get_secret_value()} sslcert=/nowhere"
        source.psql(DBNAME, "CREATE PUBLICATION bench FOR ALL TABLES")
        # As many tables at once as Bascule copies.
        site.psql("postgres", "ALTER SYSTEM SET max_sync_workers_per_subscription = 2")
        site.psql("postgres", "SELECT pg_reload_conf()")
        site.psql(
            "native",
            "SET client_min_messages = warning;"
            f"CREATE SUBSCRIPTION bench CONNECTION '{conninfo}' PUBLICATION bench",
        )
        waiting = b"SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'"
        with site.connect("native") as session:
            if not wait_until(
                lambda: session.execute(waiting).fetchone() == (0,), deadline_seconds=1800, pace_seconds=0.05
            ):
                raise SystemExit("the native subscription never came to its end")
        return self.pair.beside("native")

    def raw(self) -> Database:
        """The bytes alone, one table after another into tables without any index: what nothing can beat."""
        for table in self.pair.tables:
            left, right = (f"COPY {table} {end} WITH (FORMAT binary)" for end in ("TO STDOUT", "FROM STDIN"))
            words: list[str | Path] = [*_PSQL, "-d", "raw", "-c", right]
            pipe([*_PSQL, "-c", left], words, self.pair.legacy, self.pair.site)
        return self.pair.beside("raw")

    def ready(self, name: str) -> None:
        """Make the place that a way copies into, outside its time."""
        self.pair.site.psql("postgres", "CHECKPOINT")
        self.pair.legacy.psql("postgres", "CHECKPOINT")
        # What the way before left to be written out is not this one's.
        os.sync()
        if name != OURS:
            fresh(self.pair.site, self._place(name))
        if name == RAW:
            words: list[str | Path] = [BINARIES / "pg_dump", "--section=pre-data"]
            pipe(words, [*_PSQL, "-d", "raw"], self.pair.legacy, self.pair.site)

    def clear(self, name: str) -> None:
        """Take everything away again."""
        if name == OURS:
            way("postgresql", "live").empty(self.pair.task)
            return
        if name.startswith("native"):
            self.pair.site.psql("native", "SET client_min_messages = warning; DROP SUBSCRIPTION bench")
            self.pair.legacy.psql(DBNAME, "DROP PUBLICATION bench")
        self.pair.site.psql("postgres", f"DROP DATABASE {self._place(name)}")

    def _place(self, name: str) -> str:
        return {"pg_dump | psql": "plain", "native subscription": "native", RAW: "raw"}.get(name, "folder")


def lacks(pair: Pair, name: str, found: Database) -> str:
    """Compare what arrived by content; return in words what is missing or otherwise, none if nothing."""
    verdict = compare(name, pair.task.source, found)
    kinds = sorted({one.kind for one in verdict.differences})
    if verdict.differing_tables and name != RAW:
        raise SystemExit(f"{name} lost rows of {verdict.differing_tables[0].name}: no figure counts")
    return ", ".join(kinds)


def timed(ways: Ways, rounds: int) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return the seconds of each way, round by round, and what each lacks."""
    seconds: dict[str, list[float]] = {name: [] for name in ways.all}
    missing: dict[str, str] = {}
    for round_ in range(rounds):
        names = list(ways.all)
        for name in names[round_ % len(names) :] + names[: round_ % len(names)]:
            ways.ready(name)
            begun = monotonic()
            arrived = ways.all[name]()
            seconds[name].append(monotonic() - begun)
            missing[name] = lacks(ways.pair, name, arrived)
            ways.clear(name)
            print(f"  {name:<34} {seconds[name][-1]:7.2f} s", flush=True)
    return seconds, missing


@dataclass(frozen=True)
class Found:
    """What one size gave, by way."""

    gb: float
    mib: float
    seconds: Mapping[str, Sequence[float]]
    """Round by round."""
    missing: Mapping[str, str]
    """In words, none if nothing is."""
    stages: Sequence[Mapping[str, float]]
    """Of Bascule's copy, round by round."""

    @property
    def medians(self) -> dict[str, float]:
        return {name: median(times) for name, times in self.seconds.items()}

    def ratio(self, name: str) -> float:
        """How many times as long as Bascule a way takes: the median of all rounds."""
        return median(took / ours for took, ours in zip(self.seconds[name], self.seconds[OURS], strict=True))

    def fastest(self, *, is_complete: bool) -> float:
        """The ratio of the fastest other way, of those alone that leave nothing out or of all."""
        return min(
            self.ratio(name)
            for name in self.seconds
            if name not in (OURS, RAW) and not (is_complete and self.missing[name])
        )

    def measure(self) -> Measure:
        name = f"base_copy_at_{self.gb:g}GB_vs_fastest_complete"
        return Measure(name=name, value=self.fastest(is_complete=True), goal=GOAL, better="higher")

    def table(self) -> Table:
        middle = self.medians
        rows = [
            (
                name,
                " ".join(f"{took:.2f}" for took in self.seconds[name]),
                f"{middle[name]:.2f}",
                f"{self.mib / middle[name]:.0f}",
                f"{self.ratio(name):.2f}",
                "indexes, keys, objects" if name == RAW else self.missing[name] or "nothing",
            )
            for name in self.seconds
        ]
        stages = ", ".join(
            f"{name} {median(each[name] for each in self.stages):.1f}" for name in self.stages[0]
        )
        # Also against ways that leave something out, where they are faster: that is the harder comparison.
        of_all = self.fastest(is_complete=False)
        return Table(
            heading=f"Copy of {self.mib:.0f} MiB, {len(self.stages)} rounds, seconds",
            columns=("way", "rounds", "median", "MiB/s", "times as long as Bascule", "lacks"),
            rows=tuple(rows),
            note=f"Bascule's speed is {self.ratio(RAW) * 100:.0f} % of the raw binary COPY of the"
            f" same rows; against the fastest way of all, incomplete ones too, it is {of_all:.2f} times as"
            " fast. Its sequences stand ahead of the source's until the freeze, which sets them."
            f" Its stages, medians in seconds: {stages}.",
        )

    def plot(self) -> Plot:
        bars = tuple(
            Bar(label=name, seconds=took, is_ours=name == OURS) for name, took in self.medians.items()
        )
        return Plot(heading=f"Copy of {self.mib:.0f} MiB", bars=bars)


def measure(gb: float, rounds: int) -> Found:
    """Copy a database of one size by every way, as often as there are rounds."""
    with two_servers() as pair:
        mib = pair.fill(gb) / 1024**2
        print(f"{mib:.0f} MiB", flush=True)
        ways = Ways(pair)
        ways.ready(RAW)
        ways.all[RAW]()
        ways.clear(RAW)
        seconds, missing = timed(ways, rounds)
    return Found(gb, mib, seconds, missing, ways.stages)


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 2)[1])
    parser.add_argument("--sizes", default=SIZES, help="in GB, with commas")
    parser.add_argument(
        "--rounds", type=int, default=3, help="of the largest size; a smaller one goes up to thrice as many"
    )
    parser.add_argument("--quick", action="store_true", help="a small database, to see that it runs")
    parser.add_argument("--keep", type=Path, help="keep the result in this file")
    asked = parser.parse_args()
    conditions = Conditions()
    sizes = [float(gb) for gb in ("0.05" if asked.quick else asked.sizes).split(",")]
    every = [measure(gb, round(asked.rounds * min(3, max(sizes) / gb))) for gb in sizes]
    result = conditions.result(
        [one.measure() for one in every], [one.table() for one in every], [one.plot() for one in every]
    )
    told(result, asked.keep)


if __name__ == "__main__":
    main()
