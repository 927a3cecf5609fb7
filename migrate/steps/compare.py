"""
Steps that compare by content: every row of every database, every file of every tree.

Promise: any difference stops the move; the verdict is of this attempt and is kept as evidence. Only the
steps keep one: a look by hand never takes the place of what a move was decided on. In live mode everything
is compared while legacy is at work, and inside the freeze only what changed since; the verdict is about
every row all the same.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from migrate import engines, files
from migrate.case import Case
from migrate.compare.engines import Beside, beside, comparer
from migrate.compare.pacing import Care
from migrate.compare.trees import compare_tree
from migrate.compare.verdict import BaseComparison, Comparison, DatabaseComparison, Difference
from migrate.errors import DifferenceError
from migrate.fence.site import require_site_held
from migrate.freeze import require_held
from migrate.moving import live_moves
from migrate.pausing import paused, require_not_paused
from migrate.step import Result, StepContext, step
from migrate.steps.transfer import FinalSync
from migrate.transfer.contract import Task
from provisioning.model import Model

_AT_WORK = "Nothing is frozen, and users work on where they did."


class BaseComparisons(Model):
    """Evidence ``base-comparison``: every database, compared while it was at work."""

    attempt: str
    databases: tuple[BaseComparison, ...]
    definitions: Mapping[str, tuple[Difference, ...]] = Field(default_factory=dict)
    """By database, what either side has that the other has not, or has otherwise; none where all agree."""


def compare_all(ctx: StepContext) -> Comparison:
    """Compare every database and tree of the tenant with its site's; reads only and keeps nothing."""
    started_at = datetime.now(UTC)
    found: list[DatabaseComparison] = []
    site = ctx.hosts.site().database
    for database in ctx.manifest.legacy.databases:
        ctx.progress.start(f"compare {database.name}", None, "tables")
        found.append(
            comparer(database.engine, site.engine)(
                database.name,
                engines.legacy_database(ctx.hosts, database),
                engines.site_database(ctx.hosts),
                target_role=site.owner.name,
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


# What it leaves on the servers, its streams, the next look goes on with; `end-replication` removes them.
@step("compare-live", changes=False)
def compare_beside_work(ctx: StepContext) -> Result:
    """Compare every row while legacy is at work; again, only what changed since."""
    require_not_paused(ctx)
    found, made = [], {}
    for _, work in live_moves(ctx):
        found.append(beside_work(ctx, work))
        if apart := _by(work).differing_definitions(work.source, work.target):
            made[work.name] = tuple(apart)
        _require_rights(work)
    base = BaseComparisons(attempt=ctx.attempt, databases=tuple(found), definitions=made)
    ctx.case.write_evidence("base-comparison", base)
    for one in found:
        if one.different:
            raise DifferenceError(
                f"{one.name} differs, although nobody is changing it: "
                + ", ".join(table.name for table in one.different),
                state=f"{_AT_WORK} The rows stand in evidence/base-comparison.json.",
                next_step="fab status; before the site is open, fab abandon takes the copy back",
            )
    for name, differences in made.items():
        raise DifferenceError(
            f"{name} is not made on the site as it is at legacy:\n{_listed(differences)}",
            state=f"{_AT_WORK} Both definitions stand in evidence/base-comparison.json.",
            next_step="make one as the other is, then go on with the command that fab status names",
        )
    return {one.name: {"rows": one.rows, "open_keys": one.open_keys} for one in found}


def beside_work(ctx: StepContext, work: Task, *, yields: bool = True) -> BaseComparison:
    """
    Read what changed on both sides, and compare it; their servers forget the log of it.

    Args:
        yields: To the source's own work, and to a pause; not while users wait.
    """
    ctx.progress.start(f"compare {work.name}", None, "pieces")
    found = _by(work).compare(
        work.name,
        work.source,
        work.target,
        tenant=work.tenant,
        store=_store(ctx.case, work.name),
        told=lambda _table, done, _of: ctx.progress.advance_to(done),
        care=Care(
            limits=work.throttle,
            why_held=lambda: str(paused(ctx.case.journal) or ""),
            say=lambda line: ctx.progress.say(f"{work.name}: {line}"),
        )
        if yields
        else None,
    )
    rows = f"{found.rows:,}".replace(",", " ")
    ctx.progress.say(f"{work.name}: {rows} rows compared, {found.open_keys} to look at again")
    return found


def _by(work: Task) -> Beside:
    return beside(work.engine, work.target_engine)


def _store(case: Case, name: str) -> Path:
    """What was compared, and what changed since: beside the case, since it is of no use to a dossier."""
    case.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return case.folder / f"comparison-{name}.sqlite"


def let_writes_be(ctx: StepContext) -> None:
    """From now on the site is closed again: what was written there while it was open is no trespass."""
    for _, work in live_moves(ctx):
        beside_work(ctx, work, yields=False)
        _by(work).let_writes_be(_store(ctx.case, work.name))


def _require_rights(work: Task) -> None:
    """Hold owners and grants on the site to its rule: before the freeze, which takes rights away itself."""
    wrong = _by(work).differing_rights(
        work.source, work.target, owner=work.owner, application=work.application
    )
    if wrong:
        listed = "\n".join(
            f"  {one.kind} {one.name}: {one.target}, expected {one.source}" for one in wrong[:20]
        )
        raise DifferenceError(f"owners and grants on {work.target.name} are not as they must be:\n{listed}")


@step("compare-content")
def compare_content(ctx: StepContext) -> Result:
    """Compare what changed last, so that the verdict is about every row, definition and file."""
    require_held(ctx)
    works = live_moves(ctx)
    comparison = _in_the_freeze(ctx, [work for _, work in works]) if works else compare_all(ctx)
    ctx.case.write_evidence("comparison", comparison)
    # A write that went round the freeze while tables were read would make the verdict about nothing.
    require_held(ctx)
    done = _told(ctx, comparison)
    _require_unwritten(comparison)
    return done


@step("compare-return")
def compare_return(ctx: StepContext) -> Result:
    """Compare what was written on the site: legacy must hold every row and file of it."""
    require_site_held(ctx)
    comparison = _in_the_freeze(ctx, [work for _, work in live_moves(ctx)], is_return=True)
    ctx.case.write_evidence("return-comparison", comparison)
    require_site_held(ctx)
    return _told(ctx, comparison)


def _told(ctx: StepContext, comparison: Comparison) -> Result:
    inside = sum(one.compared_in_freeze or 0 for one in comparison.databases)
    ctx.progress.say(f"{comparison.summary} ({inside} rows read in the freeze)")
    require_agreement(comparison)
    return {"summary": comparison.summary, "rows": comparison.rows, "read_in_freeze": inside}


def _require_unwritten(comparison: Comparison) -> None:
    """Refuse a site on which somebody other than the replication wrote while its door was closed."""
    if written := [name for one in comparison.databases for name in one.written_on_target]:
        raise DifferenceError(
            f"somebody wrote on the closed site: {', '.join(written)}",
            state="The door stays closed.",
            next_step="find which program of the site does that, stop it, then fab run",
        )


def _in_the_freeze(ctx: StepContext, works: list[Task], *, is_return: bool = False) -> Comparison:
    """Return the verdict about every row, at the position that the final sync came to."""
    synced, started_at = ctx.case.read_evidence("final-sync", FinalSync), datetime.now(UTC)
    found = []
    for work in works:
        drained = synced.of(work.name).drained
        positions = (drained.source_position, drained.target_position)
        source_position, target_position = positions[::-1] if is_return else positions
        found.append(
            _by(work).verdict(
                work.name,
                work.source,
                work.target,
                store=_store(ctx.case, work.name),
                source_position=source_position,
                target_position=target_position,
                is_return=is_return,
            )
        )
    return Comparison(
        attempt=ctx.attempt,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        databases=tuple(found),
        trees=synced.trees,
    )


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


def _listed(differences: Sequence[Difference]) -> str:
    lines = [f"  {one.kind} {one.name}: {_where(one)}" for one in differences[:20]]
    return "\n".join([*lines, *([f"  and {len(differences) - 20} more"] if len(differences) > 20 else [])])


def _count(rows: int | None) -> str:
    return "has no such table" if rows is None else f"{rows} rows"


def _where(difference: Difference) -> str:
    if difference.target is None:
        return "only at the source"
    return "only at the target" if difference.source is None else "differs"
