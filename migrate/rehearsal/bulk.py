"""
A rehearsal of a move in bulk: legacy is copied, that copy is moved as the cutover would, faults are found.

Promise: the way and the comparison of the cutover, on a copy, timed; nothing of it is left afterwards. It has
no switch that could be turned round, and so no way back.
"""

from migrate import files
from migrate.rehearsal import planting
from migrate.rehearsal.contract import BulkStage
from migrate.rehearsal.engines import rehearsing_bulk
from migrate.rehearsal.evidence import Rehearsal
from migrate.rehearsal.run import told
from migrate.step import StepContext

RESTS_ON = (
    "the slower of two copies, the comparison of every row and the pass over files, once as measured and"
    " three times; the go-live suite's rest and each interface as seen on other moves"
)


def rehearse_bulk(ctx: StepContext) -> Rehearsal:
    """
    Rehearse the copy in the freeze, in the test environment.

    Raises:
        TransferError, ComparisonError: A part of it failed, as it would have in the window.
    """
    try:
        with rehearsing_bulk(ctx.manifest).staged_bulk(ctx) as stage:
            return _rehearse(ctx, stage)
    finally:
        for tree in planting.trees(ctx):
            files.empty_tree(tree)


def _rehearse(ctx: StepContext, stage: BulkStage) -> Rehearsal:
    moved = stage.bulk.copy(stage.move, ctx.progress)
    planted, compare_seconds = planting.in_database(ctx, stage)
    found = [*planted, *planting.in_files(ctx)]
    files_seconds = planting.last_look_at_files(ctx)
    stop_seconds = max(stage.loaded.seconds, moved.seconds) + compare_seconds
    return told(ctx, stage.loaded, found, files_seconds, stop_seconds=stop_seconds, rests_on=RESTS_ON)
