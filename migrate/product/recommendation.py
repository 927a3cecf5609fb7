"""
Prerequisites: a legacy server against the vendor's recommendation profile.

    rows:
      - {id: cores, measure: cores, at_least: 4, required: true}
      - {id: system, measure: system, one_of: [debian 12, ubuntu 24.04]}
      - {id: database, measure: port, port: 5432, one_of: [open]}

Promise: reads only. Each row is met, not met, or could not be told; what could not be measured never counts
as met. Evidence ``prerequisites``.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from typing import Literal, Self

from fabric import Connection
from pydantic import AwareDatetime, Field, model_validator

from migrate import remote
from migrate.assess.facts import Assessment
from migrate.connections import Hosts
from migrate.errors import MigrationError
from provisioning.manifest import Name, Text
from provisioning.model import Model

Measure = Literal[
    "cores", "memory_gb", "disk_free_gb", "disk_free_percent", "disk_read_mb_per_second",
    "system", "database_version", "product_version", "port", "clock_seconds",
]  # fmt: skip
Verdict = Literal["met", "not met", "could not tell"]


class Row(Model):
    """One line of a recommendation. Units are in the measure's name."""

    id: Name
    title: Text
    measure: Measure
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    one_of: tuple[str, ...] = ()
    port: int | None = Field(default=None, ge=1, le=65535)
    required: bool = Field(default=False, description="Whether the upgrade waits until it is met or waived.")

    @model_validator(mode="after")
    def _says_what_is_wanted(self) -> Self:
        if self.at_least is None and self.at_most is None and not self.one_of:
            raise ValueError("needs at_least, at_most or one_of")
        if (self.measure == "port") != (self.port is not None):
            raise ValueError("port belongs to measure: port, and to no other")
        return self

    @property
    def wanted(self) -> str:
        said = [f"at least {self.at_least}"] * (self.at_least is not None)
        said += [f"at most {self.at_most}"] * (self.at_most is not None)
        said += [" or ".join(self.one_of)] * bool(self.one_of)
        return ", ".join(said)

    def holds(self, found: str | Decimal) -> bool:
        if isinstance(found, str):
            return any(found == one or found.startswith((f"{one}.", f"{one} ")) for one in self.one_of)
        low = self.at_least is None or found >= self.at_least
        high = self.at_most is None or found <= self.at_most
        return low and high and not (self.one_of and str(found) not in self.one_of)


class Profile(Model):
    """``recommendation.yaml``."""

    rows: tuple[Row, ...] = Field(min_length=1)


class Answer(Model):
    """What came of one row."""

    id: str
    title: str
    wanted: str
    found: str
    verdict: Verdict
    required: bool


class Prerequisites(Model):
    """Evidence ``prerequisites``."""

    host: str
    measured_at: AwareDatetime
    rows: tuple[Answer, ...]

    @property
    def unmet(self) -> tuple[Answer, ...]:
        """Required rows that are not known to be met."""
        return tuple(row for row in self.rows if row.required and row.verdict != "met")


def answers(profile: Profile, hosts: Hosts, measured: Assessment, product_version: str) -> tuple[Answer, ...]:
    """Hold every row against the tenant's first legacy host; `measured` is its assessment."""
    database = hosts.manifest.legacy.databases[0]
    measures = _measures(hosts.legacy(database.host), hosts, measured, product_version)
    return tuple(_answer(row, measures[row.measure]) for row in profile.rows)


def _answer(row: Row, measure: Callable[[Row], str | Decimal | None]) -> Answer:
    try:
        found = measure(row)
        said = "not measurable here" if found is None else str(found)
    except (MigrationError, ValueError) as error:
        found, said = None, str(error).splitlines()[0]
    verdict: Verdict = "could not tell" if found is None else "met" if row.holds(found) else "not met"
    return Answer(
        id=row.id, title=row.title, wanted=row.wanted, found=said, verdict=verdict, required=row.required
    )


def _measures(
    connection: Connection, hosts: Hosts, measured: Assessment, product_version: str
) -> dict[str, Callable[[Row], str | Decimal | None]]:
    database = hosts.manifest.legacy.databases[0]
    host = next(one for one in measured.hosts if one.name == database.host)
    server = next(one.server for one in measured.databases if one.name == database.name)
    samples = [tree.read for tree in measured.files if tree.host == host.name and tree.read is not None]
    return {
        "cores": lambda _: Decimal(host.cores),
        "memory_gb": lambda _: _rounded(host.memory_bytes / 1e9),
        "disk_free_gb": lambda _: _rounded(host.disk_free_bytes / 1e9),
        "disk_free_percent": lambda _: _free_percent(connection),
        "disk_read_mb_per_second": lambda _: (
            _rounded(sum(s.bytes for s in samples) / 1e6 / sum(s.seconds for s in samples))
            if samples
            else None
        ),
        "system": lambda _: _system(connection),
        "database_version": lambda _: server.version,
        "product_version": lambda _: product_version,
        "port": lambda row: _port(connection, hosts.legacy_address(database.host), row.port or 0),
        "clock_seconds": lambda _: _clock(connection),
    }


def _rounded(number: float) -> Decimal:
    return Decimal(str(round(number, 1)))


def _free_percent(connection: Connection) -> Decimal:
    script = "df -PB1 . | awk 'NR == 2 {print 100 * $4 / $2}'"
    return _rounded(float(remote.run(connection, script, doing="df").text))


def _system(connection: Connection) -> str | None:
    script = '. /etc/os-release 2>/dev/null && printf "%s %s" "$ID" "$VERSION_ID"'
    return remote.attempt(connection, script).text or None


def _port(connection: Connection, address: str, port: int) -> str | None:
    """Whether somebody on the host takes connections there; None where the host does not tell."""
    here = ip_address(address).packed[::-1].hex().upper()  # all zeros: everywhere
    script = f"""
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '
    $4 == "0A" && $2 ~ /^(0*|{here}):{port:04X}$/ {{found = 1}}
    END {{print NR ? found + 0 : "-"}}'
"""
    return {"1": "open", "0": "closed"}.get(remote.run(connection, script, doing="looking at ports").text)


def _clock(connection: Connection) -> Decimal:
    """Seconds between the host's clock and this machine's, less the way there."""
    before = time.time()
    there = float(remote.run(connection, "date +%s.%N", doing="reading the clock").text)
    after = time.time()
    return _rounded(max(0.0, before - there, there - after))
