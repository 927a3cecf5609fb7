"""Carrying a tenant when something is wrong: an archive damaged or swapped, a disk pulled, files changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.archive import area
from migrate.archive.area import Area
from migrate.connections import Hosts
from migrate.errors import Refused, TransferError
from migrate.transfer.postgresql_staged import PostgresqlStaged
from tests.support.moves import Told
from tests.support.staging import TENANT, Staged, a_staged_move, write

STAGED = PostgresqlStaged()


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    with a_staged_move(tmp_path_factory.mktemp("staged")) as staged:
        yield staged


@pytest.fixture
def hosts(staged: Staged) -> Iterator[Hosts]:
    with staged.move.hosts() as hosts:
        yield hosts
        area.clear(hosts.target(), TENANT)


@pytest.fixture
def disk(tmp_path: Path) -> str:
    """An empty disk for one test."""
    (tmp_path / "disk").mkdir()
    return str(tmp_path / "disk")


def test_a_damaged_archive_touches_nothing_on_the_site(staged: Staged, hosts: Hosts, disk: str) -> None:
    """One flipped bit, and the site's host holds nothing of the archive."""
    made = staged.out(hosts, disk)
    path = Path(disk) / made.archive / made.chunks[2].name
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)

    with pytest.raises(TransferError, match=f"{made.chunks[2].name} is not what was written"):
        staged.load(hosts, disk)

    assert not (staged.move.site.folder / area.FOLDER / TENANT / "files-documents").exists()
    with pytest.raises(TransferError, match="no archive was loaded") as failure:
        STAGED.copy(staged.task(hosts), Told())
    assert "fab stage-in --tenant alpenblick" in failure.value.next_step


def test_what_changed_while_it_was_read_is_told_and_comes_with_the_next(
    staged: Staged, hosts: Hosts, disk: str
) -> None:
    """A file that legacy's users changed under the archive is named; the next archive brings it."""
    changing = staged.documents / "leer"

    class Users(Told):
        def start(self, what: str, total: float | None, unit: str) -> None:
            super().start(what, total, unit)
            if "chunks" in what:
                write(changing, b"written meanwhile")

    first = staged.out(hosts, disk, told=Users())
    received = staged.load(hosts, disk)
    assert [item.unsettled for item in received.items] == [(), ("leer",)]

    second = staged.out(hosts, disk, since=first.archive)
    received = staged.load(hosts, disk, archive=second.archive)

    assert [item.unsettled for item in received.items] == [(), ()]
    write(changing, b"")


def test_a_delta_without_its_base_is_refused(staged: Staged, hosts: Hosts, disk: str) -> None:
    """What rests on another archive is not loaded where that one is not, and it says which."""
    with pytest.raises(TransferError, match="no finished archive nothing was made from this workspace"):
        staged.out(hosts, disk, since="nothing")
    first = staged.out(hosts, disk)
    second = staged.out(hosts, disk, since=first.archive)

    with pytest.raises(TransferError, match=f"holds only what changed since {first.archive}") as failure:
        staged.load(hosts, disk, archive=second.archive)

    assert failure.value.next_step.endswith(f"--archive {first.archive}, first")


def test_a_second_loader_is_refused(staged: Staged, hosts: Hosts) -> None:
    """While somebody loads onto a site's host, another is told who, from whatever machine."""
    with (
        staged.move.hosts() as other,
        area.held(other.target(), TENANT),
        pytest.raises(Refused, match=r"archives of alpenblick are being loaded on \S+ by \S+ on "),
        area.held(hosts.target(), TENANT),
    ):
        pass
    with area.held(hosts.target(), TENANT):
        pass


def test_swapped_chunks_are_both_named(staged: Staged, hosts: Hosts, disk: str) -> None:
    """Two sound chunks of one archive under each other's names: both are told, and nothing is loaded."""
    made = staged.out(hosts, disk)
    first, second = (Path(disk) / made.archive / made.chunks[n].name for n in (1, 3))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)

    with pytest.raises(TransferError) as told:
        staged.load(hosts, disk)

    assert f"\n  {first.name} is " in told.value.what
    assert f"\n  {second.name} is " in told.value.what
    assert not (staged.move.site.folder / area.FOLDER / TENANT / "files-documents").exists()


def test_a_disk_pulled_while_it_is_loaded_is_told(staged: Staged, hosts: Hosts, disk: str) -> None:
    """The chunk that was missed is named; half a load is offered to nobody; plugged in again, it goes on."""
    made = staged.out(hosts, disk)
    away = Path(disk).with_name("pulled")

    class Pulling(Told):
        """Pulls the disk once half of it was loaded."""

        total = 0.0
        loading = False

        def start(self, what: str, total: float | None, unit: str) -> None:
            super().start(what, total, unit)
            self.loading, self.total = "checking" not in what, total or 0

        def advance_to(self, done: float) -> None:
            super().advance_to(done)
            if self.loading and self.total / 2 < done < self.total and Path(disk).exists():
                Path(disk).rename(away)

    with pytest.raises(TransferError, match=r"chunk-\d+\.age cannot be read: No such file") as told:
        staged.load(hosts, disk, told=Pulling())
    assert "connect the medium" in told.value.next_step
    areas = [Area(hosts.target(), TENANT, item.kind, item.name) for item in made.items]
    (half, *_) = [one for one in areas if (state := one.state()) is None or state.stage != "arrived"]
    with pytest.raises(TransferError, match=r"is only half loaded|no archive was loaded"):
        half.arrived()

    away.rename(disk)
    received = staged.load(hosts, disk)

    assert received.archive == made.archive
    assert {one.arrived().archive for one in areas} == {made.archive}
