"""
Measuring legacy hosts, their trees of files and their interfaces, over SSH.

Promise: reads only. It needs no more on the host than a POSIX shell with GNU find, grep, awk and tar.
"""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from shlex import quote

from fabric import Connection

from migrate.assess.facts import Files, Host, InterfaceFacts, ReadSample
from migrate.connector import Connector
from migrate.errors import MigrationError
from migrate.remote import attempt, run
from provisioning.errors import BasculeError
from provisioning.manifest import Interface, LegacyFiles

SAMPLE_BYTES = 64 * 1024 * 1024
TIMEOUT_SECONDS = 900
"""A tree of millions of files on a slow disk takes minutes to walk."""

_HOST = r"""
. /etc/os-release 2>/dev/null
printf '%s\n' "${PRETTY_NAME:-$(uname -s)} (Linux $(uname -r))"
nproc
awk '/^MemTotal:/ {print $2 * 1024}' /proc/meminfo
df -PB1 . | awk 'NR == 2 {print $4}'
"""

_COUNTS = r"""
find "$tree" -printf '%y %s %T@ %n %m\n' 2>/dev/null | awk -v day="$(($(date +%s) - 86400))" '
    $1 == "f" {
        n++; b += $2
        if ($2 > big) big = $2
        if (n == 1 || $3 < old) old = $3
        if (n == 1 || $3 > new) new = $3
        if ($3 >= day) {c++; cb += $2}
        if ($4 > 1) h++
        if (length($5) == 4 && $5 ~ /^[2-7]/) p++
    }
    $1 == "d" {d++} $1 == "l" {o++} $1 !~ /[fdl]/ {s++}
    END {printf "%d %.0f %d %d %d %.0f %.6f %.6f %d %.0f %d %d\n", n, b, d, o, s, big, old, new, c, cb, h, p}'
find "$tree" ! -type l ! -readable -printf x 2>/dev/null | wc -c
find "$tree" -printf '%f\0%P\0' 2>/dev/null | LC_ALL=C tr '\n\0' '_\n' |
    LC_ALL=C awk 'NR % 2 {name = length($0); next} name > 143 || length($0) > 1000 {n++} END {print n + 0}'
"""

# Names that are one to a file system that does not tell cases apart; accents are looked at here.
_ALIKE = r"""
find "$tree" -printf '%P\0' 2>/dev/null | LC_ALL=C sort -zf | LC_ALL=C uniq -zDi
true
"""
_ACCENTED = r"""
find "$tree" -printf '%P\0' 2>/dev/null | LC_ALL=C grep -za '[^ -~]'
true
"""

# A name is odd when it holds control characters, or bytes that are no UTF-8.
_ODD = r"""
{ find "$tree" -print0 2>/dev/null | LC_ALL=C grep -za '[[:cntrl:]]'
  find "$tree" -print0 2>/dev/null | LC_ALL=C.UTF-8 grep -zaxv '.*' | LC_ALL=C grep -zav '[[:cntrl:]]'
}
true
"""

_READ = rf"""
start=$(date +%s%N)
tar -C "$tree" -cf - . 2>/dev/null | head -c {SAMPLE_BYTES} | wc -c
echo $(( $(date +%s%N) - start ))
"""


def measure_host(name: str, connection: Connection) -> Host:
    """Measure cores, memory and free disk of a host."""
    system, cores, memory, free = _lines(connection, _HOST)
    return Host(
        name=name,
        system=system,
        cores=int(cores),
        memory_bytes=int(float(memory)),
        disk_free_bytes=int(float(free)),
    )


def free_bytes(connection: Connection, folder: str) -> int:
    """Return what is free on the file system that holds `folder`."""
    return int(_lines(connection, f"df -PB1 {quote(folder)} | awk 'NR == 2 {{print $4}}'")[0])


def count_files(tree: LegacyFiles, connection: Connection) -> tuple[int, int]:
    """Return how many files a tree has, and their bytes; no content is read."""
    sizes = f"find {quote(tree.path)} -type f -printf '%s\\n' 2>/dev/null"
    script = sizes + " | awk '{b += $1} END {printf \"%d %.0f\", NR, b}'"
    count, size = _lines(connection, script)[0].split()
    return int(count), int(size)


def measure_files(tree: LegacyFiles, connection: Connection) -> Files:
    """
    Count a tree and read the first `SAMPLE_BYTES` of it against the clock.

    Raises:
        MigrationError: There is no such folder on the host.
    """
    if attempt(connection, f"test -d {quote(tree.path)}").status != 0:
        raise MigrationError(
            f"{tree.path} is not a folder on {tree.host}",
            state="Nothing was changed; assessing only reads.",
            next_step=f"correct legacy/files/{tree.name}/path in the manifest, then assess again",
        )
    here = f"tree={quote(tree.path)}\n"
    counts, unreadable, long_names = _lines(connection, here + _COUNTS)
    whole = [float(part) for part in counts.split()]
    count, size, folders, others, special, largest = (int(part) for part in whole[:6])
    odd = [_shown(name) for name in _names(connection, here + _ODD)]
    twins = _twins([*_names(connection, here + _ALIKE), *_names(connection, here + _ACCENTED)])
    read, nanoseconds = (int(line) for line in _lines(connection, here + _READ))
    return Files(
        name=tree.name,
        host=tree.host,
        count=count,
        bytes=size,
        folders=folders,
        others=others,
        special=special,
        odd_names=tuple(odd[:10]),
        odd_name_count=len(odd),
        unreadable_count=int(unreadable),
        read=ReadSample(what=tree.path, bytes=read, seconds=nanoseconds / 1e9) if count else None,
        largest_bytes=largest,
        oldest_at=datetime.fromtimestamp(whole[6], UTC) if count else None,
        newest_at=datetime.fromtimestamp(whole[7], UTC) if count else None,
        changed_last_day=int(whole[8]),
        changed_last_day_bytes=int(whole[9]),
        hard_links=int(whole[10]),
        privileged=int(whole[11]),
        twins=tuple(twins[:10]),
        twin_count=len(twins),
        long_names=int(long_names),
    )


def measure_interface(interface: Interface, connection: Connection) -> InterfaceFacts:
    """Ask a connector for its status; one that does not answer is a fact, not an error."""
    try:
        status = Connector(connection, interface).status()
        answers, detail = True, f"{status.mode}, {status.accepted} accepted, {status.waiting} waiting"
    except BasculeError as error:
        answers, detail = False, error.what
    return InterfaceFacts(
        name=interface.name, kind=interface.kind, host=interface.host, answers=answers, detail=detail[:300]
    )


def _lines(connection: Connection, script: str) -> list[str]:
    done = run(connection, script, timeout_seconds=TIMEOUT_SECONDS, doing="measuring")
    return done.text.split("\n")


def _names(connection: Connection, script: str) -> list[bytes]:
    """Return NUL-separated names."""
    done = run(connection, script, timeout_seconds=TIMEOUT_SECONDS, doing="looking at file names")
    return [name for name in done.stdout.split(b"\0") if name]


def _twins(names: Iterable[bytes]) -> list[str]:
    """Return names of which another one is the same but for case or the spelling of accents, sorted."""
    alike: dict[str, set[bytes]] = {}
    for name in names:
        folded = unicodedata.normalize("NFC", name.decode("utf-8", "surrogateescape")).casefold()
        alike.setdefault(folded, set()).add(name)
    return sorted(_shown(name) for group in alike.values() if len(group) > 1 for name in group)


def _shown(name: bytes) -> str:
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
