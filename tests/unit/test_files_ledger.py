"""The ledger of a tree: what it reads, what it reads again, what stops it. Run as it stands, in a shell."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.resources import files as package_files
from pathlib import Path
from time import time

import pytest

from migrate.files import ledger
from migrate.waiting import wait_until

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user may walk into, as pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="bascule-ledger-") as name:
        Path(name).chmod(0o755)
        (Path(name) / "tree").mkdir(mode=0o755)
        yield Path(name)


def run(folder: Path, how: str = "live", user: int | None = None) -> "subprocess.CompletedProcess[str]":
    script = folder / "ledger"
    script.write_bytes((package_files("migrate.files") / "ledger.sh").read_bytes())
    state = folder / "state"
    state.mkdir(exist_ok=True)
    if user is not None:
        os.chown(state, user, user)
    return subprocess.run(
        ["sh", script, state, folder / "tree", how], capture_output=True, text=True, check=False, user=user
    )


def read(folder: Path) -> dict[str, ledger.Entry]:
    return ledger.entries((folder / "state" / "now").read_bytes().split(b"\n")[:-1], with_owners=False)


def settled(folder: Path) -> None:
    """Wait until nothing in the tree has changed within the last two seconds."""
    last = max(path.lstat().st_ctime for path in (folder / "tree").rglob("*"))
    assert wait_until(lambda: time() > last + 3, deadline_seconds=5)


def test_every_name_is_told_apart(folder: Path) -> None:
    """Spaces, line ends, backslashes, bytes that are no text: each name is one entry with its own content."""
    tree = folder / "tree"
    names = [b"a b", b"c\nd", b"back\\slash", b"e\\sf", b"-", b"#x", b"*", b"\xff", b"tab\tcr\r", b"a", b"a!"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(name)
    (tree / "link").symlink_to("to x\n// \\y")
    (tree / "empty").touch()
    (tree / "below").mkdir()
    (tree / "below" / "hard").hardlink_to(tree / "a b")

    done = run(folder)

    assert (done.returncode, done.stdout.strip()) == (0, str(len(names) + 1))
    found = read(folder)
    assert len(found) == len(names) + 4
    assert {hashlib.sha256(name).hexdigest() for name in names} <= {one.digest for one in found.values()}
    assert found["link"].link == "to\\sx\\n//\\s\\by"
    assert found["below/hard"].group == found["a\\sb"].group == "a\\sb"
    assert ledger.differences(found, {}) != []
    assert ledger.differences(found, found) == []


def test_only_what_may_have_changed_is_read_again(folder: Path) -> None:
    """A content changed behind size and time is read again; a file that was left alone is not."""
    tree = folder / "tree"
    for number in range(5):
        (tree / str(number)).write_text("left alone")
    settled(folder)
    assert run(folder).stdout.strip() == "5"
    assert run(folder).stdout.strip() == "0"
    before = (tree / "3").stat()
    (tree / "3").write_text("left ALONE")
    os.utime(tree / "3", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert run(folder).stdout.strip() == "1"

    assert read(folder)["3"].digest == hashlib.sha256(b"left ALONE").hexdigest()


def test_what_changed_this_moment_is_not_trusted(folder: Path) -> None:
    """Two writes in one tick of the clock look alike: a file that just changed is read the next time too."""
    (folder / "tree" / "fresh").write_text("just now")
    assert run(folder).stdout.strip() == "1"
    assert run(folder).stdout.strip() == "1"


def test_killed_it_goes_on_from_what_was_read(folder: Path) -> None:
    """A part that was read before the end is not read again."""
    (folder / "tree" / "one").write_text("content")
    settled(folder)
    run(folder)
    state = folder / "state"
    (state / "parts").mkdir()
    (state / "cache").rename(state / "parts" / "kept-1.done")

    assert run(folder).stdout.strip() == "0"

    assert read(folder)["one"].digest == hashlib.sha256(b"content").hexdigest()


def test_a_pipe_stops_it(folder: Path) -> None:
    """What is neither file nor link nor folder is named."""
    os.mkfifo(folder / "tree" / "ro hr")
    done = run(folder)
    assert done.returncode == 1
    assert done.stderr == "ro\\shr is neither file nor link nor folder\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can act as another user")
@pytest.mark.parametrize("how", ["live", "frozen"])
def test_a_file_that_may_not_be_read_stops_it(folder: Path, how: str) -> None:
    """An unreadable file is an error, also under a source at work: it is never left out."""
    (folder / "tree" / "secret").write_text("x")
    (folder / "tree" / "secret").chmod(0o600)
    done = run(folder, how, user=NOBODY)
    assert done.returncode == 1
    assert "secret: Permission denied" in done.stderr
    assert not (folder / "state" / "now").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root can act as another user")
def test_a_folder_that_may_not_be_read_stops_it(folder: Path) -> None:
    """What lies in a closed folder is not taken for gone."""
    (folder / "tree" / "closed").mkdir(mode=0o700)
    done = run(folder, user=NOBODY)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
