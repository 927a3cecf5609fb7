"""
Holding a running pass by hand, and letting it go on.

Promise: the whole job stands still, ssh and rsync included, and nothing of it is lost; why it does is shown
to whoever watches it.
"""

from shlex import quote

from migrate import remote
from migrate.errors import TransferError
from migrate.files.tree import Tree

_SIGNAL = """cd {folder} 2>/dev/null && [ -e pid ] && ! [ -e status ] || exit 3
{before}
kill -s {signal} -- "-$(cat pid)" || exit 1
{after}
"""


def pause(tree: Tree, why: str) -> None:
    """
    Stop the running base or delta pass of a tree where it is.

    Args:
        why: One line, shown in its progress.

    Raises:
        TransferError: No pass runs.
    """
    line = " ".join(why.split())
    _signal(tree, "STOP", before=f"printf '%s\\n' {quote(line)} > paused")


def resume(tree: Tree) -> None:
    """
    Let a paused pass go on.

    Raises:
        TransferError: No pass runs.
    """
    _signal(tree, "CONT", after="rm -f paused")


def _signal(tree: Tree, signal: str, *, before: str = "", after: str = "") -> None:
    script = _SIGNAL.format(folder=quote(tree.pull.folder), signal=signal, before=before, after=after)
    done = remote.attempt(tree.receives.host, script)
    if done.status != 0:
        raise TransferError(
            f"{tree.receives.host.host}: no pass over {tree.name} runs that could be held or let go",
            state="Nothing was changed.",
            next_step="fab status",
        )
