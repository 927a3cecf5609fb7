"""
Steps that carry what no network does: the base before the move, and what changed since within the freeze.

Promise: where every database goes over the network they say so and do nothing. What arrived was verified
against its signed manifest before any of it is used, and the site's files are placed from it.
"""

from migrate import carrying, files
from migrate.archive import stage
from migrate.archive.place import place_tree
from migrate.errors import TransferError
from migrate.freeze import require_held
from migrate.moving import carried_moves
from migrate.step import Result, StepContext, step
from migrate.steps.transfer import require_closed
from migrate.transfer.contract import Live


@step("carry-archive", changes=True)
def carry_archive(ctx: StepContext) -> Result:
    """Write what no network carries as an archive, wait until it has arrived, and place its files."""
    every = carried_moves(ctx)
    if not every:
        ctx.progress.say("everything goes over the network: there is nothing to carry")
        return {"archive": None}
    require_closed(ctx)
    made = carrying.make(ctx, live=any(way.keeps_changes for way, _ in every))
    carrying.require_arrived(ctx, made, [work.name for _, work in every])
    placed = [
        place_tree(ctx.manifest.tenant, tree.name, ctx.hosts.runner(), tree.target, ctx.attempt, ctx.progress)
        for tree in files.trees(ctx.hosts)
    ]
    return {"archive": made.archive, "placed": {one.name: one.files for one in placed}}


# What it brings lies beside the site, where the next one rests on it; legacy only has a dump, which goes.
@step("carry-changes", changes=False)
def carry_changes(ctx: StepContext) -> Result:
    """Carry what changed since the archive was made, where it does not flow."""
    every = [work for way, work in carried_moves(ctx) if not isinstance(way, Live)]
    if not every:
        return {"archive": None}
    require_closed(ctx)
    require_held(ctx)
    base = carrying.base_at_site(ctx, every[0].name)
    if carrying.holds_changes(ctx, base):
        return {"archive": base}
    made = carrying.make(ctx, live=False, since=base)
    received = stage.stage_in(ctx.case, ctx.hosts, made.to, ctx.progress, archive=made.archive)
    ctx.case.write_evidence("staged", received)
    require_held(ctx)
    if working := [one.name for one in received.items if one.kind == "database" and not one.frozen]:
        raise TransferError(
            f"archive {made.archive} was made while {', '.join(working)} took writes, so it is not the last",
            state="The site's database is as it was.",
            next_step=f"fab cutover --tenant {ctx.manifest.tenant}",
        )
    return {"archive": made.archive, "since": base}
