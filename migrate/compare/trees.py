"""
Comparing trees of files whole: every name, kind, mode, time, link, hard link and content on both sides.

Promise: every file is read, on the host that holds it, both sides at once; odd names, empty files and
links count like any other. Reads only. `migrate.files.compare_changes` gives the same verdict by reading only
what changed since the last look.
"""

from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from shlex import quote

from fabric import Connection

from migrate import remote
from migrate.compare.verdict import TreeComparison
from migrate.errors import ComparisonError
from migrate.files import Tree, ledger
from migrate.files.line import script
from migrate.files.tree import Side

_TIMEOUT_SECONDS = 6 * 3600

_READ = """
tree=$(cd {folder} && pwd) || exit 1
state=$(pwd)/{state}
trap 'rm -rf "$state"' EXIT
sh "$state/ledger" "$state" "$tree" frozen >/dev/null && cat "$state/now"
"""


def compare_tree(tree: Tree) -> TreeComparison:
    """
    Compare one tree on both sides, both read at the same time.

    Raises:
        ComparisonError: A side could not be read in full; an unreadable file is an error, not a difference.
    """
    with ThreadPoolExecutor(2) as readers:
        ahead = readers.submit(read_ledger, tree.receives)
        source = read_ledger(tree.sends)
        target = ahead.result()
    # Only root gives files away, so only then are owners something that both sides can hold.
    with_owners = remote.run(tree.receives.host, "id -u", doing="id").text == "0"
    return ledger.comparison(
        tree.name,
        ledger.entries(source, with_owners=with_owners),
        ledger.entries(target, with_owners=with_owners),
    )


def read_ledger(side: Side) -> list[bytes]:
    """Read a whole side afresh and return its ledger's lines."""
    return _read(side.host, side.folder)


def _read(connection: Connection, folder: str) -> list[bytes]:
    state = f".bascule/look-{token_hex(6)}"
    remote.write_folder(connection, state, {"ledger": script("ledger")}, doing="laying down a script")
    done = remote.run(
        connection,
        _READ.format(folder=quote(folder), state=state),
        timeout_seconds=_TIMEOUT_SECONDS,
        raising=ComparisonError,
        doing=f"reading {folder}",
    )
    return done.stdout.split(b"\n")[:-1]
