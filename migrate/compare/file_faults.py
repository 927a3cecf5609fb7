"""
A planted fault in a file: one flipped bit, with size and time as they were.

Promise: only in a folder that the caller names as a rehearsal's; the same call flips the bit back.
"""

from dataclasses import dataclass
from shlex import quote

from fabric import Connection

from migrate import remote
from migrate.compare.verdict import TreeComparison
from migrate.errors import ComparisonError

# Names that any shell and any report shows as they are.
_FIND = "find . -type f -size +0c -print0 | LC_ALL=C grep -zax '[ -~]*' | LC_ALL=C sort -z | head -zn 1"

# A file whose time changed as well would be found without being read.
_FLIP = """
set -e
at=$(($(stat -c %s -- {path}) / 2)) time=$(stat -c %y -- {path}) mode=$(stat -c %a -- {path})
chmod u+w -- {path}
byte=$(od -An -tu1 -j "$at" -N 1 -- {path})
printf "\\\\$(printf %03o $((byte ^ 1)))" | dd of={path} bs=1 seek="$at" conv=notrunc status=none
touch -d "$time" -- {path}
chmod "$mode" -- {path}
"""


@dataclass(frozen=True)
class FlippedBit:
    """The file, relative to its tree."""

    path: str

    def found_in(self, comparison: TreeComparison) -> bool:
        """Whether a verdict names this very fault."""
        return (self.path, "content") in {(one.path, one.kind) for one in comparison.shown}


def flip_bit(connection: Connection, rehearsal_folder: str) -> FlippedBit | None:
    """
    Flip the lowest bit in the middle of one file; None where there is no file with content.

    Raises:
        ComparisonError: The folder cannot be read or written.
    """
    found = _run(connection, rehearsal_folder, _FIND, "looking for a file").rstrip("\0")
    if not found:
        return None
    fault = FlippedBit(found.removeprefix("./"))
    flip_back(connection, rehearsal_folder, fault)
    return fault


def flip_back(connection: Connection, rehearsal_folder: str, fault: FlippedBit) -> None:
    """Flip the same bit again."""
    _run(
        connection,
        rehearsal_folder,
        _FLIP.format(path=quote(f"./{fault.path}")),
        f"flipping a bit of {fault.path}",
    )


def _run(connection: Connection, folder: str, command: str, doing: str) -> str:
    done = remote.run(connection, f"cd {quote(folder)} && {command}", raising=ComparisonError, doing=doing)
    return done.text
