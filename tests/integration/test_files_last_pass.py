"""The last pass over a tree of files: only what changed is copied and read, and the verdict is about all."""

import os
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest

from migrate.compare.trees import compare_tree, read_ledger
from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.files import Tree, base_pass, compare_changes, forget, last_pass, prepare, trees
from migrate.waiting import wait_until
from tests.support.moves import Move, Told, a_move

ATTEMPT = "realisation-1"

# rw for the owner, r for user 1000, r for the group, mask rw, r for others: as Linux stores an access list.
ACL = bytes.fromhex(
    "0200000001000600ffffffff02000400e803000004000400ffffffff10000600ffffffff20000400ffffffff"
)


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("last")) as move:
        yield move


@pytest.fixture(scope="module")
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts


@pytest.fixture(scope="module")
def tree(move: Move, hosts: Hosts) -> Tree:
    """A tree that was replicated and prepared: each test leaves it alike on both sides."""
    (one,) = trees(hosts)
    top = source(move)
    for number in range(40):
        folder = top / f"jahr {number % 4}"
        folder.mkdir(exist_ok=True)
        (folder / f"bericht-{number}.pdf").write_bytes(os.urandom(2000 + number))
    settle(top)
    base_pass(one, ATTEMPT, Told())
    settle(target(move))
    prepare(one, ATTEMPT, Told())
    return one


def settle(top: Path) -> None:
    """What changed within the last two seconds is not yet trusted to be told apart by its time."""
    last = max(path.lstat().st_ctime for path in top.rglob("*"))
    assert wait_until(lambda: time() > last + 3, deadline_seconds=5)


def source(move: Move) -> Path:
    return move.legacy.folder / "documents"


def target(move: Move) -> Path:
    return move.site.folder / "files"


