"""
Steps after the door is open: training, checklist, support, settlement, licence.

Promise: they write documents from evidence and change nothing else.
"""

from migrate import acceptance, documents, door, settlement
from migrate.assess import Assessment
from migrate.deploy import DeployedSite
from migrate.licence import write_licence
from migrate.offer import Offer, last_offer
from migrate.rates import load_rates
from migrate.step import Result, StepContext, step
from migrate.stop import Stop


@step("list-training")
def list_training(ctx: StepContext) -> Result:
    """List the free training material, and the training that was ordered."""
    rates = load_rates(ctx.case.workspace)
    offer = last_offer(ctx.case)
    material = [one for one in rates.training if one.is_for(ctx.manifest.modules)]
    optional = {position.id for position in rates.positions if position.is_optional}
    path = documents.write(
        ctx.case,
        "training.pdf",
        "training",
        vendor=offer.vendor if offer else rates.vendor,
        material=material,
        booked=[line for line in offer.lines if line.position in optional] if offer else [],
        options=offer.options if offer else [],
    )
    return {"document": path.name, "material": len(material)}


@step("write-acceptance")
def write_acceptance(ctx: StepContext) -> Result:
    """Write the completeness checklist for the responsible person to check and sign."""
    sheet = acceptance.sheet_of(ctx.case)
    vendor = ctx.case.read_evidence("offer", Offer).vendor
    path = documents.write(ctx.case, "acceptance.pdf", "acceptance", vendor=vendor, sheet=sheet)
    return {
        "document": path.name,
        "tables": len(sheet.tables),
        "to_check": len(sheet.items),
        "disagreeing": [item.name or item.kind for item in sheet.items if not item.agrees],
    }


@step("hand-over-support", rests_on="acceptance.pdf")
def hand_over_support(ctx: StepContext) -> Result:
    """Hand the support address over."""
    case, support, offer = ctx.case, ctx.manifest.support, last_offer(ctx.case)
    opened_at = (
        door.went_live_at(case) if ctx.manifest.begins_afresh else case.read_evidence("stop", Stop).opened_at
    )
    path = documents.write(
        case,
        "support.pdf",
        "support",
        vendor=offer.vendor if offer else load_rates(case.workspace).vendor,
        url=case.read_evidence("site-prod", DeployedSite).url,
        opened_on=opened_at.astimezone(ctx.manifest.window.zone).date(),
    )
    if case.journal.last("handed-over", support.email) is None:
        case.journal.append("handed-over", support.email, to=ctx.manifest.contacts.responsible.email)
    return {"document": path.name, "support": support.email}


@step("write-settlement", rests_on="acceptance.pdf")
def write_the_settlement(ctx: StepContext) -> Result:
    """Settle the offer against the hours and extras that were recorded."""
    offer = ctx.case.read_evidence("offer", Offer)
    settled = settlement.write_settlement(ctx.case, offer)
    path = documents.write(ctx.case, "settlement.pdf", "settlement", vendor=offer.vendor, settlement=settled)
    return {
        "document": path.name,
        "offered": f"{offer.currency} {settled.offered.total}",
        "actual": f"{offer.currency} {settled.actual.total}",
        "difference": f"{offer.currency} {settled.difference}",
    }


@step("write-licence-upgrade", rests_on="acceptance.pdf")
def write_licence_upgrade(ctx: StepContext) -> Result:
    """Write the upgrade to the new licence model."""
    case = ctx.case
    path = write_licence(
        case,
        case.read_evidence("assessment", Assessment),
        case.read_evidence("site-prod", DeployedSite),
        case.read_evidence("stop", Stop),
        load_rates(case.workspace),
    )
    return {"document": path.name}
