"""
Steps of a deployment that people are at: prerequisites, hand-over, files to fill in, validation, deadlines.

Promise: they write papers and wait for what people do; nothing of the site is changed by them.
"""

from datetime import UTC, datetime

from migrate import adjustments, deadlines, deployment_papers, environment
from migrate.billing import payments
from migrate.environment_template import deployment_of
from migrate.errors import Waiting
from migrate.kpis import adopting as kpi_file
from migrate.rates import money
from migrate.step import Result, StepContext, step
from migrate.workbook import adopting


@step("name-contact")
def name_contact(ctx: StepContext) -> Result:
    """Name the single point of contact, who has to have both skills."""
    contact = deployment_of(ctx.case).contact
    if not contact.has_both_skills:
        lacks = "commercial" if not contact.knows_business else "IT"
        raise Waiting(
            f"{contact.name} has no {lacks} training, yet the point of contact needs both",
            next_step=f"name somebody in deployment.contact of stacks/{ctx.manifest.tenant}.yaml",
        )
    return {"contact": contact.email, "document": deployment_papers.write_contact(ctx.case).name}


@step("check-fee")
def check_fee(ctx: StepContext) -> Result:
    """Wait for the deployment fee."""
    fee, paid = deployment_of(ctx.case).fee, payments.payment_of(ctx.case, payments.DEPLOYMENT_FEE)
    if paid is None and fee:
        raise Waiting(
            f"the deployment fee of {ctx.manifest.currency} {money(fee)} is not paid yet",
            next_step=f"fab payment --tenant {ctx.manifest.tenant} --invoice deployment --paid-on … --by …",
        )
    return {"fee": str(money(fee)), "paid_on": paid.data["paid_on"] if paid else ""}


@step("write-contract")
def write_contract(ctx: StepContext) -> Result:
    """Write the SaaS contract."""
    return {"document": deployment_papers.write_contract(ctx.case).name}


@step("write-handover")
def write_handover(ctx: StepContext) -> Result:
    """Write the hand-over to the customer success officer."""
    return {"document": deployment_papers.write_handover(ctx.case).name}


@step("write-workbook")
def write_workbook(ctx: StepContext) -> Result:
    """Write the empty configuration workbook for the customer."""
    return {"document": adopting.write_template(ctx.case).name}


@step("receive-workbook")
def receive_workbook(ctx: StepContext) -> Result:
    """Wait for the filled-in workbook, checked and without a fault."""
    found = adopting.adopted(ctx.case)
    return {"file": found.file, "sha256": found.sha256, "rows": found.rows}


@step("receive-kpis")
def receive_kpis(ctx: StepContext) -> Result:
    """Wait for the file of KPIs, checked and without a fault."""
    found = kpi_file.adopted(ctx.case)
    return {"kpis": [kpi.name for kpi in found.kpis]}


@step("write-validation")
def write_validation(ctx: StepContext) -> Result:
    """Prove the environment, and write what the customer validates; adjustments must be made before."""
    left = [one for one in adjustments.every(ctx.case) if not one.done_by]
    if left:
        listed = "; ".join(f"{one.number}: {one.what}" for one in left)
        raise Waiting(
            f"{len(left)} adjustment(s) are open: {listed}",
            next_step=f"fab adjust --tenant {ctx.manifest.tenant} --done {left[0].number} --by …",
        )
    proof = environment.prove(ctx.case, ctx.hosts, ctx.attempt)
    figures = kpi_file.built(ctx.case)
    path = deployment_papers.write_validation(ctx.case, proof, figures)
    return {"document": path.name, "rows": proof.rows, "rejected": proof.rejected}


@step("keep-deadline")
def keep_deadline(ctx: StepContext) -> Result:
    """See that a milestone is reached in its week; late, the steering committee has to agree on a day."""
    milestone, week = str(ctx.params["milestone"]), int(ctx.params["week"])
    reached_at = deadlines.keep(ctx.case, milestone, week, datetime.now(UTC))
    due = deadlines.due_on(ctx.case, milestone, week)
    return {"milestone": milestone, "due_on": due.isoformat(), "reached_at": reached_at.isoformat()}


@step("write-steering")
def write_steering(ctx: StepContext) -> Result:
    """Write what is late and why, with the later days that the steering committee agrees on."""
    now = datetime.now(UTC)
    late = [one for one in deadlines.milestones(ctx.case, now) if one.late_days]
    asked = deadlines.postponements(ctx.case)
    if not asked:
        named = ", ".join(f"{one.name} ({one.late_days} day(s))" for one in late) or "nothing"
        raise Waiting(
            f"{named} is late; no later day is proposed yet",
            next_step=f"fab postpone --tenant {ctx.manifest.tenant} --milestone …, or fab deadlines",
        )
    path = deployment_papers.write_steering(ctx.case, now)
    steered = deadlines.keep_paper(ctx.case)
    until = {name: day.isoformat() for name, day in steered.until.items()}
    return {"document": path.name, "late": [one.name for one in late], "until": until}
