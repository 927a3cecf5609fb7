"""
What an assessment holds: facts as measured, findings, and the estimated stop. Evidence ``assessment``.

Promise: everything here is plain data with units in the names; it can be stored, shown and
compared years later without the system that it was measured on.
"""

from typing import Literal

from pydantic import AwareDatetime, Field

from migrate.assess.database_facts import (
    Collation,
    Counts,
    Database,
    Extension,
    Growth,
    Index,
    Job,
    LongTransaction,
    Mode,
    Oddity,
    PathTrap,
    ReadSample,
    Role,
    Server,
    Slot,
    Table,
    WalDisk,
    WalHistory,
    Work,
    WriteRate,
)
from migrate.assess.fingerprint import DatabaseFingerprint, Fingerprint
from migrate.assess.mariadb_facts import MariadbFacts
from provisioning.model import Model

__all__ = [
    "Assessment",
    "Collation",
    "Counts",
    "Database",
    "DatabaseFingerprint",
    "Extension",
    "Files",
    "Finding",
    "Fingerprint",
    "Growth",
    "Host",
    "Index",
    "InterfaceFacts",
    "Job",
    "LongTransaction",
    "MariadbFacts",
    "Mode",
    "Oddity",
    "Part",
    "PathTrap",
    "ReadSample",
    "Role",
    "Server",
    "Severity",
    "Slot",
    "StopEstimate",
    "Table",
    "Target",
    "WalDisk",
    "WalHistory",
    "Work",
    "WriteRate",
]

Severity = Literal["info", "warning", "blocker"]


class Host(Model):
    name: str
    system: str
    cores: int
    memory_bytes: int
    disk_free_bytes: int
    """Where the login folder lies."""


class Target(Model):
    """The prod site's host and database, where they stand already."""

    free_bytes: int
    version_number: int
    available_extensions: tuple[str, ...]
    extension_versions: dict[str, str] = Field(default_factory=dict)
    """What the site's server would install, of the extensions that legacy uses."""
    encoding: str = "UTF8"
    collation: str = ""
    """Empty where it was not looked at."""
    character_type: str = ""
    collation_version: str | None = None
    collations: dict[str, str | None] = Field(default_factory=dict)
    """Of the collations that legacy names, those that the site has, with their versions."""
    wal_level: str = "logical"
    free_slots: int = 10
    free_senders: int = 10
    max_logical_replication_workers: int = 4
    managed_by: str = ""
    mover_lacks: tuple[str, ...] = ()
    """What the site's mover may not do, with the remedy; empty, too, while there is none."""


class Files(Model):
    """One tree under ``legacy.files``."""

    name: str
    host: str
    count: int
    bytes: int
    folders: int
    others: int
    """Symbolic links."""
    special: int = 0
    """Pipes, sockets and devices, which cannot be moved."""
    odd_names: tuple[str, ...]
    """At most ten, escaped: control characters, or bytes that are no UTF-8."""
    odd_name_count: int
    unreadable_count: int
    read: ReadSample | None
    largest_bytes: int = 0
    oldest_at: AwareDatetime | None = None
    newest_at: AwareDatetime | None = None
    """When a file was last written; None for an empty tree."""
    changed_last_day: int = 0
    """Files written within the last 24 hours: what a later pass has to carry."""
    changed_last_day_bytes: int = 0
    hard_links: int = 0
    """Files that have more than one name."""
    privileged: int = 0
    """Files with setuid, setgid or device rights."""
    twins: tuple[str, ...] = ()
    """At most ten names that another differs from in case or accents' spelling only."""
    twin_count: int = 0
    long_names: int = 0
    """Names beyond 143 bytes or paths beyond 1000, which encrypted or foreign file systems cut."""


class InterfaceFacts(Model):
    name: str
    kind: str
    host: str
    answers: bool
    detail: str
    """Mode and counts when it answers, else why it does not."""


class Finding(Model):
    """Something that matters for the move. `id` is stable: a waiver names it."""

    id: str
    severity: Severity
    subject: str
    what: str
    meaning: str
    remedy: str
    waivable: bool = True
    """False where nothing could work while it stands, whoever signs."""

    @property
    def waiver_id(self) -> str:
        """What `fab waive --what` takes for this finding alone."""
        return f"finding:{self.id}:{self.subject}"


class Part(Model):
    """One part of the estimated stop and what its figure rests on."""

    name: str
    low_seconds: float
    high_seconds: float
    rests_on: str


class StopEstimate(Model):
    """How long users will be without a writable system, as a range."""

    parts: tuple[Part, ...]

    @property
    def low_seconds(self) -> float:
        return sum(part.low_seconds for part in self.parts)

    @property
    def high_seconds(self) -> float:
        return sum(part.high_seconds for part in self.parts)


class Assessment(Model):
    """All that `fab assess` measured. Evidence ``assessment``."""

    tenant: str
    measured_at: AwareDatetime
    hosts: tuple[Host, ...]
    databases: tuple[Database, ...]
    files: tuple[Files, ...]
    interfaces: tuple[InterfaceFacts, ...]
    target: Target | None
    """None while the prod site is not stood up."""
    findings: tuple[Finding, ...]
    mode: Mode
    mode_because: str
    estimate: StopEstimate
    before_stop: StopEstimate = StopEstimate(parts=())
    """What is done while everybody works on: the base copy of a live move."""
    fingerprint: Fingerprint

    @property
    def bytes(self) -> int:
        """Databases and files together."""
        return sum(d.server.bytes for d in self.databases) + sum(f.bytes for f in self.files)

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "blocker")
