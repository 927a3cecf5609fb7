"""
What pre-production measured: evidence ``test-copy``, ``licences`` and ``preproduction``.

Promise: plain data; what a prediction rests on stands beside it.
"""

from pydantic import AwareDatetime

from migrate.assess.facts import Fingerprint
from migrate.product.latency import Latency
from provisioning.model import Model


class ProductionCopy(Model):
    """Evidence ``test-copy``: production's copy in the test environment, made beside its users' work."""

    attempt: str
    way: str
    """``live``: a slot with its exported snapshot; ``bulk``: a dump under one snapshot."""
    seconds: float
    bytes: int
    tables: int
    fingerprint: Fingerprint
    """Of legacy when the copy began: what is tested is this, and goes stale when it changes."""
    before: Latency
    during: Latency
    ended_at: AwareDatetime


class Licence(Model):
    code: str
    name: str
    kind: str


class Seat(Model):
    """A user on a workstation, as the installation tells it."""

    workstation: str
    user: str


class Licences(Model):
    """Evidence ``licences``."""

    version: str
    users: tuple[Licence, ...]
    seats: tuple[Seat, ...]

    def of_kind(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.users)


class Preproduction(Model):
    """Evidence ``preproduction``: what the tenant's own rehearsal predicts for production."""

    measured_at: AwareDatetime
    from_version: str
    to_version: str
    fingerprint: Fingerprint
    parts: dict[str, float]
    """Seconds of each part as measured in the test environment."""
    low_seconds: float
    high_seconds: float
    rests_on: str
