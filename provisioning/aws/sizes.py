"""
Sizes and habits by environment: the only ways in which a test and a prod site of one tenant may differ.

Promise: whatever is not in `Habits` is the same in both; a size is the smallest that holds what was asked
for.
"""

from dataclasses import dataclass

from provisioning.aws.component import refuse_unless
from provisioning.manifest import Environment, Sizing

_DATABASES = (
    (512, "db.t4g.small"),
    (1024, "db.t4g.medium"),
    (2048, "db.t4g.large"),
    (4096, "db.m7g.large"),
    (8192, "db.m7g.xlarge"),
    (16384, "db.r7g.xlarge"),
    (32768, "db.r7g.2xlarge"),
    (65536, "db.r7g.4xlarge"),
)
"""Shared memory in MB that a class gives a database (a quarter of its own), and the class."""

_HOSTS = ((4, "t4g.medium"), (8, "m7g.large"), (16, "m7g.xlarge"), (64, "m7g.4xlarge"))
"""Workers that a class carries, and the class."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What an environment may do its own way."""

    has_standby: bool
    """Whether the database has a standby in another zone."""
    backup_days: int
    log_days: int


HABITS: dict[Environment, Habits] = {
    "test": Habits(has_standby=False, backup_days=7, log_days=30),
    "prod": Habits(has_standby=True, backup_days=35, log_days=365),
}


def _smallest(asked: int, known: tuple[tuple[int, str], ...], what: str) -> str:
    fit = [name for holds, name in known if holds >= asked]
    refuse_unless(
        bool(fit), f"no class holds {asked} {what}", f"ask for at most {known[-1][0]} under sizing:"
    )
    return fit[0]


def database_class(sizing: Sizing) -> str:
    """Return the smallest class whose shared memory holds ``database_memory_mb``."""
    return _smallest(sizing.database_memory_mb, _DATABASES, "MB of a database's memory")


def host_class(sizing: Sizing) -> str:
    """Return the smallest class that carries ``application_workers``."""
    return _smallest(sizing.application_workers, _HOSTS, "workers of the application")
