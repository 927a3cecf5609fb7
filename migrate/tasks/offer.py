"""
Commands on money: the offer, hours and extras, the settlement.

Promise: an offer that was signed is replaced only when that is asked for by name.
"""

from fabric import task
from invoke.context import Context

from migrate import documents, settlement
from migrate.assess import Assessment
from migrate.errors import Refused
from migrate.offer import Offer, last_offer, write_offer
from migrate.rates import load_rates
from migrate.request import record_request
from migrate.signatures import signature_of
from migrate.tasks.edge import before_the_move, for_a_person, open_case

_POSITION = "A position of the offer, as the rate card calls it."


@task(
    name="offer",
    help={
        "tenant": "Whose migration.",
        "replace": "Write it anew although it is signed; the signature is void.",
    },
)
def offer(_: Context, tenant: str, replace: bool = False) -> None:
    """Write the offer as a PDF: positions, prices, estimated stop, extra training."""
    with for_a_person():
        case = open_case(tenant)
        before = last_offer(case)
        if before and signature_of(case.document("offer.pdf")).exists() and not replace:
            raise Refused(
                f"offer {before.number} is signed; a new one would void the signature",
                state="Nothing was changed.",
                next_step=f"fab run --tenant {tenant}; or fab offer --tenant {tenant} --replace",
            )
        with before_the_move(case):
            request = record_request(case)
            assessment = case.read_evidence("assessment", Assessment)
            made = write_offer(case, assessment, request, load_rates(case.workspace))
        path = documents.write(case, "offer.pdf", "offer", vendor=made.vendor, offer=made)
    print(f"offer {made.number}: {made.currency} {made.sum.total}, valid until {made.valid_until}\n{path}")
    print(f"Next: fab run --tenant {tenant}")


@task(
    name="hours",
    help={
        "tenant": "Whose migration.",
        "position": _POSITION,
        "hours": "Hours worked, such as 1.5; negative to correct.",
        "note": "What was done; stands in the settlement.",
    },
)
def hours(_: Context, tenant: str, position: str, hours: str, note: str = "") -> None:
    """Record hours that were worked, for the final settlement."""
    with for_a_person():
        case = open_case(tenant)
        kept = settlement.record(case, case.read_evidence("offer", Offer), position, hours, note, hourly=True)
    print(f"{tenant}: {kept.quantity} hours of {kept.position} recorded")


@task(
    name="extra",
    help={
        "tenant": "Whose migration.",
        "position": _POSITION,
        "quantity": "Units beyond the offer, such as 1; negative to correct.",
        "note": "Why; stands in the settlement.",
    },
)
def extra(_: Context, tenant: str, position: str, quantity: str, note: str = "") -> None:
    """Record units performed beyond the offer, such as a weekend or one more interface."""
    with for_a_person():
        case = open_case(tenant)
        kept = settlement.record(
            case, case.read_evidence("offer", Offer), position, quantity, note, hourly=False
        )
    print(f"{tenant}: {kept.quantity} of {kept.position} recorded")
