"""
How fast files move: Bascule's passes against plain ``rsync -a`` over SSH, in pairs, fresh targets each.

    python -m benchmarks.files [--rounds 3] [--scale 1.0] [--quick]

Promise: both sides of a pair move the same tree between the same two servers in the same run, and take turns
to begin; what counts is the median of the ratios. A last pass whose comparison differs gives no figure.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic

from benchmarks.files_tree import CHANGES, change, make_tree
from benchmarks.results import Bar, Conditions, Measure, Plot, Table, told
from migrate.files import Tree, base_pass, compare_changes, empty_tree, forget, last_pass, prepare, trees
from tests.support.moves import Move, Told, a_move

GOAL = 1.25
BASE, RSYNC = "Bascule's base pass", "rsync -a"
LAST = f"Bascule's last pass, {CHANGES} changes, compared"
CHECKED = f"rsync -a and rsync -anc, {CHANGES} changes"
UNCHECKED = f"rsync -a alone, {CHANGES} changes, not compared"
PREPARE, COMPARE = "prepare: every file read, outside the freeze", "the comparison alone"
PAIRS = {"files_base_vs_rsync": (BASE, RSYNC), "files_second_pass_vs_rsync_checked": (LAST, CHECKED)}
"""By measure: Bascule's way, and the one that it is held against."""

Seconds = dict[str, list[float]]
"""What each way took, one value a round."""


class Pair:
    """One tree, moved both ways: by plain rsync to a folder beside, by Bascule to the site."""

    def __init__(self, move: Move, tree: Tree) -> None:
        self.move, self.tree = move, tree
        self.source = move.legacy.folder / "documents"
        self.beside = move.site.folder / "by-rsync"

    def rsync_checked(self) -> None:
        """The same, and then a run that reads every file on both sides: what it takes to be sure."""
        self.rsync()
        self.rsync("-nc")

    def rsync(self, *more: str) -> None:
        """What an administrator would type, with SSH as it comes."""
        remote = f"{self.move.legacy.alias}:documents/"
        ssh = f"ssh -F {self.move.legacy.ssh_config}"
        subprocess.run(["rsync", "-a", "--delete", *more, "-e", ssh, remote, f"{self.beside}/"], check=True)  # noqa: S603, S607 - a fixed command

    def base(self) -> None:
        """Bascule's base pass, from the first word to the last."""
        base_pass(self.tree, "benchmark", Told())

    def last(self) -> None:
        """Bascule's last pass, comparison of every file included."""
        if not last_pass(self.tree, "benchmark").comparison.agrees:
            sys.exit("the trees differ: no figure counts")

    def clear(self) -> None:
        """Fresh targets."""
        empty_tree(self.tree)
        shutil.rmtree(self.beside, ignore_errors=True)


def measure(pair: Pair, rounds: int) -> Seconds:
    """Time every way, ours and theirs in turn."""
    took: Seconds = {}

    def timed(way: str, work: Callable[[], object]) -> None:
        # What the work before left to be written out is not its own.
        subprocess.run(["sync"], check=True)  # noqa: S607 - the machine's own
        begun = monotonic()
        work()
        took.setdefault(way, []).append(monotonic() - begun)
        print(f"  {way:<48} {took[way][-1]:7.2f} s", flush=True)

    def in_turn(round_: int, *ways: tuple[str, Callable[[], object]]) -> None:
        for way, work in reversed(ways) if round_ % 2 else ways:
            timed(way, work)

    for round_ in range(rounds):
        print(f"round {round_ + 1}")
        pair.clear()
        in_turn(round_, (RSYNC, pair.rsync), (BASE, pair.base))
        timed(PREPARE, lambda: prepare(pair.tree, "benchmark", Told()))
        change(pair.source, round_)
        in_turn(round_, (CHECKED, pair.rsync_checked), (LAST, pair.last))
        change(pair.source, round_ + rounds)
        timed(UNCHECKED, pair.rsync)
        timed(COMPARE, lambda: compare_changes(pair.tree, "benchmark"))
    return took


def measures(took: Seconds) -> list[Measure]:
    """Hold the median of the ratios of each pair to its goal."""
    ratios = {
        name: median(other / ours for ours, other in zip(took[mine], took[theirs], strict=True))
        for name, (mine, theirs) in PAIRS.items()
    }
    return [Measure(name=name, value=value, goal=GOAL, better="higher") for name, value in ratios.items()]


def table(took: Seconds, size: int) -> Table:
    """Show everything that was timed."""
    return Table(
        heading=f"Files of {size / 1024**2:.0f} MiB, seconds",
        columns=("way", "rounds", "median"),
        rows=tuple(
            (way, " ".join(f"{one:.2f}" for one in every), f"{median(every):.2f}")
            for way, every in took.items()
        ),
    )


def plot(took: Seconds) -> Plot:
    """Set Bascule's passes against rsync's."""
    bars = [
        Bar(label=way, seconds=median(took[way]), is_ours=way == mine)
        for mine, theirs in PAIRS.values()
        for way in (mine, theirs)
    ]
    return Plot(heading="Files", bars=tuple(bars))


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 2)[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of 20,000 small files and 1 GiB in large ones"
    )
    parser.add_argument("--quick", action="store_true", help="a small tree, to see that it runs")
    parser.add_argument("--keep", type=Path, help="keep the result in this file")
    asked = parser.parse_args()
    scale = 0.05 if asked.quick else asked.scale
    conditions = Conditions()
    with tempfile.TemporaryDirectory(prefix="bascule-files-") as folder:
        base = Path(folder)
        base.chmod(0o711)  # the database server of a host walks through it
        with a_move(base) as move, move.hosts() as hosts:
            size = make_tree(move.legacy.folder / "documents", scale)
            print(f"{size / 1024**2:.0f} MiB, {asked.rounds} rounds")
            (tree,) = trees(hosts)
            took = measure(Pair(move, tree), asked.rounds)
            forget(tree)
    result = conditions.result(measures(took), [table(took, size)], [plot(took)])
    told(result, asked.keep)


if __name__ == "__main__":
    main()
