"""
Steps that move data onto the closed site, and back: databases and files.

Promise: what is moved in the freeze requires the freeze of this very attempt, before and after; none
touches a site whose door is not closed. In live mode the final sync takes seconds; in bulk mode it is the
whole copy, and its undo leaves the site empty.
"""

from concurrent.futures import ThreadPoolExecutor

from migrate import carrying, door, files
from migrate.compare.verdict import TreeComparison
from migrate.errors import TransferError
from migrate.fence.site import require_site_held
from migrate.files import FilesCopied, Tree, TreeCopied
from migrate.files.line import close_line
from migrate.freeze import require_held
from migrate.moving import is_carried_in_freeze, moves
from migrate.pausing import require_not_paused
from migrate.step import Result, StepContext, step
from migrate.transfer.contract import Copied, Drained, Live, Settled, Task, Transfer, Transferred
from provisioning.model import Model

DRAIN_SECONDS = 20.0


class SyncedDatabase(Model):
    """One database in the freeze."""

    name: str
    drained: Drained
    settled: Settled


class FinalSync(Model):
    """Evidence ``final-sync``: the position that the verdict is about, and the verdict about the files."""

    attempt: str
    databases: tuple[SyncedDatabase, ...]
    """Empty in bulk mode, where everything was copied at one position."""
    trees: tuple[TreeComparison, ...]

    def of(self, name: str) -> SyncedDatabase:
        return next(one for one in self.databases if one.name == name)


def require_closed(ctx: StepContext) -> None:
    """Refuse to overwrite a site that somebody may be using."""
    state = door.read(ctx.hosts.target(), ctx.hosts.site())
    if state != "closed":
        raise TransferError(
            f"the door of {ctx.manifest.stack('prod')} is {state}, so its data are not touched",
            state="Nothing was changed.",
            next_step=f"fab status --tenant {ctx.manifest.tenant}",
        )


# What it leaves on the closed site the next pass goes on with, so nothing has to be put back.
@step("copy-files", changes=False)
def copy_files(ctx: StepContext) -> Result:
    """
    Copy files while the system that has them is at work.

    ``pass: base`` moves the bulk, ``ready`` what changed since and makes ready for the last pass, ``back``
    the same for the way back. Where nothing but archives reaches the site they bring the files, and there is
    nothing to copy.
    """
    which = ctx.params.get("pass", "base")
    if which not in ("base", "ready", "back"):
        raise TransferError(
            f"copy-files: pass is {which!r}", next_step="write with: {pass: base}, ready or back"
        )
    if which != "back":
        require_closed(ctx)
        require_not_paused(ctx)
    if is_carried_in_freeze(ctx.case):
        ctx.progress.say("files come with the archives")
        return {"files": "carried"}
    copied = []
    for tree in files.trees(ctx.hosts):
        one = _pass(ctx, tree.turned() if which == "back" else tree, which)
        rate = one.bytes_per_second / 1024**2
        ctx.progress.say(f"{one.name}: {one.files} files in {one.seconds:.1f} s ({rate:.0f} MiB/s)")
        copied.append(one)
    if which == "base":
        ctx.case.write_evidence("files", FilesCopied(attempt=ctx.attempt, trees=tuple(copied)))
    return _counted(copied)


def _pass(ctx: StepContext, tree: Tree, which: object) -> TreeCopied:
    # What goes back is read on the site, which is not legacy's work to spare.
    limit_kib = ctx.manifest.throttle.files_kb_per_second if which != "back" else None
    copying = files.base_pass if which == "base" else files.prepare
    return copying(tree, ctx.attempt, ctx.progress, port=_port(ctx), limit_kib=limit_kib)


def _port(ctx: StepContext) -> int | None:
    port = ctx.params.get("sender_port")
    return int(port) if port else None


def _counted(copied: list[TreeCopied]) -> Result:
    return {one.name: {"files": one.files, "bytes": one.bytes, "seconds": one.seconds} for one in copied}