def flip_a_bit(path: Path) -> None:
    """As a careful forger does: size and time stay."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def found(tree: Tree) -> list[tuple[str, str]]:
    """What a comparison by changes finds."""
    return [(one.path, one.kind) for one in compare_changes(tree, ATTEMPT).shown]


def test_only_what_changed_is_copied_and_read(move: Move, tree: Tree) -> None:
    """New, changed, removed, renamed, replaced names arrive; five files are read a side, all are judged."""
    top = source(move)
    (top / "jahr 0" / "bericht-0.pdf").write_text("neu gefasst")
    (top / "jahr 2" / "bericht-2.pdf").rename(top / "umbenannt")
    (top / "jahr 3" / "bericht-3.pdf").chmod(0o600)
    (top / "#neu" / "tief").mkdir(parents=True)
    (top / "#neu" / "tief" / "zeile\numbruch").write_text("odd")
    for left in (top / "jahr 1").iterdir():
        left.unlink()
    (top / "jahr 1").rmdir()
    (top / "jahr 1").write_text("a folder before")

    last = last_pass(tree, ATTEMPT)

    assert last.comparison.agrees
    assert (last.comparison.files, last.copied.removed) == (32, 11)
    assert last.comparison.hashed_in_freeze == 2 * 5
    assert compare_tree(tree).agrees
    # Only those names were looked at again after the copy, and the ledger is as if it had been all.
    kept = (move.site.folder / tree.ledger / "now").read_bytes().splitlines()
    fresh = read_ledger(tree.receives)
    assert [line.rsplit(b" ", 1)[0] for line in kept] == [line.rsplit(b" ", 1)[0] for line in fresh]
    assert (target(move) / "#neu" / "tief" / "zeile\numbruch").read_text() == "odd"


@pytest.mark.parametrize("where", ["source", "target"])
def test_a_change_that_size_and_time_hide_is_found(move: Move, tree: Tree, where: str) -> None:
    """A flipped bit, size and time put back, is found and mended: ctime tells, which nobody can set back."""
    name = "jahr 0/bericht-4.pdf"
    flip_a_bit((source(move) if where == "source" else target(move)) / name)
    assert found(tree) == [(name, "content")]

    assert last_pass(tree, ATTEMPT).comparison.agrees

    assert (target(move) / name).read_bytes() == (source(move) / name).read_bytes()
    assert compare_tree(tree).agrees


def test_what_is_rarely_kept_is_kept(move: Move, tree: Tree) -> None:
    """Hard links, holes, access lists and extended attributes arrive, also when only they change."""
    top, there = source(move), target(move)
    (top / "eins").write_text("ein Inhalt")
    os.link(top / "eins", top / "zwei")
    with (top / "löchrig").open("wb") as file:
        file.truncate(8 << 20)
    (top / "mit liste").write_text("x")
    os.setxattr(top / "mit liste", "system.posix_acl_access", ACL)
    assert last_pass(tree, ATTEMPT).comparison.agrees
    os.setxattr(top / "eins", "user.ablage", b"A7")

    last = last_pass(tree, ATTEMPT)

    assert last.comparison.agrees
    assert (there / "eins").stat().st_ino == (there / "zwei").stat().st_ino
    assert (there / "löchrig").stat().st_blocks * 512 < 1 << 20
    assert os.getxattr(there / "mit liste", "system.posix_acl_access") == ACL
    assert os.getxattr(there / "eins", "user.ablage") == b"A7"
    assert any("owners" in one for one in last.copied.not_kept) is (os.geteuid() != 0)


def test_a_hard_link_that_was_broken_is_a_difference(move: Move, tree: Tree) -> None:
    """Two files of one content are not one file of two names; the last pass makes them so again."""
    top, there = source(move), target(move)
    (top / "hier").write_text("ein Inhalt")
    os.link(top / "hier", top / "auch hier")
    last_pass(tree, ATTEMPT)
    (there / "hier").unlink()
    (there / "hier").write_text("ein Inhalt")
    os.utime(there / "hier", ns=(0, (top / "hier").stat().st_mtime_ns))
    assert found(tree) == [("auch hier", "hard link"), ("hier", "hard link")]

    assert last_pass(tree, ATTEMPT).comparison.agrees

    assert (there / "hier").stat().st_ino == (there / "auch hier").stat().st_ino


def test_a_sender_that_died_is_started_again(move: Move, tree: Tree) -> None:
    """The line that was prepared may be gone by then: the pass opens another, and takes longer."""
    tree.sender.discard()
    (source(move) / "danach").write_text("new")

    assert last_pass(tree, ATTEMPT).comparison.agrees

    assert (target(move) / "danach").read_text() == "new"


def test_what_is_not_frozen_gets_no_verdict_in_its_favour(move: Move, tree: Tree) -> None:
    """A pipe that appears in the freeze is named; a file that comes after the copy is a difference."""
    pipe = source(move) / "rohr"
    os.mkfifo(pipe)
    with pytest.raises(TransferError, match="rohr is neither file nor link nor folder"):
        last_pass(tree, ATTEMPT)
    pipe.unlink()
    last_pass(tree, ATTEMPT)
    (source(move) / "zu spät").write_text("late")

    verdict = compare_changes(tree, ATTEMPT)

    assert (verdict.agrees, verdict.differing) == (False, 1)
    assert found(tree) == [("zu spät", "missing")]
    last_pass(tree, ATTEMPT)


def test_forgotten_it_leaves_no_trace(move: Move, tree: Tree) -> None:
    """Neither host holds a job, a key, a ledger or a process of the passes; the files stay."""
    key = move.site.folder / ".bascule" / "lines" / "documents" / "key"
    assert key.stat().st_mode & 0o777 == 0o600

    forget(tree)

    for host in (move.site, move.legacy):
        assert [path for path in (host.folder / ".bascule").rglob("*") if path.is_file()] == []
    assert tree.sender.look().state == "absent"
    assert compare_tree(tree).agrees
