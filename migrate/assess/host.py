"""
Measuring legacy hosts, their trees of files and their interfaces, over SSH.

Promise: reads only. It needs no more on the host than a POSIX shell with GNU find, grep, awk and tar.
"""

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
find "$tree" -printf '%y %s\n' 2>/dev/null | awk '
    $1 == "f" {n++; b += $2} $1 == "d" {d++} $1 == "l" {o++} $1 !~ /[fdl]/ {s++}
    END {printf "%d %.0f %d %d %d\n", n, b, d, o, s}'
find "$tree" ! -type l ! -readable -printf x 2>/dev/null | wc -c
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
    counts, unreadable = _lines(connection, here + _COUNTS)
    count, size, folders, others, special = (int(part) for part in counts.split())
    odd = [_shown(name) for name in _names(connection, here + _ODD)]
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


def _shown(name: bytes) -> str:
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
