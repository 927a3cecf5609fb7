"""
Putting a tree that arrived where the site serves it from: a copy on the site's own host.

Promise: as with every way of moving files, the copy ends equal by checksum to what arrived, and what is no
part of it goes; it is a job that goes on without this process. What arrived stays in its area.
"""

from shlex import quote
from time import monotonic

from fabric import Connection

from migrate import remote
from migrate.archive.area import Area
from migrate.errors import TransferError
from migrate.files import TreeCopied
from migrate.remote_jobs import Job
from migrate.step import Progress
from migrate.transfer.tools import require_success

_PLACE = """
umask 077
mkdir -p {into} && rsync -rlptgocW --delete {ids} ../../../{tree}/ {into}/
"""


def place_tree(
    tenant: str, name: str, connection: Connection, target: str, attempt: str, progress: Progress
) -> TreeCopied:
    """
    Copy a tree that arrived to `target`, absolute, on the same host; a copy of this attempt is attached to.

    Raises:
        TransferError: It has not arrived, there is too little room, or rsync did not do all of it.
    """
    begun = monotonic()
    area = Area(connection, tenant, "files", name)
    state = area.arrived()
    job = Job(connection, f"place-{name}")
    _require_room(connection, target, state.bytes, name)
    is_root = remote.run(connection, "id -u", doing="id").text == "0"
    script = _PLACE.format(into=quote(target), tree=area.tree, ids="--numeric-ids" if is_root else "")
    job.ensure(spec=f"{attempt} {state.archive}", script=script)
    progress.start(f"{name}: files", state.bytes, "bytes")
    ended = job.wait(
        measure=f"du -sk {quote(target)} 2>/dev/null | cut -f1",
        tell=lambda kib: progress.advance_to(min(int(kib or 0) * 1024, state.bytes)),
    )
    job.discard()  # a repeat copies what differs then, which is nothing
    require_success(
        f"rsync of {name} to {target}",
        ended,
        state="The site holds some of its files; what arrived is as it was.",
        next_step="mend the cause, then fab run: it goes on with what is missing",
    )
    return TreeCopied(
        name=name,
        source=f"archive {state.archive}",
        target=target,
        files=state.files,
        bytes=state.bytes,
        seconds=round(monotonic() - begun, 3),
    )


def _require_room(connection: Connection, target: str, needed: int, name: str) -> None:
    parent = quote(target)
    script = (
        f"mkdir -p {parent} && df -PB1 {parent} | awk 'NR == 2 {{print $4}}' && du -sk {parent} | cut -f1"
    )
    free, have = remote.run(connection, script, raising=TransferError, doing="df").text.split("\n")
    if int(free) + int(have) * 1024 < needed:
        raise TransferError(
            f"{connection.host} has {int(free) // 1024**2} MiB free at {target}, {name} needs "
            f"{needed // 1024**2} MiB",
            state="Nothing was copied.",
            next_step="free what is missing there, then fab run",
        )
