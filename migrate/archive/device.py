"""
Disks that are named as block devices, such as ``/dev/sdb1`` or ``/dev/disk/by-label/CABINET``.

Promise: reads only. A device stands for the folder that it is mounted on, whatever that is called here and
now; one that is not mounted is told, and nothing is written into the folder where it used to be.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from migrate.errors import TransferError

_MOUNTS, _BLOCK_DEVICES = Path("/proc/self/mountinfo"), Path("/sys/dev/block")


def folder_of(location: str) -> str:
    """
    Return the folder that a location stands for: what the device is mounted on, else the location itself.

    Raises:
        TransferError: The device is not mounted, or several parts of it are.
    """
    device = Path(location).expanduser()
    if not device.is_block_device():
        return location
    number = device.stat().st_rdev
    mounted = mounted_on(f"{os.major(number)}:{os.minor(number)}", _MOUNTS.read_text(), _BLOCK_DEVICES)
    if len(mounted) != 1:
        how = (
            f"has {len(mounted)} parts that are mounted: {', '.join(mounted)}"
            if mounted
            else "is not mounted"
        )
        raise TransferError(
            f"{location} {how}",
            state="Nothing was read from it or written to it.",
            next_step="name the folder of the part that is meant"
            if mounted
            else f"mount it, such as by udisksctl mount -b {location}, then the same command again",
        )
    return mounted[0]


def mounted_on(device: str, mounts: str, devices: Path) -> list[str]:
    """
    Return the folders on which a device, its partitions and what is made of them are mounted, sorted.

    Args:
        device: Its number, such as ``8:17``.
        mounts: As ``/proc/self/mountinfo`` has them.
        devices: As ``/sys/dev/block``.

    Source: proc_pid_mountinfo(5); a device's folder there has its partitions, and under ``holders`` what
    lies on it, such as the clear side of an encrypted disk.
    """
    parts, found = set(_with_parts(device, devices)), set()
    for line in mounts.splitlines():
        _, _, number, root, folder, *_ = line.split(" ")
        if number in parts and root == "/":
            found.add(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), folder))
    return sorted(found)


def _with_parts(device: str, devices: Path) -> Iterator[str]:
    yield device
    here = devices / device
    for more in (*here.glob("*/dev"), *here.glob("holders/*/dev")):
        yield from _with_parts(more.read_text().strip(), devices)
