"""Carrying a tenant when whoever carries is killed: out and in go on, and do nothing twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from migrate.archive import area, stage
from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.remote_jobs import FOLDER as JOBS
from migrate.transfer.postgresql_staged import PostgresqlStaged
from migrate.waiting import wait_until
from tests.support.moves import Told
from tests.support.staging import TENANT, Staged, a_staged_move

CHECKOUT = Path(__file__).parents[2]


class Killed(BaseException):
    """The operator's process ends here; nothing of it cleans up."""


class DiesIn(Told):
    """A progress under which the operator dies when the named stage has done anything."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def advance_to(self, done: float) -> None:
        if self.stage in self.lines[-1] and done > 0:
            raise Killed


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    with a_staged_move(tmp_path_factory.mktemp("staged")) as staged:
        # A workspace as an operator has one.
        (staged.move.base / "Pulumi.yaml").write_text("name: bascule\n")
        (staged.move.base / "stacks").mkdir()
        manifest = staged.move.manifest.model_dump(mode="json", exclude_defaults=True)
        (staged.move.base / "stacks" / f"{TENANT}.yaml").write_text(yaml.safe_dump(manifest))
        yield staged


@pytest.fixture
def hosts(staged: Staged) -> Iterator[Hosts]:
    with staged.move.hosts() as hosts:
        yield hosts


@pytest.fixture
def disk(tmp_path: Path) -> str:
    """An empty disk for one test."""
    return str(tmp_path)


def fab(staged: Staged, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "fabric", *words],
        cwd=CHECKOUT,
        env={**os.environ, "BASCULE_WORKSPACE": str(staged.move.base)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def chunks(disk: str) -> dict[str, int]:
    """Chunks that lie on a disk, and which file each is to the file system."""
    return {path.name: path.stat().st_ino for path in sorted(Path(disk).glob("*/chunk-*.age"))}


def test_a_writer_that_was_killed_goes_on(staged: Staged, hosts: Hosts, disk: str) -> None:
    """kill -9 in the middle: the same command writes what is missing, and nothing again."""
    words = ("stage-out", "--tenant", TENANT, "--to", disk, "--chunk", "64K")
    first = fab(staged, *words)
    assert wait_until(lambda: len(chunks(disk)) >= 3, deadline_seconds=30, pace_seconds=0.002)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    before = chunks(disk)
    (desk,) = (one for one in stage.desks(staged.case) if one.begun.location == disk)
    assert not desk.is_finished
    noted = set(desk.written())
    assert noted

    again = fab(staged, *words)
    said, _ = again.communicate(timeout=60)

    assert again.returncode == 0, said
    after = chunks(disk)
    assert {name: before[name] for name in noted} == {name: after[name] for name in noted}
    assert f"{desk.archive}: {len(after)} chunks" in said
    assert "database main-db: " in said
    received = staged.load(hosts, disk)
    assert received.archive == desk.archive
    assert [item.unsettled for item in received.items] == [(), ()]
    assert list((staged.move.legacy.folder / JOBS).iterdir()) == []


def test_a_dump_that_went_meanwhile_begins_another_archive(staged: Staged, hosts: Hosts, disk: str) -> None:
    """Chunks of two dumps never make one archive: without its dump, an archive is begun anew."""
    with pytest.raises(Killed):
        staged.out(hosts, disk, told=DiesIn("chunks"))
    (begun,) = Path(disk).iterdir()
    for job in (staged.move.legacy.folder / JOBS).iterdir():
        (job / "data" / "toc.dat").unlink()

    made = staged.out(hosts, disk)

    assert made.archive != begun.name


def test_a_loader_that_was_killed_goes_on(staged: Staged, hosts: Hosts, disk: str) -> None:
    """What was loaded is not loaded again; half a load is nothing that could be restored."""
    made = staged.out(hosts, disk)
    with pytest.raises(Killed):
        staged.load(hosts, disk, told=DiesIn("loading"))
    with pytest.raises(TransferError, match=f"archive {made.archive} is only half loaded"):
        PostgresqlStaged().copy(staged.task(hosts), Told())
    applied = staged.move.site.folder / area.FOLDER / TENANT / "database-main-db" / "applied"
    assert applied.read_text() == f"{made.chunks[0].name}\n"

    staged.load(hosts, disk)

    names = applied.read_text().split()
    assert len(names) > 1
    assert names == [one.name for one in made.chunks[: len(names)]], "a chunk was loaded twice, or none"
    before = applied.stat().st_mtime_ns
    staged.load(hosts, disk)
    assert applied.stat().st_mtime_ns == before
