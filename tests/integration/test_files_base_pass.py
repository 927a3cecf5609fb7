"""The base pass: from a source at work, killed, held, throttled, out of room; and it goes on where it was."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from migrate.compare.trees import compare_tree
from migrate.connections import Hosts
from migrate.errors import MigrationError, TransferError
from migrate.files import (
    Tree,
    base_pass,
    delta_pass,
    empty_tree,
    last_pass,
    pause,
    prepare,
    require_room,
    resume,
    room,
    trees,
)
from migrate.files.shares import LARGE_BYTES
from migrate.waiting import wait_until
from tests.support.moves import Move, Told, a_move

ATTEMPT = "replication-1"


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("base")) as move:
        top = move.legacy.folder / "documents"
        for number in range(40):
            folder = top / f"jahr {number % 4}"
            folder.mkdir(exist_ok=True)
            (folder / f"bericht-{number}.pdf").write_bytes(os.urandom(2000 + number))
        (top / "large.iso").write_bytes(os.urandom(1 << 20) * (LARGE_BYTES >> 20))
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        (one,) = trees(hosts)
        empty_tree(one)


@pytest.fixture
def tree(hosts: Hosts) -> Tree:
    (one,) = trees(hosts)
    return one


def job(move: Move) -> Path:
    return move.site.folder / ".bascule" / "jobs" / "files-documents"


def arrived_bytes(move: Move) -> int:
    """How much of the large file has arrived."""
    there = move.site.folder / "files" / "large.iso"
    return there.stat().st_blocks * 512 if there.exists() else 0


def test_killed_it_goes_on_with_what_is_missing(move: Move, tree: Tree) -> None:
    """kill -9 in the middle of a large file: the part that arrived is not sent again."""
    most = LARGE_BYTES * 3 // 4
    with ThreadPoolExecutor(1) as operator:
        first = operator.submit(base_pass, tree, ATTEMPT, Told(), limit_kib=40_000)
        assert wait_until(lambda: arrived_bytes(move) > most, deadline_seconds=40)
        os.killpg(int((job(move) / "pid").read_text()), signal.SIGKILL)
        with pytest.raises(MigrationError, match="it was killed"):
            first.result()
    assert most < arrived_bytes(move) < LARGE_BYTES

    again = base_pass(tree, ATTEMPT, Told(), limit_kib=4_000)

    # All of it would take 32 seconds at 2 MiB a second, which is a part's share of the limit.
    assert again.seconds < 24
    assert last_pass(tree, ATTEMPT).comparison.agrees
    assert compare_tree(tree).agrees


def test_held_by_hand_it_stands_still_and_says_why(move: Move, tree: Tree) -> None:
    """Paused, not a byte arrives and the reason is shown; let go, it ends well."""
    progress = Told()
    with ThreadPoolExecutor(1) as operator:
        running = operator.submit(base_pass, tree, ATTEMPT, progress, limit_kib=20_000)
        assert wait_until(lambda: arrived_bytes(move) > 0, deadline_seconds=40)
        pause(tree, "the backup runs\nuntil six")
        said = "documents: paused: the backup runs until six"
        assert wait_until(lambda: said in progress.lines, deadline_seconds=20)
        before = arrived_bytes(move)
        assert not wait_until(lambda: arrived_bytes(move) != before, deadline_seconds=2)
        assert tree.pull.look().state == "running"
        resume(tree)
        running.result()
    assert progress.lines[-1] == "documents: goes on"
    with pytest.raises(TransferError, match="no pass over documents runs"):
        pause(tree, "too late")


def test_a_source_at_work_breaks_no_pass(move: Move, tree: Tree) -> None:
    """What appears, changes and vanishes during base and delta is no error, and the last pass has it all."""
    top, over = move.legacy.folder / "documents", threading.Event()

    def work() -> None:
        number = 0
        while not over.is_set():
            number += 1
            (top / f"neu-{number % 50}").write_text(str(number))
            (top / f"neu-{(number + 25) % 50}").unlink(missing_ok=True)
            (top / "jahr 1" / "bericht-1.pdf").write_bytes(os.urandom(900 + number % 100))

    with ThreadPoolExecutor(1) as tenant:
        at_work = tenant.submit(work)
        try:
            base_pass(tree, ATTEMPT, Told())
            delta_pass(tree, ATTEMPT, Told())
            prepare(tree, ATTEMPT, Told())
        finally:
            over.set()
        at_work.result()
    assert last_pass(tree, ATTEMPT).comparison.agrees
    assert compare_tree(tree).agrees


def test_the_passes_before_the_freeze_keep_to_the_limit(move: Move, tree: Tree) -> None:
    """Legacy is at work then as well: 3 MiB take at least two seconds at 1 MiB a second."""
    (move.legacy.folder / "documents" / "film").write_bytes(os.urandom(3 * 1024**2))
    assert prepare(tree, ATTEMPT, Told(), limit_kib=1024).seconds > 2
    assert last_pass(tree, ATTEMPT).comparison.agrees


def test_too_little_room_is_told_before_the_freeze(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and names are counted beforehand, with how much is missing."""
    require_room(tree)
    with monkeypatch.context() as patched:
        patched.setattr(room, "HEADROOM_NAMES", 1 << 60)
        with pytest.raises(TransferError, match=r"more names \(inodes\), documents needs \d+"):
            prepare(tree, ATTEMPT, Told())
    monkeypatch.setattr(room, "HEADROOM_BYTES", 1 << 60)
    with pytest.raises(TransferError, match=r"MiB free, documents needs \d+ MiB"):
        base_pass(tree, ATTEMPT, Told())


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can mount a small disk")
def test_a_disk_that_fills_up_is_named_and_room_mends_it(
    move: Move, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends the pass with its own words; with room made, the same command goes on."""
    monkeypatch.setattr(room, "HEADROOM_BYTES", -(1 << 40))
    there = move.site.folder / "files"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", there], check=True)
    try:
        with pytest.raises(TransferError, match="No space left on device"):
            base_pass(tree, ATTEMPT, Told())
        subprocess.run(["mount", "-o", "remount,size=200m", there], check=True)
        base_pass(tree, ATTEMPT, Told())
        assert last_pass(tree, ATTEMPT).comparison.agrees
        assert compare_tree(tree).agrees
    finally:
        empty_tree(tree)
        subprocess.run(["umount", there], check=True)
