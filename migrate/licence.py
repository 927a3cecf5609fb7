"""
The new licence model that a tenant is upgraded to when its site opens, with its price for one month.

Promise: quantities follow from the manifest and from what was measured, prices from the rate card.
"""

from pathlib import Path

from migrate import documents
from migrate.assess.facts import Assessment
from migrate.case import Case
from migrate.deploy import DeployedSite
from migrate.offer import Sum, line_of
from migrate.rates import Demand, RateCard
from migrate.stop import Stop


def write_licence(
    case: Case, assessment: Assessment, site: DeployedSite, stop: Stop, rates: RateCard
) -> Path:
    """Write ``licence.pdf``, valid from the day on which the site opened."""
    manifest = case.manifest
    demand = Demand(bytes=assessment.bytes, interfaces=len(manifest.interfaces), modules=manifest.modules)
    lines = [line_of(position, position.quantity_for(demand)) for position in rates.licence.positions]
    taken = [line for line in lines if line.quantity]
    return documents.write(
        case,
        "licence.pdf",
        "licence",
        vendor=rates.vendor,
        licence=rates.licence,
        lines=taken,
        sum=Sum.of([line.amount for line in taken], rates.vat_percent, rates.round_total_to),
        from_day=stop.opened_at.astimezone(manifest.window.zone).date(),
        site_name=site.site_name,
    )
