"""
Fingerprints: what an estimate, an offer or a rehearsal stays good for.

Promise: two fingerprints compare without the systems that they were taken of, and every difference
has words that name it.
"""

from collections.abc import Iterator

from migrate.assess.plain import product
from provisioning.model import Model

NEAR = 0.1
"""A day's growth changes nothing: volumes count as the same within a tenth of the larger."""


class DatabaseFingerprint(Model):
    """One database. `version` is as `Database.series`: a minor upgrade changes no estimate."""

    name: str
    engine: str = "postgresql"
    version: int
    schema_digest: str
    tables: int
    extensions: tuple[str, ...]
    bytes: int

    @property
    def shown(self) -> str:
        """Such as ``PostgreSQL 17`` or ``MariaDB 10.11``."""
        series = f"{self.version // 100}.{self.version % 100}" if self.engine == "mariadb" else self.version
        return f"{product(self.engine)} {series}"


class Fingerprint(Model):
    """Schema and volume of all that moves."""

    schema_digest: str
    bytes: int
    files: int
    databases: tuple[DatabaseFingerprint, ...] = ()
    """Empty in evidence of before; then only the sums compare."""
    interfaces: tuple[str, ...] | None = None

    def still_holds_for(self, now: "Fingerprint") -> bool:
        """Whether the schema is the same and the volume within a tenth."""
        return not self.changes(now)

    def changes(self, now: "Fingerprint") -> tuple[str, ...]:
        """Name what is no longer so, such as ``the schema of pflege is another: 46 tables, 45 before``."""
        return tuple(self._changes(now))

    def _changes(self, now: "Fingerprint") -> Iterator[str]:
        if self.databases and now.databases:
            yield from self._databases(now)
        elif self.schema_digest != now.schema_digest:
            yield "the schema is another"
        if not _near(self.bytes, now.bytes):
            yield f"{_mega(now.bytes)} of data, {_mega(self.bytes)} before"
        if not _near(self.files, now.files):
            yield f"{now.files} files, {self.files} before"
        if None not in (self.interfaces, now.interfaces) and self.interfaces != now.interfaces:
            yield f"interfaces {_named(now.interfaces)}, {_named(self.interfaces)} before"

    def _databases(self, now: "Fingerprint") -> Iterator[str]:
        before = {database.name: database for database in self.databases}
        after = {database.name: database for database in now.databases}
        if gone := sorted(before.keys() - after.keys()):
            yield f"no database {', '.join(gone)} any more"
        if more := sorted(after.keys() - before.keys()):
            yield f"database {', '.join(more)} is new"
        for name in sorted(before.keys() & after.keys()):
            was, is_now = before[name], after[name]
            if (was.engine, was.version) != (is_now.engine, is_now.version):
                before_it = was.shown if was.engine != is_now.engine else was.shown.partition(" ")[2]
                yield f"{name} runs on {is_now.shown}, {before_it} before"
            if was.extensions != is_now.extensions:
                yield f"{name} has extensions {_named(is_now.extensions)}, {_named(was.extensions)} before"
            if was.schema_digest != is_now.schema_digest:
                count = (
                    f": {is_now.tables} tables, {was.tables} before" if was.tables != is_now.tables else ""
                )
                yield f"the schema of {name} is another{count}"


def _near(one: int, other: int) -> bool:
    return abs(one - other) <= max(one, other) * NEAR


def _mega(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _named(names: tuple[str, ...] | None) -> str:
    return ", ".join(names or ()) or "none"
