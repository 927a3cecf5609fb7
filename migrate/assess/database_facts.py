"""
What is measured of one legacy database and its server.

Promise: plain data with units in the names; None stands for what the user of the manifest may not
see, never for nought.
"""

import time
from typing import Literal

from pydantic import AwareDatetime

from migrate.assess.mariadb_facts import MariadbFacts
from migrate.assess.plain import product
from provisioning.model import Model

Mode = Literal["live", "bulk", "staged", "staged-bulk"]
"""As in `migrate.transfer.WAYS`."""
LIVE_MODES: tuple[Mode, ...] = ("live", "staged")
"""Those whose stop holds only what changed last."""
Engine = Literal["postgresql", "mariadb"]


def ahead(clock_epoch: float, asked_at: float) -> float:
    """
    How far a server's clock is ahead of this machine's, in seconds; to half the time that the answer took.

    Args:
        clock_epoch: What the server said, in seconds since 1970.
        asked_at: This machine's moment, in the same, just before it was asked; called just after.
    """
    return round(clock_epoch - (asked_at + time.time()) / 2, 1)


class Server(Model):
    """One server, as the manifest's user sees it; what only PostgreSQL has is at its default elsewhere."""

    version: str
    version_number: int
    wal_level: str = ""
    max_connections: int
    max_wal_senders: int = 0
    max_replication_slots: int = 0
    shared_buffers: str = ""
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

    user: str = ""
    is_superuser: bool = True
    may_replicate: bool = True
    bypasses_row_security: bool = True
    user_expires_at: AwareDatetime | None = None
    managed_by: str = ""
    """Whose service the server is, told by the roles that services make; empty for a server of one's own."""

    slots_used: int = 0
    senders_used: int = 0
    slot_wal_limit_bytes: int | None = None
    """``max_slot_wal_keep_size``; None without a limit, which is all there is before PostgreSQL 13."""
    max_logical_replication_workers: int = 4
    max_worker_processes: int = 8
    lock_slots: int = 6400
    """How many locks on tables the server has room for at once."""

    pending_restart: tuple[str, ...] = ()
    """Settings that were changed and wait for a restart."""
    is_read_only_by_default: bool = False
    clock_ahead_seconds: float = 0.0
    """Of this machine's clock, see `ahead`; negative where it is behind."""
    synchronous_standbys: str = ""
    archiving_fails: bool = False
    transaction_age: int = 0
    """Transactions since the oldest that is not frozen in this database; it stops at 2^31."""
    collation_version: str | None = None
    """As recorded when the database was made, from PostgreSQL 15 on."""
    collation_version_now: str | None = None

    @property
    def major(self) -> int:
        return self.version_number // 10000


class Table(Model):
    """A table. `has_key` tells of a key that replication can use: primary, and not deferrable."""

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
    is_partition: bool = False
    no_equality: tuple[str, ...] = ()
    """Columns of a table without a key whose type has no equality, such as json or point."""

    def __str__(self) -> str:
        return f"{self.schema_name}.{self.name}"


class Index(Model):
    schema_name: str
    table: str
    name: str
    bytes: int


class Counts(Model):
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
    identity_columns: int = 0
    partitions: int = 0
    materialized_view_bytes: int = 0


class Oddity(Model):
    """Something in the schema that a move has to know of. `kind` is as ``assess_oddities.sql`` calls it."""

    kind: str
    name: str
    detail: str


class PathTrap(Model):
    """A function that finds its names by the search path, and what calls it while rows are loaded."""

    function: str
    used_by: str
    names: tuple[str, ...]


class Extension(Model):
    name: str
    version: str


class Collation(Model):
    """A collation that columns or indexes name themselves."""

    name: str
    columns: int
    version: str | None
    """As recorded; None where the provider has none."""
    version_now: str | None


class Role(Model):
    name: str
    may_log_in: bool
    is_superuser: bool
    may_replicate: bool
    owns: int = 0
    """Relations of this database."""
    grants: int = 0
    """Objects of this database on which somebody granted it something."""


class LongTransaction(Model):
    who: str
    seconds: float
    is_prepared: bool