def _take_back(ctx: StepContext) -> Result:
    """Empty the site's database again in bulk mode; in live mode changes go on flowing onto it."""
    require_closed(ctx)
    close_lines(ctx)
    emptied = []
    for way, work in moves(ctx):
        if not isinstance(way, Live):
            way.empty(work)
            emptied.append(work.name)
    return {"emptied": emptied}


@step("final-sync", undo=_take_back)
def final_sync(ctx: StepContext) -> Result:
    """Bring the closed site to exactly where legacy stopped: the last changes, and what does not flow."""
    require_closed(ctx)
    require_held(ctx)
    done = _everything(ctx, moves(ctx), files.trees(ctx.hosts))
    require_held(ctx)
    return done


def _leave(ctx: StepContext) -> Result:
    """Leave legacy as it is: changes go on flowing onto it."""
    close_lines(ctx)
    return {"left": "as it is"}


@step("return-data", undo=_leave)
def return_data(ctx: StepContext) -> Result:
    """Bring legacy to exactly where the site stopped: the last changes, and what does not flow."""
    require_site_held(ctx)
    back = [(way, work.turned()) for way, work in moves(ctx)]
    done = _everything(ctx, back, [tree.turned() for tree in files.trees(ctx.hosts)])
    require_site_held(ctx)
    return done


def close_lines(ctx: StepContext) -> None:
    """End the temporary servers that files are fetched from, either way round; the ledgers stay."""
    for tree in files.trees(ctx.hosts):
        close_line(tree)
        close_line(tree.turned())


def _everything(ctx: StepContext, works: list[tuple[Transfer, Task]], every: list[Tree]) -> Result:
    """Bring databases and files over side by side, and keep where that ended."""
    with ThreadPoolExecutor(1) as beside:
        passes = beside.submit(_last_files, ctx, every)
        synced, copied = [], []
        for way, work in works:
            if isinstance(way, Live):
                synced.append(_last_changes(ctx, way, work))
            else:
                copied.append(_whole(ctx, way, work))
        trees, compared = passes.result()
    if copied:
        ctx.case.write_evidence("transfer", Transferred(attempt=ctx.attempt, databases=tuple(copied)))
    ctx.case.write_evidence(
        "final-sync",
        FinalSync(attempt=ctx.attempt, databases=tuple(synced), trees=tuple(compared)),
    )
    seconds = {one.name: {"drain": one.drained.seconds, "settle": one.settled.seconds} for one in synced}
    bulk = {one.name: {"bytes": one.bytes, "seconds": one.seconds} for one in copied}
    return {"databases": {**seconds, **bulk}, "files": _counted(trees)}


def _last_files(ctx: StepContext, every: list[Tree]) -> tuple[list[TreeCopied], list[TreeComparison]]:
    """Bring over the files that changed last; compare all but an archive's, which `compare_content` does."""
    if is_carried_in_freeze(ctx.case):
        return carrying.placed(ctx), []
    done = [files.last_pass(tree, ctx.attempt, port=_port(ctx)) for tree in every]
    return [one.copied for one in done], [one.comparison for one in done]


def _last_changes(ctx: StepContext, way: Live, work: Task) -> SyncedDatabase:
    drained = way.drain(work, timeout_seconds=DRAIN_SECONDS)
    settled = way.settle(work)
    ctx.progress.say(
        f"{work.name}: drained in {drained.seconds * 1000:.0f} ms, settled in {settled.seconds * 1000:.0f} ms"
        f" ({settled.sequences} sequences, {settled.large_objects} large objects)"
    )
    return SyncedDatabase(name=work.name, drained=drained, settled=settled)


def _whole(ctx: StepContext, way: Transfer, work: Task) -> Copied:
    one = way.copy(work, ctx.progress)
    rate = one.bytes_per_second / 1024**2
    ctx.progress.say(f"{one.name}: {one.tables} tables in {one.seconds:.1f} s ({rate:.0f} MiB/s)")
    return one
