"""
The passes over a tree: base and delta while the source is at work, prepare, then the last one in the freeze.

Promise: each may be repeated and goes on from what is there. What a pass did not move is an error that names
it; only what changes or vanishes under a running source is left to the next pass. After the last pass both
sides are alike, which is told by content.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from shlex import quote
from time import monotonic
from typing import Literal

from migrate import remote
from migrate.compare.verdict import TreeComparison
from migrate.errors import TransferError
from migrate.files import ledger, line
from migrate.files.line import Ends, close_line, look_at, open_line, said_by, start_sender
from migrate.files.room import require_room
from migrate.files.shares import Listing, Share, look_through, share_out
from migrate.files.tree import LastPass, Pass, Tree, TreeCopied
from migrate.remote_jobs import Ended
from migrate.step import Progress

WORKERS = 2
TIMEOUT_SECONDS = 6 * 3600
_NO_LINE = 77

# What the receiver's file system or rights cannot hold is told as not kept; the files themselves are there.
_NOT_HELD = r"(set_acl|sys_acl_set_file|lsetxattr|lremovexattr).*Operation not (supported|permitted)"
_VANISHED = (r"^file has vanished: ", r"some files vanished before they could be transferred \(code 24\)")
_SHRUNK = r'^rsync: \[sender\] read errors mapping ".*": No data available \(61\)'
"""A file that somebody made shorter while it was read; the next pass reads it again."""
_SUMMED_UP = r"^rsync error: some files/attrs were not transferred .*\(code 23\)"

_MOVED = r"""for out in out-*; do
    tail -c 200 "$out" | tr '\r' '\n' | grep -o '[0-9,]* *[0-9]*%' | tail -n 1
