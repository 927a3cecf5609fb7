"""
Steps that purge legacy of rows that are too old to move.

Promise: nothing goes that the customer did not sign for, and nothing before it lies in an archive. Where the
manifest has no rules they do nothing.
"""

from datetime import UTC, datetime

from migrate import documents, facts
from migrate.errors import EvidenceError
from migrate.purge import purging
from migrate.purge.purging import Purged, PurgePlan
from migrate.rates import load_rates
from migrate.step import Result, StepContext, step

DOCUMENT = "purge.pdf"
PURGES = "purges"
"""Fact: there are rows to purge, so that the customer has to sign for them."""


@step("plan-purge")
def plan_purge(ctx: StepContext) -> Result:
    """Count what the rules of age would take, change nothing, and write it for the customer to sign."""
    case = ctx.case
    if ctx.manifest.purge is None:
        facts.record(case.journal, PURGES, holds=False)
        return {"rows": 0}
    voice = documents.Voice.of(ctx.manifest)
    plan = purging.dry_run(case, ctx.hosts, datetime.now(UTC).astimezone(voice.zone).date())
    case.write_evidence("purge-plan", plan)
    for one in plan.tables:
        ctx.progress.say(f"{one.table}: {one.rows} rows, {one.bytes} bytes would go; {one.kept} stay")
    documents.write(
        case,
        DOCUMENT,
        "statement",
        vendor=load_rates(case.workspace).vendor,
        kind="purge",
        document=DOCUMENT,
        facts=[
            ("database", plan.database),
            ("as_of", voice.day(plan.as_of)),
            ("rows", voice.number(plan.rows)),
            ("bytes", voice.size(plan.bytes)),
        ],
        columns=("table", "rows", "size", "kept"),
        rows=[
            (one.table, voice.number(one.rows), voice.size(one.bytes), voice.number(one.kept))
            for one in plan.tables
        ],
    )
    facts.record(case.journal, PURGES, holds=plan.rows > 0)
    return {"document": DOCUMENT, "rows": plan.rows, "bytes": plan.bytes}


def _bring_back(ctx: StepContext) -> Result:
    """Bring back what was purged, from its archive."""
    try:
        ctx.case.read_evidence("purge", Purged)
    except EvidenceError:
        return {"rows": 0}
    back = purging.bring_back(ctx.case, ctx.hosts, ctx.progress)
    return {"archives": list(back.archives), "rows": back.rows}


@step("purge-legacy", undo=_bring_back, rests_on=DOCUMENT)
def purge_legacy(ctx: StepContext) -> Result:
    """Export what the customer signed for to an encrypted archive, and delete it on legacy."""
    plan = ctx.case.read_evidence("purge-plan", PurgePlan)
    done = purging.purge_rows(ctx.case, ctx.hosts, plan, ctx.progress)
    ctx.progress.say(f"{done.deleted} rows deleted; they lie in {', '.join(done.archives)} at {done.to}")
    return {"archives": list(done.archives), "rows": done.deleted, "bytes": plan.bytes}


@step("restore-purged", changes=True)
def restore_purged(ctx: StepContext) -> Result:
    """Bring back to legacy what was purged for a move that is given up."""
    return _bring_back(ctx)
