"""
How fast the whole content of two databases is compared: Bascule's comparison against ``sum(md5)`` by table.

    python -m benchmarks.comparisons [--gb 1] [--rounds 3] [--quick]

Promise: every way reads the same two resting databases in the same run, in an order that turns each round,
and must find them equal; then one character is changed, and Bascule must find it, or no figure counts.
"""

import argparse
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import monotonic

from benchmarks.results import Bar, Conditions, Measure, Plot, Table, told
from benchmarks.servers import DBNAME, Pair, two_servers
from migrate.compare import changes
from migrate.compare.live import compare_live
from migrate.compare.run import compare
from migrate.transfer import way
from tests.support.moves import Told
from tests.support.private_hosts import PrivateHost

GOAL = 2.0
OURS, LIVE = "Bascule", "Bascule, beside running work"
BOTH, ONE = "sum(md5) by table, both sides at once", "sum(md5) by table, in one process"
_ALL = "rows, definitions, sequences, large objects"
_SUM = "SELECT count(*), sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric) FROM {table} AS t"


def sums(host: PrivateHost, tables: list[str]) -> list[object]:
    """Count and digest every table of one side, one after another."""
    with host.connect(DBNAME) as session:
        return [session.execute(_SUM.format(table=table).encode()).fetchone() for table in tables]


def measure(pair: Pair, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each way, round by round."""
    tables = pair.tables

    def ours() -> bool:
        return compare("bench", pair.task.source, pair.task.target).agrees

    def beside_work() -> bool:
        with tempfile.TemporaryDirectory() as folder:
            sides = pair.task.source, pair.task.target
            found = compare_live("bench", *sides, tenant="bench", store=Path(folder) / "compared.sqlite")
            changes.end("bench", "bench", *sides)
        return found.agrees

    def at_once() -> bool:
        with ThreadPoolExecutor(2) as sides:
            left, right = sides.map(lambda host: sums(host, tables), (pair.legacy, pair.site))
        return left == right

    def in_turn() -> bool:
        return sums(pair.legacy, tables) == sums(pair.site, tables)

    ways: dict[str, Callable[[], bool]] = {OURS: ours, LIVE: beside_work, BOTH: at_once, ONE: in_turn}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(rounds):
        names = list(ways)
        for name in names[round_ % len(names) :] + names[: round_ % len(names)]:
            begun = monotonic()
            agrees = ways[name]()
            seconds[name].append(monotonic() - begun)
            if not agrees:
                raise SystemExit(f"{name} finds a difference where there is none: no figure counts")
            print(f"  {name:<40} {seconds[name][-1]:7.2f} s", flush=True)
    pair.site.psql(DBNAME, "UPDATE wide SET note = overlay(note placing 'X' from 7) WHERE id = 500")
    if ours():
        raise SystemExit("one changed character was not found: no figure counts")
    return seconds


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 2)[1])
    parser.add_argument("--gb", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a small database, to see that it runs")
    parser.add_argument("--keep", type=Path, help="keep the result in this file")
    asked = parser.parse_args()
    conditions = Conditions()
    with two_servers() as pair:
        size = pair.fill(0.05 if asked.quick else asked.gb)
        print(f"{size / 1024**2:.0f} MiB on either side", flush=True)
        way("postgresql", "bulk").copy(pair.task, Told())
        seconds = measure(pair, asked.rounds)
    middle = {name: median(times) for name, times in seconds.items()}
    measures = [
        Measure(name=f"{name}_vs_{peer}", value=middle[others] / middle[way_], goal=GOAL, better="higher")
        for name, way_ in (("compare", OURS), ("compare_beside_work", LIVE))
        for peer, others in (("both_sides_at_once", BOTH), ("one_process", ONE))
    ]
    rows = [
        (
            name,
            " ".join(f"{took:.2f}" for took in seconds[name]),
            f"{middle[name]:.2f}",
            f"{middle[name] / middle[OURS]:.2f}",
            {OURS: _ALL, LIVE: "rows, large objects; then follows changes"}.get(name, "rows"),
        )
        for name in seconds
    ]
    table = Table(
        heading=f"Comparison of 2 x {size / 1024**2:.0f} MiB, {asked.rounds} rounds, seconds",
        columns=("way", "rounds", "median", "times as long as Bascule", "compares"),
        rows=tuple(rows),
    )
    bars = tuple(Bar(label=name, seconds=took, is_ours=name in (OURS, LIVE)) for name, took in middle.items())
    plot = Plot(heading=f"Comparison of 2 x {size / 1024**2:.0f} MiB", bars=bars)
    result = conditions.result(measures, [table], [plot])
    told(result, asked.keep)


if __name__ == "__main__":
    main()
