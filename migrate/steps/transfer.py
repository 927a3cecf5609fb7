"""
Steps that move data onto the closed site: databases and files.

Promise: both require the freeze of this very attempt, before and after; neither touches a site whose
door is not closed; undoing leaves the site's database and files empty.
"""

from migrate import door
from migrate.databases import legacy_database, site_database
from migrate.errors import TransferError
from migrate.files import FilesCopied, copy_tree, empty_tree, trees
from migrate.freeze import require_held
from migrate.step import Result, StepContext, step
from migrate.transfer import way
from migrate.transfer.contract import Task, Transfer, Transferred


def _ways(ctx: StepContext) -> list[tuple[Transfer, Task]]:
    """What moves each database, and the work it gets."""
    databases, outputs = ctx.manifest.legacy.databases, ctx.hosts.site().database
    if len(databases) > 1:
        raise TransferError(
            f"{ctx.manifest.tenant} leaves {len(databases)} databases, the site has one",
            state="Nothing was copied.",
            next_step="join them on legacy first, or move each as a tenant of its own",
        )
    mode = str(ctx.params.get("mode", "bulk"))
    return [
        (
            way(database.engine, mode),
            Task(
                name=database.name,
                attempt=ctx.attempt,
                source=legacy_database(ctx.hosts, database),
                target=site_database(ctx.hosts),
                owner=outputs.owner.name,
                application=outputs.application.name,
                workers=int(ctx.params.get("workers", 2)),
            ),
        )
        for database in databases
    ]


def require_closed(ctx: StepContext) -> None:
    """Refuse to overwrite a site that somebody may be using."""
    state = door.read(ctx.hosts.target(), ctx.hosts.site())
    if state != "closed":
        raise TransferError(
            f"the door of {ctx.manifest.stack('prod')} is {state}, so its data are not touched",
            state="Nothing was changed.",
            next_step=f"fab status --tenant {ctx.manifest.tenant}",
        )


def _empty_databases(ctx: StepContext) -> Result:
    """Empty the site's database again."""
    require_closed(ctx)
    for transfer, task in _ways(ctx):
        transfer.empty(task)
    return {"emptied": [database.name for database in ctx.manifest.legacy.databases]}


@step("copy-databases", undo=_empty_databases)
def copy_databases(ctx: StepContext) -> Result:
    """Move all databases onto the closed site."""
    require_closed(ctx)
    require_held(ctx)
    copied = []
    for transfer, task in _ways(ctx):
        one = transfer.copy(task, ctx.progress)
        rate = one.bytes_per_second / 1024**2
        ctx.progress.say(f"{one.name}: {one.tables} tables in {one.seconds:.1f} s ({rate:.0f} MiB/s)")
        copied.append(one)
    require_held(ctx)
    ctx.case.write_evidence("transfer", Transferred(attempt=ctx.attempt, databases=tuple(copied)))
    return {
        one.name: {
            "bytes": one.bytes,
            "seconds": one.seconds,
            "bytes_per_second": round(one.bytes_per_second),
        }
        for one in copied
    }


def _empty_files(ctx: StepContext) -> Result:
    """Remove the copied files from the site."""
    require_closed(ctx)
    every = trees(ctx.hosts)
    for tree in every:
        empty_tree(tree)
    return {"emptied": [tree.name for tree in every]}


@step("copy-files", undo=_empty_files)
def copy_files(ctx: StepContext) -> Result:
    """Move all trees of files onto the closed site."""
    require_closed(ctx)
    require_held(ctx)
    port = ctx.params.get("sender_port")
    copied = []
    for tree in trees(ctx.hosts):
        one = copy_tree(tree, ctx.attempt, ctx.progress, port=int(port) if port else None)
        rate = one.bytes_per_second / 1024**2
        ctx.progress.say(f"{one.name}: {one.files} files in {one.seconds:.1f} s ({rate:.0f} MiB/s)")
        copied.append(one)
    require_held(ctx)
    ctx.case.write_evidence("files", FilesCopied(attempt=ctx.attempt, trees=tuple(copied)))
    return {one.name: {"files": one.files, "bytes": one.bytes, "seconds": one.seconds} for one in copied}
