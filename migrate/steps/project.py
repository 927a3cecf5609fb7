"""
Steps of a project: mapping, offer with a time frame, contract, plan, and what is fetched from the customer.

Promise: nothing of the tenant's legacy system is changed by any of them; only software is read there.
"""

import base64
from datetime import UTC, datetime

from migrate import documents, questionnaire, software
from migrate.assess import Assessment
from migrate.case import digest_of
from migrate.documents import Voice
from migrate.errors import GateError, Waiting
from migrate.hours import hours_of
from migrate.offer import Offer, write_offer
from migrate.outbox import Outbox
from migrate.planning import gantt
from migrate.planning.activities import load_activities
from migrate.planning.frame import Frame, make_frame
from migrate.planning.plan import calendar_of, make_plan
from migrate.rates import load_rates
from migrate.request import Request
from migrate.step import Result, StepContext, step

CONTRACT, PLAN = "contract.pdf", "plan.pdf"


@step("record-mapping")
def record_mapping(ctx: StepContext) -> Result:
    """Record the mapping meeting's answers; the manifest has to say what they say."""
    questions = questionnaire.load_questions(ctx.case.workspace)
    mapping = questionnaire.answered(ctx.case, questions)
    if unfilled := questionnaire.unfilled(ctx.case, mapping):
        raise Waiting(
            f"the manifest does not say yet what was answered: {', '.join(unfilled)}",
            next_step=f"fab questionnaire --tenant {ctx.manifest.tenant}; then fab run",
        )
    ctx.case.write_evidence("mapping", mapping)
    return {"answers": len(mapping.answers), "filled": sorted(mapping.filled)}


@step("write-project-offer")
def write_project_offer(ctx: StepContext) -> Result:
    """Write the offer with what each activity costs and takes, what runs on, and how long it may all take."""
    case, rates = ctx.case, load_rates(ctx.case.workspace)
    offer = write_offer(
        case,
        case.read_evidence("assessment", Assessment),
        case.read_evidence("request", Request),
        rates,
    )
    frame = make_frame(ctx.manifest, offer, load_activities(case.workspace), rates)
    case.write_evidence("frame", frame)
    path = documents.write(case, "offer.pdf", "offer", vendor=offer.vendor, offer=offer, frame=frame)
    return {
        "number": offer.number,
        "total": f"{offer.currency} {offer.sum.total}",
        "running_a_month": f"{offer.currency} {frame.running_net}",
        "weeks": [frame.low_weeks, frame.high_weeks],
        "document": path.name,
    }


@step("write-project-contract", rests_on="offer.pdf")
def write_project_contract(ctx: StepContext) -> Result:
    """Write the contract over the accepted offer, for the customer to sign."""
    case, voice = ctx.case, Voice.of(ctx.manifest)
    offer, hours = case.read_evidence("offer", Offer), hours_of(ctx.manifest)
    days = [voice.weekday(day) for day in hours.days]
    path = documents.write(
        case,
        CONTRACT,
        "contract",
        vendor=offer.vendor,
        offer=offer,
        frame=case.read_evidence("frame", Frame),
        hours=f"{', '.join(days)}, {hours.opens:%H:%M}–{hours.closes:%H:%M}",
        digest=digest_of(case.document("offer.pdf")),
    )
    return {"document": path.name}


@step("write-plan", rests_on=CONTRACT)
def write_plan(ctx: StepContext) -> Result:
    """Write the project plan from the contract's signature on: document, Gantt picture and calendar file."""
    case, voice = ctx.case, Voice.of(ctx.manifest)
    signed = [r for r in case.journal if r.kind == "signed" and r.data.get("document") == CONTRACT]
    if not signed:
        raise GateError(f"{CONTRACT} is not signed, so no project begins")
    signed_at = signed[-1].at
    plan = make_plan(load_activities(case.workspace), signed_at.astimezone(ctx.manifest.window.zone).date())
    case.write_evidence("plan", plan)
    picture, calendar = gantt.picture(plan, voice).encode(), calendar_of(case, plan, signed_at)
    case.write_document("plan.svg", picture)
    case.write_document("plan.ics", calendar)
    encoded = f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"
    vendor = case.read_evidence("offer", Offer).vendor
    path = documents.write(case, PLAN, "plan", vendor=vendor, plan=plan, picture=encoded)
    return {
        "document": path.name,
        "begins_on": f"{plan.begins_on}",
        "ends_on": f"{plan.ends_on}",
        "at_latest_on": f"{plan.at_latest_on}",
    }


@step("send-message")
def send_message(ctx: StepContext) -> Result:
    """Put a message with documents into the outbox, for the customer's people; once, however often run."""
    case, about = ctx.case, str(ctx.params["about"])
    names = str(ctx.params.get("documents", "")).split()
    contacts, voice = ctx.manifest.contacts, Voice.of(ctx.manifest)
    said = {"site": ctx.manifest.site_name, "email": ctx.manifest.support.email}
    attached = {name: case.document(name).read_bytes() for name in names}
    # What was sent and has become another since is told anew.
    digests = "-".join(digest_of(case.document(name))[:12] for name in names)
    ident = Outbox(case).put(
        f"{about}-{digests}",
        to=sorted({str(contacts.responsible.email), str(contacts.technical.email)}),
        subject=voice.say(f"message.{about}.subject", **said),
        text=voice.say(f"message.{about}.text", **said),
        attached=attached,
    )
    return {"message": ident, "documents": names}


@step("check-openings")
def check_openings(ctx: StepContext) -> Result:
    """Check that the customer's IT opened what has to be reached and read; what is shut is waited for."""
    wanted = software.load_wanted(ctx.case)
    found = tuple(software.look(ctx.hosts, one) for one in wanted.openings)
    ctx.case.write_evidence("openings", software.Openings(checked_at=datetime.now(UTC), openings=found))
    for one in found:
        ctx.progress.say(f"{'open' if one.is_open else 'SHUT':5} {one.name}: {one.says}")
    if shut := [one for one in found if not one.is_open]:
        listed = "\n".join(f"  {one.name}: {one.says}" for one in shut)
        raise Waiting(
            f"{ctx.manifest.contacts.technical.name} has to open {len(shut)} of {len(found)}:\n{listed}",
            next_step=f"fab run --tenant {ctx.manifest.tenant}, once it is open",
        )
    return {"open": [one.name for one in found]}


@step("fetch-software")
def fetch_software(ctx: StepContext) -> Result:
    """List and fetch the software that the customer's servers have, and prove that it is whole."""
    fetched = []
    for one in software.load_wanted(ctx.case).software:
        ctx.progress.start(f"fetching {one.name}", None, "files")
        fetched.append(software.fetch(ctx.case, ctx.hosts, one))
        ctx.progress.say(f"{one.name}: {len(fetched[-1].files)} files, {fetched[-1].bytes} bytes")
    every = software.AllFetched(fetched_at=datetime.now(UTC), software=tuple(fetched))
    ctx.case.write_evidence("software", every)
    return {one.name: {"files": len(one.files), "bytes": one.bytes, "digest": one.digest} for one in fetched}
