"""
How fast files move: Bascule's passes against plain ``rsync -a`` over SSH, in pairs, fresh targets each.

    python -m benchmarks.files [--rounds 3] [--scale 1.0]

Promise: both sides of a pair move the same tree between the same two servers in the same run, and take turns
to begin; what counts is the median of the ratios. The last lines read ``measure value goal met|short``.
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
from migrate.files import Tree, base_pass, compare_changes, empty_tree, forget, last_pass, prepare, trees
from tests.support.moves import Move, Told, a_move

GOALS = {"files_base_vs_rsync": 1.25, "files_second_pass_vs_rsync_checked": 1.25}


def timed(what: str, work: Callable[[], object]) -> float:
    """Seconds that some work takes; says so. What the work before left to be written out is not its own."""
    subprocess.run(["sync"], check=True)  # noqa: S607 - the machine's own
    begun = monotonic()
    work()
    took = monotonic() - begun
    print(f"  {what:<48} {took:7.2f} s", flush=True)
    return took


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


def in_turn(round_: int, ours: Callable[[], float], theirs: Callable[[], float]) -> float:
    """Run both, another one first each round; return how many times as fast ours is."""
    if round_ % 2:
        mine, other = ours(), theirs()
    else:
        other, mine = theirs(), ours()
    print(f"  {'ratio':<48} {other / mine:7.2f}", flush=True)
    return other / mine


def measure(pair: Pair, rounds: int) -> dict[str, float]:
    """Return the median ratio of each measure."""
    ratios: dict[str, list[float]] = {name: [] for name in GOALS}
    for round_ in range(rounds):
        print(f"round {round_ + 1}")
        pair.clear()
        ratios["files_base_vs_rsync"].append(
            in_turn(
                round_,
                lambda: timed("Bascule's base pass", pair.base),
                lambda: timed("rsync -a", pair.rsync),
            )
        )
        timed("prepare: every file read, outside the freeze", lambda: prepare(pair.tree, "benchmark", Told()))
        change(pair.source, round_)
        ratios["files_second_pass_vs_rsync_checked"].append(
            in_turn(
                round_,
                lambda: timed(f"Bascule's last pass, {CHANGES} changes, compared", pair.last),
                lambda: timed(f"rsync -a and rsync -anc, {CHANGES} changes", pair.rsync_checked),
            )
        )
        change(pair.source, round_ + rounds)
        timed(f"rsync -a alone, {CHANGES} changes, not compared", pair.rsync)
        timed("the comparison alone", lambda: compare_changes(pair.tree, "benchmark"))
    return {name: median(found) for name, found in ratios.items()}


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 2)[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of 20,000 small files and 1 GiB in large ones"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bascule-files-") as folder:
        base = Path(folder)
        base.chmod(0o711)  # the database server of a host walks through it
        with a_move(base) as move, move.hosts() as hosts:
            size = make_tree(move.legacy.folder / "documents", asked.scale)
            print(f"{size / 1024**2:.0f} MiB, {asked.rounds} rounds")
            (tree,) = trees(hosts)
            found = measure(Pair(move, tree), asked.rounds)
            forget(tree)
    for name, value in found.items():
        print(f"{name} {value:.2f} {GOALS[name]:.2f} {'met' if value >= GOALS[name] else 'short'}")


if __name__ == "__main__":
    main()
