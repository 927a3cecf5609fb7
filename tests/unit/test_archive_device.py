"""A disk that is named by its device: the folder that it is mounted on, or what is wrong with it."""

import os
from pathlib import Path

import pytest

from migrate.archive import device
from migrate.archive.store import archives, open_store
from migrate.errors import TransferError

MOUNTS = """\
22 1 0:20 / /proc rw,relatime - proc proc rw
36 35 8:1 / / rw,noatime shared:1 - ext4 /dev/sda1 rw
40 36 8:17 / /run/media/luc/MON\\040DISQUE rw,relatime shared:9 - exfat /dev/sdb1 rw
41 36 8:17 /dossiers /srv/dossiers rw,relatime shared:9 - exfat /dev/sdb1 rw
42 36 253:0 / /media/chiffre rw,relatime shared:9 - ext4 /dev/mapper/luks rw
43 36 8:49 / /media/a rw,relatime - ext4 /dev/sdd1 rw
44 36 8:50 / /media/b rw,relatime - ext4 /dev/sdd2 rw
"""


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """Of the kernel: sdb and sdd with partitions, sdc1 with the clear side of an encrypted disk on it."""
    numbers = {
        "8:16/sdb1": "8:17",
        "8:32/sdc1": "8:33",
        "8:33/holders/dm-0": "253:0",
        "8:48/sdd1": "8:49",
        "8:48/sdd2": "8:50",
    }
    for place, number in numbers.items():
        (tmp_path / "sys" / place).mkdir(parents=True)
        (tmp_path / "sys" / place / "dev").write_text(f"{number}\n")
    return tmp_path / "sys"


@pytest.mark.parametrize(
    ("number", "folders"),
    [
        ("8:17", ["/run/media/luc/MON DISQUE"]),
        ("8:16", ["/run/media/luc/MON DISQUE"]),
        ("8:32", ["/media/chiffre"]),
        ("8:48", ["/media/a", "/media/b"]),
        ("8:64", []),
    ],
)
def test_a_device_stands_for_where_it_is_mounted(devices: Path, number: str, folders: list[str]) -> None:
    """A partition, a whole disk, an encrypted one; a folder of it that is bound elsewhere does not count."""
    assert device.mounted_on(number, MOUNTS, devices) == folders


@pytest.mark.parametrize(
    ("number", "says"),
    [((8, 64), "/dev/disque is not mounted"), ((8, 48), "has 2 parts that are mounted: /media/a, /media/b")],
)
def test_a_device_that_is_nowhere_is_told(
    devices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: tuple[int, int], says: str
) -> None:
    """What to do is said, and nothing is looked for in the folder where it may have been."""
    _is_there(monkeypatch, tmp_path, devices, number)
    with pytest.raises(TransferError) as told:
        archives("/dev/disque")
    assert says in told.value.what


def test_an_archive_on_a_device_lies_where_that_is_mounted(
    devices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the device reads and writes the folder; any other location is what it was."""
    _is_there(monkeypatch, tmp_path, devices, (8, 16))
    assert open_store("/dev/disque", "belledonne-1").where == "/run/media/luc/MON DISQUE/belledonne-1"
    assert open_store(str(tmp_path), "belledonne-1").where == f"{tmp_path}/belledonne-1"


def _is_there(monkeypatch: pytest.MonkeyPatch, folder: Path, devices: Path, number: tuple[int, int]) -> None:
    """Let ``/dev/disque`` be a block device of this number, as no test may make one."""
    mounts = folder / "mountinfo"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(device, "_MOUNTS", mounts)
    monkeypatch.setattr(device, "_BLOCK_DEVICES", devices)
    ordinary = Path.stat

    class Device:
        st_rdev = os.makedev(*number)
        st_mode = 0o060660

    def stat_of(path: Path, *, follow_symlinks: bool = True) -> object:
        return Device() if str(path) == "/dev/disque" else ordinary(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat_of)
