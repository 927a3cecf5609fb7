"""
The verdict of a comparison: what was compared, and everything in which the two sides differ.

Promise: equal means that every row, sequence, large object and definition was compared and agrees;
nothing in scope is no agreement but an error, and what cannot be compared is listed.
"""

from typing import Literal

from pydantic import AwareDatetime

from provisioning.model import Model


class ValueDifference(Model):
    """One value of a row on both sides, long ones cut, secrets masked; None is NULL, or no such row."""

    column: str
    source: str | None
    target: str | None


class RowDifference(Model):
    """One row that one side lacks or holds otherwise. `key` is the primary key, or the row's digest."""

    key: str
    kind: Literal["missing", "extra", "changed"]
    """missing: only the source has it; extra: only the target."""
    values: tuple[ValueDifference, ...] = ()
    """Those that differ; empty where they were not read."""


class TableResult(Model):
    """One table on both sides; a side without the table has None."""

    name: str
    source_rows: int | None
    target_rows: int | None
    source_digest: str | None
    target_digest: str | None
    differing: tuple[RowDifference, ...] = ()
    """The first rows that differ, at most `narrow.SHOWN`."""
    changed_rows: int | None = None
    """
    Keys that changed since they were last seen equal: only these were read for this verdict, the digests
    are theirs, and the counts are of all rows. None: every row was read.
    """
    excused: str = ""
    """Why the rows differ without fault: a materialised view that the source filled long ago, say."""

    @property
    def agrees(self) -> bool:
        return bool(self.excused) or (
            self.source_rows is not None
            and not self.differing
            and (self.source_rows, self.source_digest) == (self.target_rows, self.target_digest)
        )


class Difference(Model):
    """Something other than a row in which the sides differ; None where a side has nothing."""

    kind: str
    """Such as ``index``, ``sequence value``, ``large object``."""
    name: str
    source: str | None
    target: str | None


class DatabaseComparison(Model):
    """One database, compared at one moment on each side."""

    name: str
    source_position: str
    """The source's WAL position at the snapshot that was read."""
    target_position: str
    tables: tuple[TableResult, ...]
    definitions: int
    """How many definitions were compared."""
    sequences: int
    large_objects: int
    differences: tuple[Difference, ...]
    not_compared: tuple[str, ...]
    """What holds no rows here, such as foreign tables, each with the reason."""
    seconds: float
    written_on_target: tuple[str, ...] = ()
    """Tables in which somebody other than the replication wrote on the target while it was closed."""

    @property
    def compared_in_freeze(self) -> int | None:
        """Rows read for this verdict where the others had been compared before; None: all were read."""
        if not any(table.changed_rows is not None for table in self.tables):
            return None
        return sum(
            (table.source_rows or 0) if table.changed_rows is None else table.changed_rows
            for table in self.tables
        )

    @property
    def rows(self) -> int:
        return sum(table.source_rows or 0 for table in self.tables)

    @property
    def differing_tables(self) -> tuple[TableResult, ...]:
        return tuple(table for table in self.tables if not table.agrees)

    @property
    def agrees(self) -> bool:
        return bool(self.tables) and not self.differing_tables and not self.differences


class TableState(Model):
    """One table in a comparison beside running work."""

    name: str
    way: Literal["ranges", "whole", "freeze"]
    """By ranges of its key; at once, without a usable key; or only in the freeze, for the reason in `why`."""
    why: str = ""
    rows: int | None = None
    """At the source, at the position that was read up to; None for what is compared in the freeze."""
    chunks: int = 0
    open_keys: int = 0
    """Rows that changed since they were last seen equal, and so are compared again."""
    is_open: bool = False
    """As a whole: it is compared again as a whole."""


class BaseComparison(Model):
    """
    One database, compared while it was at work: evidence ``base-comparison``.

    Whatever is neither open nor different was seen equal on both sides, and has not changed since.
    """

    name: str
    began_at: AwareDatetime
    ended_at: AwareDatetime
    source_position: str
    """The log of either side was read up to here."""
    target_position: str
    tables: tuple[TableState, ...]
    different: tuple[TableResult, ...]
    """What differs although neither side changed it while it was looked at again and again."""
    large_objects: int
    """Seen equal; the others are compared in the freeze."""
    not_compared: tuple[str, ...]
    written_on_target: tuple[str, ...] = ()
    """Tables in which somebody other than the replication wrote on the closed target."""
    retries: int = 0
    """How often a server went away and was waited for."""

    @property
    def rows(self) -> int:
        return sum(table.rows or 0 for table in self.tables)

    @property
    def open_keys(self) -> int:
        return sum(table.open_keys for table in self.tables)

    @property
    def agrees(self) -> bool:
        return bool(self.tables) and not self.different


class FileDifference(Model):
    """One name in which two trees differ, and in what: the weightiest where there are several."""

    path: str
    """Relative to the tree; odd bytes and line ends escaped."""
    kind: Literal["missing", "extra", "kind", "content", "link", "hard link", "mode", "owner", "time"]


class TreeComparison(Model):
    """One tree of files on both sides."""

    name: str
    files: int
    """At the source, with links."""
    folders: int
    bytes: int
    differing: int
    shown: tuple[FileDifference, ...]
    """The first of those that differ."""
    hashed_in_freeze: int | None = None
    """Files read again inside the freeze, on both sides; None: every file was. All others are proved
    unchanged since their SHA-256 was taken: same inode, size, time and time of change (ctime)."""

    @property
    def agrees(self) -> bool:
        return self.differing == 0


class Comparison(Model):
    """All databases and trees of one tenant: evidence ``comparison``."""

    attempt: str
    """Empty when it was made by hand, outside a move."""
    started_at: AwareDatetime
    ended_at: AwareDatetime
    databases: tuple[DatabaseComparison, ...]
    trees: tuple[TreeComparison, ...] = ()

    @property
    def agrees(self) -> bool:
        rows_agree = bool(self.databases) and all(database.agrees for database in self.databases)
        return rows_agree and all(tree.agrees for tree in self.trees)

    @property
    def differing_files(self) -> int:
        return sum(tree.differing for tree in self.trees)

    @property
    def rows(self) -> int:
        return sum(database.rows for database in self.databases)

    @property
    def differing_rows(self) -> int:
        """At least how many rows differ: those found one by one, and at least one a differing table."""
        tables = [table for database in self.databases for table in database.differing_tables]
        return sum(max(len(table.differing), _apart(table), 1) for table in tables)

    @property
    def summary(self) -> str:
        """Such as ``412 331 rows in 61 tables and 1 204 files agree``."""
        tables = sum(len(database.tables) for database in self.databases)
        if self.agrees:
            files = sum(tree.files for tree in self.trees)
            with_files = f" and {files:,} files" if self.trees else ""
            return f"{self.rows:,} rows in {tables} tables{with_files} agree".replace(",", " ")
        bad = [table.name for database in self.databases for table in database.differing_tables]
        others = sum(len(database.differences) for database in self.databases)
        named = f": {', '.join(bad[:5])}" if bad else ""
        return (
            f"{len(bad)} of {tables} tables differ{named}; {others} other differences;"
            f" {self.differing_files} files differ"
        )


def _apart(table: TableResult) -> int:
    return abs((table.source_rows or 0) - (table.target_rows or 0))
