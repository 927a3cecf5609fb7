"""
Payments: what the vendor's staff saw on the account.

Promise: a payment is kept once an invoice, with who recorded it.
"""

from datetime import date

from migrate.case import Case
from migrate.errors import Refused
from migrate.journal import Record

DEPLOYMENT_FEE = "deployment"
"""Stands in the place of an invoice's number for the fee that is paid before a deployment begins."""


def payment_of(case: Case, invoice: str) -> Record | None:
    """Return the record of a payment; None while there is none."""
    return case.journal.last("payment", invoice)


def record(case: Case, invoice: str, paid_on: date, by: str) -> Record:
    """
    Keep that an invoice was paid; the same again changes nothing.

    Raises:
        Refused: There is no such invoice.
    """
    known = [DEPLOYMENT_FEE, *(r.about for r in case.journal if r.kind == "invoice")]
    if invoice not in known:
        raise Refused(
            f"{case.manifest.tenant} has no invoice {invoice}; known: {', '.join(known)}",
            state="Nothing was recorded.",
            next_step=f"fab billing --tenant {case.manifest.tenant}, which lists them",
        )
    kept = payment_of(case, invoice)
    if kept is not None and kept.data["paid_on"] == paid_on.isoformat():
        return kept
    return case.journal.append("payment", invoice, paid_on=paid_on.isoformat(), by=by)
