"""
Steps towards production: workstations, the date with what is asserted by accepting it, the ticket.

Promise: a date is proposed only on evidence that still holds; one that is refused is recorded, and so is why.
"""

from datetime import datetime
from typing import Any

from migrate import documents, tickets, waivers
from migrate.assess.staleness import fingerprint_now
from migrate.errors import Waiting
from migrate.moving import live_moves
from migrate.product import assertions, discovery, preproduction, rolling_out
from migrate.product.assertions import Assertion, ProductionDate
from migrate.product.evidence import Preproduction, ProductionCopy
from migrate.product.installation import kept, legacy_of, version_in
from migrate.product.order import ordered
from migrate.rates import load_rates
from migrate.schedule import agreed
from migrate.step import Result, StepContext, step
from migrate.steps.replication import WITHOUT_WAY_BACK, without_way_back
from migrate.tickets import Message

REFUSED = "date-refused"
"""The journal's kind of record: about a tenant, with ``opens_at`` and ``lacks``."""


@step("move-ticket")
def move_ticket(ctx: StepContext) -> Result:
    """Bring the tenant's ticket to a state, with a message on its portal."""
    state = str(ctx.params["state"])
    ticket = tickets.open_ticket(ctx.case, ordered(ctx.case).order.ticket)
    moved = ticket.move(state)
    said = ticket.say(Message(f"{ctx.manifest.tenant}-{ctx.attempt}-{state}", f"{state}: {_where(ctx)}"))
    return {"state": state, "moved": moved, "said": said}


def _where(ctx: StepContext) -> str:
    return f"{ctx.manifest.display_name}, {ctx.manifest.application.name}"


@step("roll-out-client", changes=True)
def roll_out_client(ctx: StepContext) -> Result:
    """Roll the client out to every workstation, and open it once with each user's code."""
    matrix = rolling_out.roll_out(ctx.case, ctx.hosts, rolling_out.Limits(), ctx.progress.say)
    if not matrix.passed:
        listed = "\n".join(
            f"  {cell.workstation} {cell.user}: {cell.outcome}, {cell.says}"
            for cell in matrix.cells
            if cell.outcome != "met"
        )
        raise Waiting(
            f"not every workstation opens the application:\n{listed}",
            next_step=f"fab workstations --tenant {ctx.manifest.tenant}, after mending them; then fab run",
        )
    return matrix.counted


@step("require-way-back")
def require_way_back(ctx: StepContext) -> Result:
    """Make sure, before anything is stopped, that one can go back after going live, or that it is waived."""
    if live_moves(ctx):
        return {"way_back": "can be armed"}
    waiver = waivers.active(ctx.case, WITHOUT_WAY_BACK)
    if waiver is None:
        raise without_way_back(ctx)
    return {"waived": True, "by": waiver.by, "reason": waiver.reason}


@step("estimate-production")
def estimate_production(ctx: StepContext) -> Result:
    """Estimate the stop in production from what this tenant's own pre-production took."""
    parts = {"copy-production": ctx.case.read_evidence("test-copy", ProductionCopy).seconds}
    for name in (
        "upgrade-product:test",
        "put-back-customisations:test",
        "test-customisations:test",
    ):
        if (record := ctx.case.journal.last("done", name)) is not None:
            parts[name.partition(":")[0]] = float(record.data["seconds"])
    found = preproduction.predict(ctx, parts)
    ctx.case.write_evidence("preproduction", found)
    ctx.progress.say(
        f"stop in production: {found.low_seconds:.0f} to {found.high_seconds:.0f} s; {found.rests_on}"
    )
    return {"low_seconds": found.low_seconds, "high_seconds": found.high_seconds, "parts": parts}


