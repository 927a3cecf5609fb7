"""
The stop: how long the tenant could not work, measured, beside what was predicted.

Promise: measured from the freeze to the moment at which the open door was seen from outside.
"""

from contextlib import suppress
from datetime import datetime

from pydantic import AwareDatetime

from migrate.case import Case
from migrate.errors import EvidenceError
from migrate.offer import Offer
from migrate.product.evidence import Preproduction
from migrate.rehearsal.evidence import Rehearsal
from provisioning.model import Model


class Stop(Model):
    """Evidence ``stop``. The prediction is the rehearsal's or the offer's, as a range."""

    attempt: str
    frozen_at: AwareDatetime
    opened_at: AwareDatetime
    actual_seconds: float
    predicted_low_seconds: float | None = None
    predicted_high_seconds: float | None = None

    @property
    def kept(self) -> bool | None:
        """Whether the stop was no longer than predicted; None without a prediction."""
        high = self.predicted_high_seconds
        return None if high is None else self.actual_seconds <= high


class Return(Model):
    """Evidence ``return``: how long the way back stopped the tenant."""

    attempt: str
    fenced_at: AwareDatetime
    reopened_at: AwareDatetime
    seconds: float


def predicted(case: Case) -> tuple[float | None, float | None]:
    """
    Return the range of seconds that the stop was predicted to take: by pre-production, rehearsal or offer.

    None without any.
    """
    with suppress(EvidenceError):
        tested = case.read_evidence("preproduction", Preproduction)
        return tested.low_seconds, tested.high_seconds
    with suppress(EvidenceError):
        rehearsal = case.read_evidence("rehearsal", Rehearsal)
        return rehearsal.low_seconds, rehearsal.high_seconds
    try:
        offer: Offer = case.read_evidence("offer", Offer)
    except EvidenceError:
        return None, None
    return offer.stop_low_seconds, offer.stop_high_seconds


def measure(case: Case, attempt: str, frozen_at: datetime, opened_at: datetime) -> Stop:
    """Return the stop of one attempt beside what was predicted."""
    low, high = predicted(case)
    return Stop(
        attempt=attempt,
        frozen_at=frozen_at,
        opened_at=opened_at,
        actual_seconds=round((opened_at - frozen_at).total_seconds(), 3),
        predicted_low_seconds=low,
        predicted_high_seconds=high,
    )
