"""
The step that proves by content that the site holds what legacy holds.

Promise: it passes only on a comparison made in this very attempt, while legacy was frozen for it.
"""

from migrate.compare import compare, require_equal
from migrate.freeze import require_held
from migrate.step import Result, StepContext, step


@step("compare-content")
def compare_content(ctx: StepContext) -> Result:
    """Compare every row, definition and file of both sides by content."""
    require_held(ctx)
    comparison = compare(ctx)
    # A write that went round the freeze while tables were read would make the verdict about nothing.
    require_held(ctx)
    for line in comparison.lines():
        ctx.progress.say(line)
    require_equal(ctx, comparison)
    return {
        "verdict": comparison.verdict,
        "tables": comparison.tables,
        "rows": comparison.rows,
        "files": comparison.files,
        "seconds": round((comparison.ended_at - comparison.began_at).total_seconds(), 3),
    }