done 2> /dev/null | awk '{gsub(",", "", $1); n += $1} END {printf "%.0f\n", n}'; cat paused 2> /dev/null"""


def copy_tree(tree: Tree, attempt: str, progress: Progress, *, port: int | None = None) -> TreeCopied:
    """
    Move one tree whole from a frozen source; a copy that this attempt began is attached to.

    It ends with a sweep that compares every content, and removes what the source does not have.

    Args:
        port: Of the temporary sender on the source's host; by default a free one.

    Raises:
        TransferError: There is no such tree, too little disk, or rsync did not do all of it.
    """
    return _move(tree, attempt, progress, kind="whole", port=port, limit_kib=None)


def base_pass(
    tree: Tree, attempt: str, progress: Progress, *, port: int | None = None, limit_kib: int | None = None
) -> TreeCopied:
    """
    Move the bulk of a tree while its source is at work; one that this attempt began is attached to.

    What changes meanwhile is left to `delta_pass`.

    Args:
        port: Of the temporary sender on the source's host; by default a free one.
        limit_kib: At most so many KiB a second, all together.

    Raises:
        TransferError: As `copy_tree`.
    """
    return _move(tree, attempt, progress, kind="base", port=port, limit_kib=limit_kib)


def delta_pass(
    tree: Tree, attempt: str, progress: Progress, *, port: int | None = None, limit_kib: int | None = None
) -> TreeCopied:
    """
    Copy and remove what differs by now, by content, while the source is at work; may be repeated at will.

    The first reads every file once on each side, beside it, and keeps their digests there; later ones
    read what changed since. Repeated, it attaches to one that still runs.

    Raises:
        TransferError: As `base_pass`.
    """
    return _delta(tree, attempt, progress, port, limit_kib, keep_open=False)


def prepare(
    tree: Tree, attempt: str, progress: Progress, *, port: int | None = None, limit_kib: int | None = None
) -> TreeCopied:
    """
    A delta pass that leaves all ready for the last one: the line open, the digests taken, room enough.

    Call it shortly before the freeze, and `forget` or `delta_pass` when there is none after all.

    Args:
        port: Of the temporary sender on the source's host; by default a free one.
        limit_kib: At most so many KiB a second.

    Raises:
        TransferError: As `base_pass`.
    """
    require_room(tree)
    return _delta(tree, attempt, progress, port, limit_kib, keep_open=True)


def last_pass(tree: Tree, attempt: str, *, port: int | None = None) -> LastPass:
    """
    The pass inside the freeze, one command: copy and remove what changed, then compare.

    Only files that changed since they were last read are read; the verdict is about all. Without `prepare`
    it does the same, and takes longer. Whether the trees are alike is in the result: no error is raised
    for a difference.

    Raises:
        TransferError: Something could not be copied, or vanished: the source is not frozen.
    """
    return _direct(tree, attempt, "last", port)


def compare_changes(tree: Tree, attempt: str, *, port: int | None = None) -> TreeComparison:
    """
    Compare both sides, frozen, as `last_pass` does, and copy nothing.

    Raises:
        TransferError: A side could not be read in full.
    """
    return _direct(tree, attempt, "look", port).comparison


def empty_tree(tree: Tree) -> None:
    """End what still runs on both sides, and remove what was copied; the folder itself stays."""
    forget(tree)
    into = quote(tree.receives.folder)
    remote.run(
        tree.receives.host,
        f"[ ! -d {into} ] || {{ chmod -R u+rwX {into} && find {into} -mindepth 1 -delete; }}",
        timeout_seconds=3600,
        raising=TransferError,
        doing=f"emptying {tree.receives.folder}",
    )


def forget(tree: Tree) -> None:
    """Leave no trace of the passes on either host: no job, no key, no ledger. The files stay as they are."""
    for way in (tree, tree.turned()):
        way.pull.discard()
        close_line(way, and_remove=tree.ledger)


def _move(
    tree: Tree, attempt: str, progress: Progress, *, kind: Pass, port: int | None, limit_kib: int | None
) -> TreeCopied:
    begun = monotonic()
    # Each look takes a round trip, and none depends on another.
    with ThreadPoolExecutor(4) as readers:
        looking = readers.submit(look_at, tree)
        listing = readers.submit(look_through, tree.sends.host, tree.sends.folder)
        fits = readers.submit(require_room, tree)
        seen = tree.pull.look()
        ends, there = looking.result(), listing.result()
    total = sum(size for size, _ in there.entries)
    spec = attempt if kind == "whole" else f"{attempt} {kind}"
    if not seen.serves(spec):
        fits.result()
        if seen.state != "absent":
            tree.pull.discard()
        _start_base(tree, attempt, spec, ends, there, port, limit_kib)
    ended = _watch(tree, total, progress)
    tree.sender.discard()
    lost = _require_moved(tree, ended, is_live=kind == "base")
    return TreeCopied(
        name=tree.name,
        source=tree.sends.folder,
        target=tree.receives.folder,
        files=len(there.entries),
        bytes=total,
        seconds=round(monotonic() - begun, 3),
        kind=kind,
        not_kept=ends.keeping.not_kept + lost,
    )


def _start_base(
    tree: Tree,
    attempt: str,
    spec: str,
    ends: Ends,
    there: Listing,
    port: int | None,
    limit_kib: int | None,
) -> None:
    parts, folders = share_out(there.entries, WORKERS)
    contents = start_sender(tree, attempt, ends, lists=_lists(parts, folders), port=port)
    # What changed on the source since the first base pass began is copied once more by the pass that follows.
    state = quote(f"{ends.receives.home}/{tree.ledger}")
    since = f"mkdir -p {state} && cd {state} && {{ [ -e since ] || [ -e copied ]; }}"
    large = "".join(str(n) for n, part in enumerate(parts) if part.large)
    words = [ends.receives.folder, str(len(parts)), f"large{large}", "exact" if spec == attempt else "live"]
    words += [*ends.keeping.options, *_limit(limit_kib, WORKERS)]
    words += ["-S"] * there.has_holes + ["-H"] * there.has_hard_links
    script = f"""umask 077
        ({since} || echo {ends.sends.seconds - 2} > since)
        sh ./base "$(pwd)" {" ".join(map(quote, words))}
        status=$?
        rm -f key  # it has served, whatever came of it
        exit $status"""
    tree.pull.start(spec=spec, script=script, files={**contents, "base": line.script("base")})


def _lists(parts: Sequence[Share], folders: Sequence[bytes]) -> dict[str, bytes]:
    # rsync takes a line that begins with # or ; for a comment.
    named: dict[str, list[bytes]] = {f"part-{n}": part.names for n, part in enumerate(parts)}
    named |= {f"large-{n}": part.large for n, part in enumerate(parts)} | {"folders": list(folders)}
    return {name: b"".join(b"./" + one + b"\0" for one in names) for name, names in named.items()}


def _limit(limit_kib: int | None, at_once: int) -> list[str]:
    return [f"--bwlimit={max(1, limit_kib // at_once)}"] if limit_kib else []


def _watch(tree: Tree, total: int, progress: Progress) -> Ended:
    """Wait for the job on the receiving host, telling how far it is, and why it stands still."""
    progress.start(f"{tree.name}: files", total, "bytes")
    told = ""

    def tell(measured: str) -> None:
        nonlocal told
        moved, _, why = measured.partition("\n")
        progress.advance_to(min(int(moved or 0), total))
        if why != told:
            progress.say(f"{tree.name}: paused: {why}" if why else f"{tree.name}: goes on")
            told = why

    return tree.pull.wait(measure=_MOVED, tell=tell)


def _delta(
    tree: Tree, attempt: str, progress: Progress, port: int | None, limit_kib: int | None, *, keep_open: bool
) -> TreeCopied:
    begun = monotonic()
    spec = f"{attempt} delta"
    seen = tree.pull.look()
    if not (seen.state == "running" and seen.spec == spec):
        tree.pull.discard()
        open_line(tree, attempt, look_at(tree), port=port)
        words = " ".join(("delta", *_limit(limit_kib, 1)))
        # The job runs in its own folder, two below the one that holds all of Bascule's.
        tree.pull.start(spec=spec, script=f"cd ../../.. && sh {quote(tree.line)}/go {words}")
    ended = _watch(tree, 0, progress)
    try:
        lost = _require_moved(tree, ended, is_live=True)
        return _read(tree, "delta", ended.log, begun, lost).copied
    except TransferError:
        keep_open = False
        raise
    finally:
        tree.pull.discard()
        if not keep_open:
            close_line(tree)


def _direct(tree: Tree, attempt: str, act: Literal["last", "look"], port: int | None) -> LastPass:
    begun = monotonic()
    go = quote(f"{tree.line}/go")
    script = f"[ -e {go} ] || exit {_NO_LINE}; sh {go} {act}"
    done = remote.attempt(tree.receives.host, script, timeout_seconds=TIMEOUT_SECONDS)
    if done.status != 0 and (done.status == _NO_LINE or tree.sender.look().state != "running"):
        # Not prepared, or the sender has ended since.
        open_line(tree, attempt, look_at(tree), port=port)
        done = remote.attempt(tree.receives.host, script, timeout_seconds=TIMEOUT_SECONDS)
    lost = _require_moved(tree, Ended(done.status, done.text, done.errors), is_live=False)
    return _read(tree, "last", done.text, begun, lost)


def _require_moved(tree: Tree, ended: Ended, *, is_live: bool) -> tuple[str, ...]:
    """
    Accept that all was moved; return what could not be kept of it.

    The exit status decides. What is said beside a 0 may come from anywhere, such as a customer's login shell.
    """
    lost = [line for line in ended.errors.splitlines() if re.search(_NOT_HELD, line)]
    tolerated = (_NOT_HELD, _SUMMED_UP, *((*_VANISHED, _SHRUNK) if is_live else ()))
    said = said_by(ended.errors, tolerated=tolerated)
    if ended.status == 0 or (ended.status in (23, 24) and not said and (lost or is_live)):
        return (f"{len(lost)} attributes that the receiving side cannot hold: {lost[0]}",) if lost else ()
    tree.pull.discard()
    lines = "\n".join(f"  {line}" for line in said[:20]) or "  (it said nothing)"
    raise TransferError(
        f"files of {tree.name} from {tree.sends.host.host} to {tree.receives.host.host}:"
        f" the pass ended with {ended.status} and said:\n{lines}",
        state=f"{tree.receives.host.host} holds some of its files; {tree.sends.host.host} is as it was.",
        next_step="mend the cause, then the same command: it goes on with what is missing",
    )


def _read(tree: Tree, kind: Pass, said: str, begun: float, lost: tuple[str, ...]) -> LastPass:
    """Read what ``pass.sh`` says at its end."""
    counts, *lines = said.split("\n")
    files, folders, size, copied, removed, read_there, read_here, differing = map(int, counts.split())
    sides = {
        mark: ledger.entries((line[2:].encode() for line in lines if line.startswith(mark)), with_owners=True)
        for mark in "<>"
    }
    shown = ledger.differences(sides["<"], sides[">"])[: ledger.SHOWN]
    return LastPass(
        TreeCopied(
            name=tree.name,
            source=tree.sends.folder,
            target=tree.receives.folder,
            files=files,
            bytes=size,
            seconds=round(monotonic() - begun, 3),
            kind=kind,
            copied=copied,
            removed=removed,
            not_kept=tuple(line[2:] for line in lines if line.startswith("! ")) + lost,
        ),
        TreeComparison(
            name=tree.name,
            files=files,
            folders=folders,
            bytes=size,
            differing=differing,
            shown=tuple(shown),
            hashed_in_freeze=read_there + read_here,
        ),
    )
