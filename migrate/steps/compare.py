"""
The step that compares by content: every row of every database, every file of every tree.

Promise: any difference stops the move; the verdict is of this attempt and is kept as evidence. Only the
step keeps one: a look by hand never takes the place of what a move was decided on.
"""

from datetime import UTC, datetime

from migrate import databases, files
from migrate.compare.run import compare
from migrate.compare.trees import compare_tree
from migrate.compare.verdict import Comparison, DatabaseComparison, Difference
from migrate.errors import DifferenceError
from migrate.freeze import require_held
from migrate.step import Result, StepContext, step


def compare_all(ctx: StepContext) -> Comparison:
    """Compare every database and tree of the tenant with its site's; reads only and keeps nothing."""
    started_at = datetime.now(UTC)
    found: list[DatabaseComparison] = []
    for database in ctx.manifest.legacy.databases:
        ctx.progress.start(f"compare {database.name}", None, "tables")
        found.append(
            compare(
                database.name,
                databases.legacy_database(ctx.hosts, database),
                databases.site_database(ctx.hosts),
                target_role=ctx.hosts.site().database.owner.name,
                told=lambda _table, done, _of: ctx.progress.advance_to(done),
            )
        )
    trees = tuple(compare_tree(tree) for tree in files.trees(ctx.hosts))
    return Comparison(
        attempt=ctx.attempt,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        databases=tuple(found),
        trees=trees,
    )


@step("compare-content")
def compare_content(ctx: StepContext) -> Result:
    """Compare every row, sequence, large object, definition and file on both sides."""
    require_held(ctx)
    comparison = compare_all(ctx)
    ctx.case.write_evidence("comparison", comparison)
    # A write that went round the freeze while tables were read would make the verdict about nothing.
    require_held(ctx)
    ctx.progress.say(comparison.summary)
    require_agreement(comparison)
    return {"summary": comparison.summary, "rows": comparison.rows}


def require_agreement(comparison: Comparison, *, state: str = "", next_step: str = "") -> None:
    """
    Args:
        state: Where things stand, when whoever asks knows more than the run.
        next_step: What a person who asked by hand types next.

    Raises:
        DifferenceError: The sides differ; names what.
    """
    if comparison.agrees:
        return
    lines = [
        f"  {table.name}: source {_count(table.source_rows)}, target {_count(table.target_rows)}"
        + "".join(f"\n    {row.kind}: {row.key}" for row in table.differing[:5])
        for database in comparison.databases
        for table in database.differing_tables
    ]
    lines += [
        f"  {difference.kind} {difference.name}: {_where(difference)}"
        for database in comparison.databases
        for difference in database.differences
    ]
    lines += [
        f"  {tree.name}/{difference.path}: {difference.kind}"
        for tree in comparison.trees
        for difference in tree.shown
    ]
    shown = "\n".join(lines[:40])
    more = f"\n  and {len(lines) - 40} more, in the dossier" if len(lines) > 40 else ""
    raise DifferenceError(
        f"source and target differ: {comparison.summary}\n{shown}{more}", state=state, next_step=next_step
    )


def _count(rows: int | None) -> str:
    return "has no such table" if rows is None else f"{rows} rows"


def _where(difference: Difference) -> str:
    if difference.target is None:
        return "only at the source"
    return "only at the target" if difference.source is None else "differs"
