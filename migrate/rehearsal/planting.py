"""
What every rehearsal plants: faults in the copy's database and files, each of which the comparison must find.

Promise: what was planted is taken back, and without it the comparison finds nothing. It is planted on a copy
that nobody uses, in the test environment.
"""

from time import monotonic

from migrate import files
from migrate.compare import file_faults
from migrate.compare.engines import comparer
from migrate.compare.trees import compare_tree
from migrate.errors import TransferError
from migrate.moving import is_carried
from migrate.rehearsal.contract import NAME, STATE, QuietStage
from migrate.rehearsal.evidence import Fault
from migrate.step import StepContext


def in_database(ctx: StepContext, stage: QuietStage) -> tuple[list[Fault], float]:
    """
    Plant faults on the quiet target, and take them back; return what was found, and a comparison's seconds.

    Raises:
        TransferError: The comparison finds something where nothing is planted any more.
    """
    work = stage.work
    compare = comparer(work.engine, work.target_engine)
    with stage.planted() as planted:
        verdict = compare(NAME, work.source, work.target, target_role=work.owner)
    found = [Fault(kind=one.kind, name=one.told[1], found=one.found_in(verdict)) for one in planted]
    for one in found:
        ctx.progress.say(f"planted: {one.kind} in {one.name}: {'found' if one.found else 'NOT FOUND'}")
    clean = compare(NAME, work.source, work.target, target_role=work.owner)
    if not clean.agrees:
        raise TransferError(
            "the copy differs from its source although no fault is planted any more: "
            + ", ".join([t.name for t in clean.differing_tables] + [d.name for d in clean.differences]),
            state=STATE,
            next_step=f"fab rehearse --tenant {ctx.manifest.tenant}, after looking into that",
        )
    return found, clean.seconds


def trees(ctx: StepContext) -> list[files.Tree]:
    """The trees that a rehearsal reads: no path may lead to those of a tenant that is carried."""
    return [] if is_carried(ctx.case) else files.trees(ctx.hosts, "test")


def in_files(ctx: StepContext) -> list[Fault]:
    """Copy each tree, flip a bit in it, and have the comparison find that."""
    found = []
    for tree in trees(ctx):
        files.base_pass(tree, ctx.attempt, ctx.progress)
        fault = file_faults.flip_bit(tree.receives.host, tree.receives.folder)
        if fault is not None:
            seen = fault.found_in(compare_tree(tree))
            file_faults.flip_back(tree.receives.host, tree.receives.folder, fault)
            found.append(Fault(kind="flipped bit", name=fault.path, found=seen))
            ctx.progress.say(f"planted: flipped bit in {fault.path}: {'found' if seen else 'NOT FOUND'}")
    return found


def last_look_at_files(ctx: StepContext) -> float:
    """Return how long a pass takes when next to nothing has changed: what the freeze would hold."""
    seconds = 0.0
    for tree in trees(ctx):
        files.prepare(tree, ctx.attempt, ctx.progress)
        begun = monotonic()
        files.delta_pass(tree, ctx.attempt, ctx.progress)
        seconds += monotonic() - begun
    return round(seconds, 3)
