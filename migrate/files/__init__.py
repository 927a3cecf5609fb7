"""
Moving trees of files: in three passes from a source at work, or whole from a frozen one; forward and back.

    tree.py       a tree on both sides, which way it goes, what is said of a pass
    passes.py     base, delta, prepare, last; whole
    line.py       the temporary SSH server that sends, its one key; sender.sh: what that key may ask for
    shares.py     a tree shared out between rsyncs at the same time; base.sh: the pass that runs them
    ledger.py     every name with its facts and SHA-256; ledger.sh: how it is kept; pass.sh: a pass by it
    pauses.py     held by hand, and let go on
    room.py       whether it fits

Promise: modes, times, links, hard links, sparse files and odd names are kept; owners, access lists and
extended attributes where both sides can, else it is said. Large files go on where they stopped. Inside the
freeze only what changed is copied and read, and the verdict is about every file.
"""

from migrate.files.passes import (
    base_pass,
    compare_changes,
    copy_tree,
    delta_pass,
    empty_tree,
    forget,
    last_pass,
    prepare,
)
from migrate.files.pauses import pause, resume
from migrate.files.room import require_room
from migrate.files.shares import FILE_COST_BYTES, balanced, listed, share_out
from migrate.files.tree import FilesCopied, LastPass, Tree, TreeCopied, trees

__all__ = [
    "FILE_COST_BYTES",
    "FilesCopied",
    "LastPass",
    "Tree",
    "TreeCopied",
    "balanced",
    "base_pass",
    "compare_changes",
    "copy_tree",
    "delta_pass",
    "empty_tree",
    "forget",
    "last_pass",
    "listed",
    "pause",
    "prepare",
    "require_room",
    "resume",
    "share_out",
    "trees",
]
