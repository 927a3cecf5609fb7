"""
What an assessment holds: facts as measured, findings, and the estimated stop. Evidence ``assessment``.

Promise: everything here is plain data with units in the names; it can be stored, shown and
compared years later without the system that it was measured on.
"""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

Severity = Literal["info", "warning", "blocker"]
Mode = Literal["bulk"]


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Facts):
    """One PostgreSQL server, as seen by the user of the manifest."""

    version: str
    version_number: int
    wal_level: str
    max_connections: int
    max_wal_senders: int
    max_replication_slots: int
    shared_buffers: str
    time_zone: str
    data_directory: str | None
    """None where the user may not see it."""
    is_standby: bool
    encoding: str
    collation: str
    character_type: str
    bytes: int
    sessions: int
    may_freeze: bool


class Table(Facts):
    schema_name: str
    name: str
    kind: Literal["table", "partitioned", "foreign"]
    estimated_rows: int
    bytes: int
    index_bytes: int
    has_key: bool
    is_unlogged: bool
    has_row_security: bool
    is_readable: bool

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"


class Counts(Facts):
    views: int
    materialized_views: int
    sequences: int
    indexes: int
    functions: int
    triggers: int
    foreign_keys: int
    event_triggers: int
    generated_columns: int
    large_objects: int
    large_object_bytes: int


class Extension(Facts):
    name: str
    version: str


class Role(Facts):
    name: str
    may_log_in: bool
    is_superuser: bool
    may_replicate: bool


class LongTransaction(Facts):
    who: str
    seconds: float
    is_prepared: bool


class WriteRate(Facts):
    """Between two readings, `seconds` apart. WAL is that of the whole server."""

    seconds: float
    rows_per_second: float
    wal_bytes_per_second: float


class ReadSample(Facts):
    """A short timed read: what the estimate of the stop rests on."""

    what: str
    bytes: int
    seconds: float

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class Database(Facts):
    """One database under ``legacy.databases``."""

    name: str
    host: str
    server: Server
    tables: tuple[Table, ...]
    counts: Counts
    extensions: tuple[Extension, ...]
    roles: tuple[Role, ...]
    long_transactions: tuple[LongTransaction, ...]
    writes: WriteRate
    read: ReadSample | None
    """None for a database without a table that has rows."""
    schema_digest: str

    @property
    def content_bytes(self) -> int:
        """What has to be moved: tables and large objects, without indexes."""
        return sum(table.bytes for table in self.tables) + self.counts.large_object_bytes

    @property
    def index_bytes(self) -> int:
        return sum(table.index_bytes for table in self.tables)


class Host(Facts):
    name: str
    system: str
    cores: int
    memory_bytes: int
    disk_free_bytes: int
    """Where the login folder lies."""


class Target(Facts):
    """The prod site's host and database, where they stand already."""

    free_bytes: int
    version_number: int
    available_extensions: tuple[str, ...]


class Files(Facts):
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


class InterfaceFacts(Facts):
    name: str
    kind: str
    host: str
    answers: bool
    detail: str
    """Mode and counts when it answers, else why it does not."""


class Finding(Facts):
    """Something that matters for the move. `id` is stable: a waiver names it."""

    id: str
    severity: Severity
    subject: str
    what: str
    meaning: str
    remedy: str


class Part(Facts):
    """One part of the estimated stop and what its figure rests on."""

    name: str
    low_seconds: float
    high_seconds: float
    rests_on: str


class StopEstimate(Facts):
    """How long users will be without a writable system, as a range."""

    parts: tuple[Part, ...]

    @property
    def low_seconds(self) -> float:
        return sum(part.low_seconds for part in self.parts)

    @property
    def high_seconds(self) -> float:
        return sum(part.high_seconds for part in self.parts)


class Fingerprint(Facts):
    """Schema and volume: what an estimate or a rehearsal stays good for."""

    schema_digest: str
    bytes: int
    files: int

    def still_holds_for(self, now: "Fingerprint") -> bool:
        """Whether the schema is the same and the volume within a tenth."""
        near = all(
            abs(a - b) <= max(a, b) / 10 for a, b in ((self.bytes, now.bytes), (self.files, now.files))
        )
        return self.schema_digest == now.schema_digest and near


class Assessment(Facts):
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
    fingerprint: Fingerprint

    @property
    def bytes(self) -> int:
        """Databases and files together."""
        return sum(d.server.bytes for d in self.databases) + sum(f.bytes for f in self.files)

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "blocker")
