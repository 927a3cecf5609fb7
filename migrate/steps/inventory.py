"""
Steps on the inventory: what databases there are, and what a person decided on each.

Promise: legacy is only read; what nobody decided on is waited for.
"""

from collections import Counter

from migrate import documents
from migrate.inventory import decisions, taking
from migrate.inventory.found import FoundDatabases
from migrate.rates import load_rates
from migrate.step import Result, StepContext, step

DOCUMENT = "inventory.pdf"


@step("take-inventory")
def take_inventory(ctx: StepContext) -> Result:
    """Find every database on every legacy server and in every folder, reading only."""
    found = taking.take(ctx.case, ctx.hosts, ctx.progress)
    decisions.write_form(ctx.case, found)
    for one in found.databases:
        ctx.progress.say(one.id)
    return {"databases": len(found.databases), "unreadable": found.unreadable}


@step("decide-inventory")
def decide_inventory(ctx: StepContext) -> Result:
    """Wait until it is decided what becomes of each database, and write it for the customer to sign."""
    case, voice = ctx.case, documents.Voice.of(ctx.manifest)
    found = case.read_evidence("inventory", FoundDatabases)
    every = decisions.decided(case, found)
    path = documents.write(
        case,
        DOCUMENT,
        "statement",
        vendor=load_rates(case.workspace).vendor,
        kind="inventory",
        document=DOCUMENT,
        facts=[("taken", voice.moment(found.taken_at))],
        columns=("database", "size", "written", "owner", "decision"),
        rows=[
            (
                one.id,
                "?" if one.bytes is None else voice.size(one.bytes),
                "?" if one.written_at is None else voice.day(one.written_at.date()),
                one.owner or "?",
                voice.say(f"statement.inventory.{decision.decision}"),
            )
            for one, decision in every
        ],
    )
    counted = Counter(str(decision.decision) for _, decision in every)
    return {"document": path.name, **{which: counted[which] for which in ("move", "purge", "leave")}}


@step("require-decided")
def require_decided(ctx: StepContext) -> Result:
    """Take the inventory again: what turned up since it was signed is waited for, and moves nothing."""
    found = taking.take(ctx.case, ctx.hosts, ctx.progress)
    decisions.write_form(ctx.case, found)
    return {"databases": len(decisions.decided(ctx.case, found))}
