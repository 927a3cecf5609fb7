"""
The quote request: what the customer asked for, as it came in through the vendor's form or by mail.

Promise: kept once as evidence ``request``; a changed request is written anew, and the offer follows it.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from migrate.case import Case
from migrate.errors import EvidenceError, Waiting
from migrate.rates import Quantity
from provisioning.manifest import Name, Person
from provisioning.model import Model
from provisioning.model_file import load_model


class Request(Model):
    """``stacks/<tenant>.request.yaml``, or the flags of ``fab request``."""

    requested_at: AwareDatetime
    by: Person
    wishes: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)] = ""
    """In the customer's own words; not shown in the offer."""
    training: dict[Name, Quantity] = Field(default_factory=dict)
    """Hours of extra training by position of the rate card, such as ``training-online: 2``."""
    weekend: bool = False
    """Whether the move may lie on a weekend."""

    def hours_of(self, position: str) -> Decimal:
        return self.training.get(position, Decimal(0))


def request_file(case: Case) -> Path:
    """Where a request is put by hand or by the form's own program."""
    return case.workspace.stacks / f"{case.manifest.tenant}.request.yaml"


def record_request(case: Case, request: Request | None = None) -> Request:
    """
    Keep `request`, or the one in the tenant's request file, as evidence; the same again changes nothing.

    Raises:
        Waiting: There is none.
    """
    kept = recorded(case)
    if request is None and request_file(case).exists():
        request = load_model(request_file(case), Request, next_step="correct the file")
    if request is None:
        if kept is None:
            tenant = case.manifest.tenant
            raise Waiting(
                f"no quote request of {tenant} is recorded yet",
                next_step=f"fab request --tenant {tenant}, or write stacks/{tenant}.request.yaml",
            )
        return kept
    if request != kept:
        case.write_evidence("request", request)
    return request


def recorded(case: Case) -> Request | None:
    """Return the request as it was recorded, or None when there is none."""
    if case.journal.last("evidence", "request") is None:
        return None
    try:
        return case.read_evidence("request", Request)
    except EvidenceError:
        return None  # changed by hand: written anew from its source, or asked for again
