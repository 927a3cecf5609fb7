"""
Steps that end a way: finalize gives the way back up, abandon takes a move back that never went live.

Promise: both prove on either side that nothing of Bascule is left; what is left is named, and the step
may be repeated. Legacy's data are never touched.
"""

from migrate import carrying, freeze, legacy_tunnel, pausing
from migrate.compare.engines import beside
from migrate.errors import TransferError
from migrate.files import empty_tree, forget, trees
from migrate.matching import require_match
from migrate.moving import live_moves, moves
from migrate.rehearsal.run import clear as clear_rehearsal
from migrate.step import Result, StepContext, step
from migrate.steps.transfer import require_closed
from provisioning.engine import Stack
from provisioning.manifest import Environment
from provisioning.tunnel import tunnelled


@step("end-replication", changes=True)
def end_replication(ctx: StepContext) -> Result:
    """Remove all that the move left on either side, and prove it: from here on there is no way back."""
    ended = _end(ctx)
    for tree in trees(ctx.hosts):
        forget(tree)
    return {"removed": ended, "still_hold_data": carrying.leave_off(ctx)}


@step("abandon-replication", changes=True)
def abandon_replication(ctx: StepContext) -> Result:
    """Take the copy back: flows, the site's rows and files, and all that was put on legacy for it."""
    require_closed(ctx)
    freeze.unfreeze(ctx, f"{ctx.attempt}: the move was abandoned")
    ended = _end(ctx)
    for way, work in moves(ctx):
        way.empty(work)
    still_hold = carrying.leave_off(ctx)
    every = trees(ctx.hosts)
    for tree in every:
        empty_tree(tree)  # with what was known of its files, on either side
    pausing.let_be(ctx)
    legacy_tunnel.close(ctx.hosts, _deployed(ctx))
    if "test" in _deployed(ctx):
        clear_rehearsal(ctx)  # the last: legacy is free by now, whatever the test site has to say
    return {"removed": ended, "emptied": [tree.name for tree in every], "still_hold_data": still_hold}


def _end(ctx: StepContext) -> list[str]:
    left: list[str] = []
    every = live_moves(ctx)
    for way, work in every:
        beside(work.engine, work.target_engine).end(work.tenant, work.name, work.source, work.target)
        left += way.end(work)
    if left:
        listed = "\n".join(f"  {one}" for one in left)
        raise TransferError(
            f"not everything is as it was found:\n{listed}",
            state="Flows, slots and roles that are not named here are gone on both sides.",
            next_step="see to what is named, then repeat the command",
        )
    return [work.name for _, work in every]


def _deployed(ctx: StepContext) -> list[Environment]:
    """A playbook without a rehearsal stands up no test site."""
    every: tuple[Environment, ...] = ("test", "prod")
    return [one for one in every if ctx.case.journal.last("evidence", f"site-{one}") is not None]


@step("retire-mover", changes=True)
def retire_mover(ctx: StepContext) -> Result:
    """Take the mover's role away from the sites, and prove that they match their programs."""
    done: list[str] = []
    for environment in _deployed(ctx):
        stack = Stack(ctx.case.workspace, ctx.manifest.stack(environment))
        stack.set_config("bascule:moving", "false")
        # Nothing reaches legacy from here on, and nothing has to.
        legacy_tunnel.refuse(stack, ctx.manifest)
        stack.up()
        if tunnelled(ctx.manifest):
            legacy_tunnel.end_sessions(ctx.hosts, environment)
        require_match(
            stack, "does not match its program without its mover", state="The tenant works on its site."
        )
        done.append(stack.name)
    return {"match_their_programs": done}
