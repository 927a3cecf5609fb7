"""Trees of files between two real sshds: what arrives, what is refused, what is left behind."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate import files
from migrate.compare.trees import compare_tree
from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.files import Tree, copy_tree, empty_tree, room, trees
from migrate.remote_jobs import Job
from tests.support.moves import Move, Told, a_move

SENDER = Path(files.__file__).with_name("sender.sh")


class Killed(BaseException):
    """The operator's process ends here; nothing of it cleans up."""


class Dies(Told):
    def advance_to(self, done: float) -> None:
        raise Killed


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("files")) as move:
        _fill(move.legacy.folder / "documents")
        yield move


def _fill(top: Path) -> None:
    locked = top / "Ordner mit Leerzeichen" / "gesperrt"
    locked.mkdir(parents=True)
    (top / "leer").mkdir(mode=0o750)
    for number in range(60):
        (locked.parent / f"bericht-{number}.pdf").write_bytes(os.urandom(3000 + number))
    (top / "gross.bin").write_bytes(os.urandom(2_000_000))
    (locked / "zeile\numbruch").write_text("odd")
    for name in ("größe", "-rf", "q'uote $(id) `id`", "*", ".versteckt"):
        (top / name).write_text(name)
    Path(os.fsdecode(os.fsencode(top) + b"/kein \xff utf-8")).write_text("bytes")
    (top / "link").symlink_to("größe")
    (top / "hinaus").symlink_to("/etc/hostname")
    (top / "ins leere").symlink_to("gibt es nicht")
    os.utime(top / "größe", (1, 1_000_000_000))
    (top / "größe").chmod(0o640)
    locked.chmod(0o555)


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        empty_tree(tree(hosts))


def tree(hosts: Hosts) -> Tree:
    (one,) = trees(hosts)
    return one


def told(one: Tree) -> list[tuple[str, str]]:
    return [(entry.path, entry.kind) for entry in compare_tree(one).shown]


def test_every_file_arrives_as_it_was(move: Move, hosts: Hosts) -> None:
    """Content, modes, times, links and odd names arrive; nothing of the sender stays on legacy."""
    one, progress = tree(hosts), Told()

    copied = copy_tree(one, "realisation-1", progress)

    assert told(one) == []
    assert (copied.files, copied.target) == (71, str(move.site.folder / "files"))
    top = move.site.folder / "files"
    assert (top / "hinaus").readlink() == Path("/etc/hostname")
    assert (top / "größe").stat().st_mtime == 1_000_000_000
    assert progress.lines == ["documents: files"]
    assert list((move.legacy.folder / ".bascule" / "jobs").iterdir()) == []
    key = move.site.folder / ".bascule" / "jobs" / "files-documents" / "key"
    assert not key.exists()


def test_a_flipped_bit_of_the_same_size_and_time_is_mended(move: Move, hosts: Hosts) -> None:
    """The last pass compares by checksum: a change that size and time hide is found, leftovers go."""
    one = tree(hosts)
    copy_tree(one, "realisation-1", Told())
    victim = move.site.folder / "files" / "gross.bin"
    before = victim.stat()
    content = bytearray(victim.read_bytes())
    content[1000] ^= 1
    victim.write_bytes(content)
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
    (victim.parent / "fremd").write_text("not from legacy")
    assert told(one) == [("fremd", "extra"), ("gross.bin", "content")]

    copy_tree(one, "realisation-2", Told())

    assert told(one) == []


def test_a_copy_goes_on_after_the_operator_died(move: Move, hosts: Hosts) -> None:
    """Killed in the middle, the next start attaches to the copy of the same attempt."""
    one = tree(hosts)
    with pytest.raises(Killed):
        copy_tree(one, "realisation-1", Dies())
    spec = move.site.folder / ".bascule" / "jobs" / "files-documents" / "spec"
    begun = spec.stat().st_ino
    copy_tree(one, "realisation-1", Told())
    assert spec.stat().st_ino == begun
    assert told(one) == []


def test_undoing_leaves_an_empty_folder_and_no_sender(move: Move, hosts: Hosts) -> None:
    """Undone in the middle, both sides are as before: no job, no file."""
    one = tree(hosts)
    with pytest.raises(Killed):
        copy_tree(one, "realisation-1", Dies())
    empty_tree(one)
    empty_tree(one)
    assert list((move.site.folder / "files").iterdir()) == []
    for host in (move.site, move.legacy):
        assert list((host.folder / ".bascule" / "jobs").iterdir()) == []


def test_what_is_no_file_is_named_before_anything_moves(move: Move, hosts: Hosts) -> None:
    """A pipe in the tree is refused by name: nothing is left out silently."""
    pipe = move.legacy.folder / "documents" / "rohr"
    os.mkfifo(pipe)
    try:
        with pytest.raises(TransferError, match=r"documents/rohr is neither file nor link nor folder"):
            copy_tree(tree(hosts), "realisation-1", Told())
    finally:
        pipe.unlink()


def test_too_little_disk_is_told_beforehand(
    move: Move, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site without the room is refused before anything is copied, with how much is missing."""
    monkeypatch.setattr(room, "HEADROOM_BYTES", 1 << 60)
    with pytest.raises(TransferError, match=r"MiB free, documents needs \d+ MiB"):
        copy_tree(tree(hosts), "realisation-1", Told())


@pytest.mark.parametrize(
    "request_",
    [
        "",
        "id",
        "rsync --server . ./",
        "rsync --server --sender -lWogtpRe.LsfxCIvu --remove-source-files . ./",
        "rsync --server --sender -slogtpr . ./",
        "rsync --server --sender -Logtpr . ./",
        "rsync --server --sender -logtpr . /etc/",
        "rsync --server --sender -logtpr . ../",
        "rsync --server --sender -logtpr . ./;id",
        "rsync --server --sender -logtpr . ./\nid",
        "rsync --server --sender -logtpr . $HOME",
        "rsync --server --sender --files-from=/etc/passwd . ./",
        "rsync --server --sender -logtpr --files-from /etc/passwd --from0 . ./",
        "rsync --server --sender -logtpr --files-from - --from0 . ./",
        "rsync --server --sender -logtpr --from0 . ./ --files-from",
        "listing - thawed",
        "listing ../now frozen",
        "want all",
    ],
)
def test_the_sender_does_nothing_but_send_its_tree(tmp_path: Path, request_: str) -> None:
    """The temporary key can read one tree and its ledger; every other request is refused."""
    done = subprocess.run(
        ["sh", SENDER, tmp_path],
        env={**os.environ, "SSH_ORIGINAL_COMMAND": request_},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "this key only fetches one tree with rsync" in done.stderr


def test_a_job_says_how_it_ended(move: Move, hosts: Hosts) -> None:
    """A job's status, output and errors are read whole; ending one leaves no process and no folder."""
    job = Job(hosts.target(), "example")
    assert job.look().state == "absent"
    assert job.ensure(spec="one", script="cat input; echo oops >&2; exit 3", files={"input": b"given\n"})
    assert not job.ensure(spec="one", script="exit 9")
    ended = job.wait()
    assert (ended.status, ended.log, ended.errors) == (3, "given\n", "oops\n")
    assert job.ensure(spec="two", script="sleep 600 & echo $! > child; wait")
    pid = None
    while not pid:
        pid = job.look(measure="cat child 2>/dev/null").measured.strip()
    job.discard()
    assert job.look().state == "absent"
    assert not _is_alive(pid)


def _is_alive(pid: str) -> bool:
    """A zombie is not: whoever is process 1 here may not collect it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
