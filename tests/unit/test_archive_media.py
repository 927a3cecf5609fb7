"""Disks that are full, pulled, or written by somebody else: each is told, and costs one chunk."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.archive.folder import FolderStore
from migrate.archive.layout import OPENED
from migrate.archive.store import write_small
from migrate.errors import Refused, TransferError
from migrate.waiting import wait_until

# Run in a mount namespace of its own, where a disk of 256 KiB is mounted on the folder that is named.
_SMALL_DISK = """
mount -t tmpfs -o size=256k,mode=700 none "$1" && exec "$2" - "$1" <<'END'
import sys
from pathlib import Path
from migrate.archive.folder import FolderStore
from migrate.archive.store import write_small
from migrate.errors import TransferError

store = FolderStore(Path(sys.argv[1]) / "one")
with store.held("alpenblick"):
    write_small(store, "opened.json", b"{}")
    write_small(store, "chunk-000001.age", b"x" * 100_000)
    try:
        write_small(store, "chunk-000002.age", b"x" * 200_000)
    except TransferError as error:
        print(error)
    print(sorted(p.name for p in store.folder.iterdir()))
    write_small(store, "chunk-000002.age", b"x" * 50_000)
    print(store.sizes()["chunk-000002.age"])
END
"""


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "disk" / "one")
    (tmp_path / "disk").mkdir()
    with store.held("alpenblick"):
        write_small(store, OPENED, b"{}")
    return store


def _may_mount() -> bool:
    words = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="NOT RUN: this user may not mount in a namespace of its own")
def test_a_full_disk_is_told_and_leaves_no_half_object(tmp_path: Path) -> None:
    """On a disk without room the chunk is named; what was there stays, and what is left can be used."""
    checkout = Path(__file__).parents[2]
    words = ("unshare", "--map-root-user", "--mount", "sh", "-c", _SMALL_DISK, "sh")
    command = [*words, str(tmp_path), sys.executable]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}

    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"{tmp_path}/one: chunk-000002.age was not written: the disk is full\n"
        "Legacy is as it was; all chunks written before are whole and stay.\n"
        "Next: free room on it, or take a larger one, then the same command again: "
        "it goes on with this chunk\n"
        "['chunk-000001.age', 'opened.json', 'run.lock']\n50000\n"
    )


def test_a_pulled_disk_is_not_written_past(store: FolderStore) -> None:
    """Where only the empty mount point is left, nothing is written into it."""
    shutil.rmtree(store.folder)
    store.folder.mkdir()

    with pytest.raises(TransferError, match="was not written: the disk that held it has gone") as failure:
        write_small(store, "chunk-000001.age", b"x")

    assert failure.value.next_step.startswith("connect it again")
    assert list(store.folder.iterdir()) == []


def test_a_disk_pulled_in_the_middle_of_a_chunk_is_told(store: FolderStore) -> None:
    """The folder vanishes under a chunk that is being written: its name is told, and nothing stays."""

    def pulled() -> None:
        with store.writing("chunk-000001.age") as sink:
            sink.write(b"x")
            shutil.rmtree(store.folder)

    with pytest.raises(TransferError, match=r"chunk-000001\.age was not written: No such file"):
        pulled()
    assert not store.folder.exists()


def test_a_disk_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A folder that was never mounted is not made up."""
    with (
        pytest.raises(TransferError, match="No such file or directory"),
        FolderStore(tmp_path / "media" / "one").held("alpenblick"),
    ):
        pass
    assert not (tmp_path / "media").exists()


def test_an_error_of_the_reader_leaves_nothing(store: FolderStore) -> None:
    """When the source breaks off, its error comes out as it is, and no half chunk counts."""

    def breaks_off() -> None:
        with store.writing("chunk-000001.age") as sink:
            sink.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    assert sorted(store.sizes()) == [OPENED]
    assert not list(store.folder.glob("*.part"))


def test_a_failing_medium_is_told_while_reading(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read error is told with the object it was met on."""
    write_small(store, "chunk-000001.age", b"x")

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "posix_fadvise", fails)
    with pytest.raises(TransferError, match=r"chunk-000001\.age cannot be read: Input/output error"):
        store.digest("chunk-000001.age")


def test_a_second_writer_is_refused(store: FolderStore) -> None:
    """While one operator writes, another is told who; when the first is killed, the way is free."""
    script = (
        "import sys; from pathlib import Path; from migrate.archive.folder import FolderStore\n"
        "with FolderStore(Path(sys.argv[1])).held('alpenblick'):\n    print('held', flush=True); input()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script, store.where]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(Refused, match=rf"is being worked on by .* \(process {other.pid}\)"),
            store.held("alpenblick"),
        ):
            pass
        other.send_signal(signal.SIGKILL)
        assert wait_until(lambda: other.poll() is not None, deadline_seconds=10, pace_seconds=0.01)
    with store.held("alpenblick"):
        pass
