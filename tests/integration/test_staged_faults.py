"""A disk that is at fault while it is loaded onto a real site: nothing half-loaded counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.archive import area
from migrate.archive.area import Area
from migrate.connections import Hosts
from migrate.errors import TransferError
from tests.support.moves import Told
from tests.support.staging import TENANT, Staged, a_staged_move


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    with a_staged_move(tmp_path_factory.mktemp("faults")) as staged:
        yield staged


@pytest.fixture
def hosts(staged: Staged) -> Iterator[Hosts]:
    with staged.move.hosts() as hosts:
        yield hosts
        area.clear(hosts.target(), TENANT)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def test_swapped_chunks_are_both_named(staged: Staged, hosts: Hosts, disk: Path) -> None:
    """Two sound chunks of one archive under each other's names: both are told, and nothing is loaded."""
    made = staged.out(hosts, str(disk))
    first, second = (disk / made.archive / made.chunks[n].name for n in (1, 3))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)

    with pytest.raises(TransferError) as told:
        staged.load(hosts, str(disk))

    assert f"\n  {first.name} is " in told.value.what
    assert f"\n  {second.name} is " in told.value.what
    assert not (staged.move.site.folder / area.FOLDER / TENANT / "files-documents").exists()


def test_a_disk_pulled_while_it_is_loaded_is_told(staged: Staged, hosts: Hosts, disk: Path) -> None:
    """The chunk that was missed is named; half a load is offered to nobody; plugged in again, it goes on."""
    made = staged.out(hosts, str(disk))
    away = disk.with_name("pulled")

    class Pulling(Told):
        """Pulls the disk once half of it was loaded."""

        total = 0.0
        loading = False

        def start(self, what: str, total: float | None, unit: str) -> None:
            super().start(what, total, unit)
            self.loading, self.total = "checking" not in what, total or 0

        def advance_to(self, done: float) -> None:
            super().advance_to(done)
            if self.loading and self.total / 2 < done < self.total and disk.exists():
                disk.rename(away)

    with pytest.raises(TransferError, match=r"chunk-\d+\.age cannot be read: No such file") as told:
        staged.load(hosts, str(disk), told=Pulling())
    assert "connect the medium" in told.value.next_step
    areas = [Area(hosts.target(), TENANT, item.kind, item.name) for item in made.items]
    (half, *_) = [one for one in areas if (state := one.state()) is None or state.stage != "arrived"]
    with pytest.raises(TransferError, match=r"is only half loaded|no archive was loaded"):
        half.arrived()

    away.rename(disk)
    received = staged.load(hosts, str(disk))

    assert received.archive == made.archive
    assert {one.arrived().archive for one in areas} == {made.archive}
