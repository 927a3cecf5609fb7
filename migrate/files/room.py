"""
Whether a tree fits on the host that receives it: bytes and names, looked at before anything is copied.

Promise: reads only, but for making the folder itself.
"""

from concurrent.futures import ThreadPoolExecutor
from shlex import quote

from migrate import remote
from migrate.errors import TransferError
from migrate.files.tree import Side, Tree

HEADROOM_BYTES = 64 * 1024 * 1024
HEADROOM_NAMES = 1000

# Names of one inode take their blocks once.
_HOLDS = r"""find {folder} -mindepth 1 -printf '%D:%i %b\n' 2>/dev/null | LC_ALL=C sort -u |
    awk '{{bytes += $2 * 512}} END {{printf "%.0f %d\n", bytes, NR}}'"""
_FREE = r"""
df -PB1 {folder} | awk 'NR == 2 {{print $4}}'
df -Pi {folder} | awk 'NR == 2 {{print $2, $4}}'"""


def require_room(tree: Tree) -> None:
    """
    Make sure that the receiving file system has room for what the tree still lacks there, and some to spare.

    Raises:
        TransferError: It has not, with how much is missing.
    """
    with ThreadPoolExecutor(2) as readers:
        ahead = readers.submit(_said, tree.sends, _HOLDS)
        here = _said(tree.receives, "mkdir -p {folder} || exit 1; " + _HOLDS + _FREE)
        needed, names = ahead.result()
    have, have_names, free, of_names, free_names = here
    host = tree.receives.host.host
    needed += HEADROOM_BYTES - have
    if free < needed:
        raise TransferError(
            f"{host} has {free // 1024**2} MiB free, {tree.name} needs {needed // 1024**2} MiB",
            state="Nothing was copied.",
            next_step=f"free {(needed - free) // 1024**2 + 1} MiB there, then the same command",
        )
    names += HEADROOM_NAMES - have_names
    # Some file systems make inodes as they need them and say 0 of 0.
    if of_names and free_names < names:
        raise TransferError(
            f"{host} can hold {free_names} more names (inodes), {tree.name} needs {names}",
            state="Nothing was copied.",
            next_step="make a file system with more inodes there, then the same command",
        )


def _said(side: Side, script: str) -> list[int]:
    script = script.format(folder=quote(side.folder))
    done = remote.run(
        side.host, script, timeout_seconds=900, raising=TransferError, doing="looking at the disk"
    )
    return [int(word) if word.isdigit() else 0 for word in done.text.split()]
