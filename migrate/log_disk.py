"""
The disk that a server keeps its log on: what is free there.

Promise: reads only, over the host's own login. A slot without a limit keeps log until that disk is full, and
the server stops then; so this is how much longer a flow may stand still.
"""

from dataclasses import dataclass
from shlex import quote

from fabric import Connection

from migrate.remote import run


@dataclass(frozen=True)
class LogDisk:
    """`path` is the nearest folder that could be looked at: the log's own where `is_exact`."""

    path: str
    is_exact: bool
    free_bytes: int


def log_disk(connection: Connection, log_folder: str) -> LogDisk | None:
    """
    Return what is free where a server keeps its log, or at the nearest folder above that can be looked at.

    The login is rarely the server's own user, and may not look into its folder; None when no folder
    above tells anything.
    """
    script = f"""
path={quote(log_folder)}
while :; do
    free=$(df -PB1 "$path" 2>/dev/null | awk 'NR == 2 {{print $4}}')
    [ -z "$free" ] || break
    [ "$path" != / ] || exit 0
    path=$(dirname "$path")
done
printf '%s\\n%s\\n' "$path" "$free"
"""
    path, _, free = run(connection, script, doing="looking at the log's disk").text.partition("\n")
    if not free:
        return None
    return LogDisk(path=path, is_exact=path == log_folder, free_bytes=int(free))