class Work(Model):
    """A backup or maintenance that runs now."""

    kind: Literal["backup", "maintenance"]
    who: str
    seconds: float


class Job(Model):
    """A job that the server starts by itself. `schedule` is as its scheduler writes it."""

    scheduler: str
    name: str
    schedule: str


class Slot(Model):
    name: str
    is_logical: bool
    is_active: bool
    retained_bytes: int | None
    """Write-ahead log that the server keeps for it."""
    wal_status: str | None
    """From PostgreSQL 13 on; ``lost`` when it can no longer be used."""


class WriteRate(Model):
    """Between two readings, `seconds` apart. WAL is that of the whole server."""

    seconds: float
    rows_per_second: float
    wal_bytes_per_second: float


class WalHistory(Model):
    """What the segments on the server's disk tell of the hours before; of the whole server."""

    bytes: int
    seconds: float
    """How far back the segments reach."""
    burst_bytes: int
    """The most that was written within one minute of that time."""

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class WalDisk(Model):
    """Room on the file system of the write-ahead log, or of the nearest folder that the login may look at."""

    path: str
    is_exact: bool
    free_bytes: int


class Growth(Model):
    bytes_per_day: float
    rests_on: str


class ReadSample(Model):
    """A short timed read: what the estimate of the stop rests on."""

    what: str
    bytes: int
    seconds: float
    largest_row_bytes: int = 0
    """Among the rows read."""

    @property
    def bytes_per_second(self) -> float:
        return self.bytes / self.seconds if self.seconds else 0.0


class Database(Model):
    """One database under ``legacy.databases``."""

    name: str
    host: str
    site_engine: Engine = "postgresql"
    """What it moves to."""
    engine: Engine = "postgresql"
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

    indexes: tuple[Index, ...] = ()
    oddities: tuple[Oddity, ...] = ()
    path_traps: tuple[PathTrap, ...] = ()
    collations: tuple[Collation, ...] = ()
    work: tuple[Work, ...] = ()
    jobs: tuple[Job, ...] | None = ()
    """None where there is a scheduler whose jobs the user may not read."""
    slots: tuple[Slot, ...] = ()
    subscriptions: tuple[str, ...] = ()
    """Of the whole server: what writes into it from elsewhere."""
    wal_history: WalHistory | None = None
    wal_disk: WalDisk | None = None
    growth: Growth | None = None
    """None where nothing tells of it yet."""

    mariadb: MariadbFacts | None = None
    """What only MariaDB has; None for another engine."""

    mode: Mode = "bulk"
    mode_because: str = ""
    is_reached_by_site: bool | None = None
    """Whether a network path leads from the site's host to it; None where no site was there to try."""
    live_obstacles: tuple[str, ...] = ()
    """What stands against moving it live; each can be mended, or bulk is the way."""
    has_no_way: bool = False
    """Whether nothing moves it in `mode` to a site with that engine."""

    @property
    def product(self) -> str:
        """Such as ``PostgreSQL 17.2``."""
        return f"{product(self.engine)} {self.server.version.partition('-')[0]}"

    @property
    def series(self) -> int:
        """The version without what a minor upgrade changes: 17 of PostgreSQL, 1011 of MariaDB 10.11."""
        number = self.server.version_number
        return number // 100 if self.engine == "mariadb" else number // 10000

    @property
    def content_bytes(self) -> int:
        """What has to be moved: tables and large objects, without indexes."""
        return sum(table.bytes for table in self.tables) + self.counts.large_object_bytes

    @property
    def index_bytes(self) -> int:
        return sum(table.index_bytes for table in self.tables)

    def odd(self, kind: str) -> tuple[Oddity, ...]:
        """Return the oddities of one kind, as ``assess_oddities.sql`` calls it."""
        return tuple(oddity for oddity in self.oddities if oddity.kind == kind)

    @property
    def anew_in_freeze(self) -> tuple[Table, ...]:
        """Tables that no stream of changes can carry: they are copied once more while all stands still."""
        return tuple(t for t in self.tables if t.kind == "table" and (t.is_unlogged or t.no_equality))
