"""
How a database of each engine is measured.

Promise: an assessment knows no engines; another one is a module that measures it, an entry in `SURVEYS`,
its kinds of findings in `migrate.assess.findings` and what it needs to move live in `migrate.assess.mode`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from migrate.assess import database as postgresql
from migrate.assess import mariadb
from migrate.assess.facts import Database, DatabaseFingerprint
from migrate.connections import Hosts
from provisioning.manifest import LegacyDatabase


@dataclass(frozen=True)
class Survey:
    """Two ways of looking; both read only, and raise ConnectionFailed where nobody answers."""

    measure: Callable[[Hosts, LegacyDatabase], Database]
    fingerprint: Callable[[Hosts, LegacyDatabase], DatabaseFingerprint]
    """A second or two, without the rest of an assessment."""


SURVEYS: dict[str, Survey] = {
    "postgresql": Survey(postgresql.measure, postgresql.fingerprint),
    "mariadb": Survey(mariadb.measure, mariadb.fingerprint),
}
"""By engine, as ``legacy.databases[].engine`` names it."""