@step("propose-date")
def propose_date(ctx: StepContext) -> Result:
    """Propose the agreed date with its estimated stop, unless what it asserts cannot be shown."""
    case, schedule = ctx.case, agreed(ctx.case)
    again = f"fab schedule --tenant {ctx.manifest.tenant} --opens … --closes …; then fab run"
    if schedule is None:
        raise Waiting("no date is agreed", next_step=again)
    refused = case.journal.last(REFUSED, ctx.manifest.tenant)
    if refused is not None and datetime.fromisoformat(refused.data["agreed_at"]) >= schedule.agreed_at:
        raise Waiting(
            f"the date was refused on {refused.at:%F}: {'; '.join(refused.data['lacks'])}", next_step=again
        )
    looked = _look(ctx)
    _refuse_unless_shown(ctx, looked, schedule.opens_at, schedule.agreed_at)
    predicted = case.read_evidence("preproduction", Preproduction)
    case.write_evidence(
        "production-date",
        ProductionDate(
            opens_at=schedule.opens_at,
            closes_at=schedule.closes_at,
            low_seconds=predicted.low_seconds,
            high_seconds=predicted.high_seconds,
            rests_on=predicted.rests_on,
            assertions=looked,
        ),
    )
    voice = documents.Voice.of(ctx.manifest)
    stop = voice.say(
        "offer.range", low=voice.minutes(predicted.low_seconds), high=voice.minutes(predicted.high_seconds)
    )
    path = documents.write(
        case,
        "production.pdf",
        "statement",
        vendor=load_rates(case.workspace).vendor,
        kind="production",
        document="production.pdf",
        facts=[
            ("opens", voice.moment(schedule.opens_at)),
            ("closes", voice.moment(schedule.closes_at)),
            ("stop", stop),
        ],
        columns=("assertion", "evidence"),
        rows=[(voice.say(f"statement.assertion.{one.what}"), one.evidence(voice)) for one in looked],
    )
    return {"document": path.name, "opens_at": schedule.opens_at.isoformat()}


@step("require-tested", rests_on="production.pdf")
def require_tested(ctx: StepContext) -> Result:
    """Look once more, before anything is stopped, that what was accepted still holds."""
    schedule = agreed(ctx.case)
    accepted = ctx.case.read_evidence("production-date", ProductionDate)
    if schedule is None or schedule.opens_at != accepted.opens_at:
        raise Waiting(
            "the agreed date is not the one that was accepted",
            next_step=f"fab reschedule --tenant {ctx.manifest.tenant}, or agree on the accepted one again:"
            f" fab schedule --tenant {ctx.manifest.tenant} --opens {accepted.opens_at.isoformat()}"
            f" --closes {accepted.closes_at.isoformat()}",
        )
    looked = _look(ctx)
    _refuse_unless_shown(ctx, looked, schedule.opens_at, schedule.agreed_at)
    voice = documents.Voice.of(ctx.manifest)
    return {one.what: one.evidence(voice) for one in looked}


def _look(ctx: StepContext) -> tuple[Assertion, ...]:
    order, installed = ordered(ctx.case), kept(ctx.case)
    with legacy_of(ctx.hosts).opened() as session:
        version_now = version_in(session, order.product)
    found_now, _ = discovery.find(ctx.hosts, order, installed.version)
    fingerprint = fingerprint_now(ctx.case, ctx.hosts)
    return assertions.look(ctx.case, installed, fingerprint, version_now, found_now)


def _refuse_unless_shown(
    ctx: StepContext, looked: tuple[Assertion, ...], opens_at: datetime, agreed_at: datetime
) -> None:
    """
    Refuse a date on which something that it asserts cannot be shown; record that, and tell the ticket.

    Raises:
        Waiting: It is refused; another one has to be agreed.
    """
    lacks = [f"{one.what}: {text}" for one in looked for text in one.lacks]
    if not lacks:
        return
    said: dict[str, Any] = {
        "opens_at": opens_at.isoformat(),
        "agreed_at": agreed_at.isoformat(),
        "lacks": lacks,
    }
    ctx.case.journal.append(REFUSED, ctx.manifest.tenant, **said)
    ticket = tickets.open_ticket(ctx.case, ordered(ctx.case).order.ticket)
    ticket.move(str(ctx.params.get("refused", "OPEN")))
    voice = documents.Voice.of(ctx.manifest)
    told = [voice.say("ticket.refused", day=voice.moment(opens_at))]
    told += [line for one in looked for line in one.refusal(voice)]
    ticket.say(Message(f"{ctx.manifest.tenant}-refused-{agreed_at:%Y%m%d%H%M%S}", "\n".join(told)))
    listed = "\n".join(f"  {line}" for line in lacks)
    raise Waiting(
        f"the date {opens_at:%F} is refused; this cannot be shown:\n{listed}",
        next_step=f"see to it, then agree on another date: fab schedule --tenant {ctx.manifest.tenant}"
        " --opens … --closes …; then fab run",
    )
