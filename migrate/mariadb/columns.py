"""
Tables and columns, and each value as text: for a stream of rows, and for a digest of them.

Promise: what is printed is exact. A FLOAT is printed as the DOUBLE that it is, since the server shows
six digits of it; bytes are hexadecimal; a value that is too long for the server's packet breaks the
stream, or differs from everything, and never becomes NULL in silence.
"""

from dataclasses import dataclass, replace
from typing import Any

from migrate.errors import MigrationError
from migrate.mariadb.session import MariaSession, name, query

TEXTS = frozenset(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"))
BYTES = frozenset(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"))
SHAPES = frozenset(
    (
        *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"),
        *("multipolygon", "geometrycollection"),
    )
)
SIGHT = ("SELECT", "SHOW VIEW", "TRIGGER", "EVENT")
"""Rights without which parts of a database are hidden."""
_TOO_LONG = "'\\t'"
"""One field more than the reader expects: it stops there."""


@dataclass(frozen=True)
class Column:
    """A column as information_schema has it."""

    name: str
    data_type: str
    column_type: str
    is_nullable: bool
    default: str | None
    """As an expression: a string has its quotes."""
    precision: int
    scale: int
    max_length: int
    datetime_precision: int
    extra: str
    is_generated: bool
    is_json: bool
    alias: str = ""
    """Of its table, in a query that has several."""

    @property
    def quoted(self) -> str:
        return name(self.alias, self.name) if self.alias else name(self.name)

    def of(self, alias: str) -> "Column":
        """The same column of a table that goes by this alias."""
        return replace(self, alias=alias)

    @property
    def is_unsigned(self) -> bool:
        return "unsigned" in self.column_type

    @property
    def is_float(self) -> bool:
        return self.data_type in ("float", "double")


@dataclass(frozen=True)
class Table:
    """A table and its columns in order; `key` is the primary key, empty without one."""

    name: str
    kind: str
    engine: str
    is_transactional: bool
    bytes: int
    index_bytes: int
    next_number: int | None
    """What AUTO_INCREMENT gives next."""
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def stored(self) -> tuple[Column, ...]:
        """Those that are written; the others are computed from them."""
        return tuple(column for column in self.columns if not column.is_generated)


def tables(session: MariaSession) -> dict[str, Table]:
    """
    Return all tables of the session's database by name, the largest first.

    Raises:
        MigrationError: The account may not see everything, and so would leave things out unawares.
    """
    has = {row["privilege"] for row in session.run(query("sight"))}
    if missing := [right for right in SIGHT if right not in has]:
        raise MigrationError(
            f"{session.shown}: the account lacks {', '.join(missing)}, so the server hides things from it",
            next_step=f"GRANT {', '.join(missing)} ON <database>.* TO that account",
        )
    columns: dict[str, list[Column]] = {}
    keys: dict[str, dict[int, str]] = {}
    for row in session.run(query("columns")):
        columns.setdefault(row["table_name"], []).append(_column(row))
        if row["key_position"]:
            keys.setdefault(row["table_name"], {})[int(row["key_position"])] = row["name"]
    found: dict[str, Table] = {}
    for row in session.run(query("tables")):
        key = keys.get(row["name"], {})
        found[row["name"]] = Table(
            name=row["name"],
            kind=row["kind"],
            engine=row["engine"],
            is_transactional=bool(row["is_transactional"]),
            bytes=int(row["bytes"]),
            index_bytes=int(row["index_bytes"]),
            next_number=None if row["next_number"] is None else int(row["next_number"]),
            columns=tuple(columns[row["name"]]),
            key=tuple(key[position] for position in sorted(key)),
        )
    return found


def _column(row: dict[str, Any]) -> Column:
    return Column(
        name=row["name"],
        data_type=row["data_type"].lower(),
        column_type=row["column_type"].lower()
        if row["data_type"] not in ("enum", "set")
        else row["column_type"],
        is_nullable=bool(row["is_nullable"]),
        default=row["default_text"],
        precision=int(row["numeric_precision"]),
        scale=int(row["numeric_scale"]),
        max_length=int(row["max_length"]),
        datetime_precision=int(row["datetime_precision"]),
        extra=row["extra"].lower(),
        is_generated=bool(row["is_generated"]),
        is_json=bool(row["is_json"]),
    )


def printed(column: Column) -> str:
    """The value as text without anything lost; NULL for NULL, and for what is too long for a packet."""
    c = column.quoted
    if column.data_type == "float":
        return f"CAST({c} AS DOUBLE)"
    if column.data_type in TEXTS:
        return f"CONVERT({c} USING utf8mb4)"
    if column.data_type in BYTES or column.data_type in SHAPES:
        return f"HEX({c})"
    if column.data_type == "bit":
        return f"({c} + 0)"
    return f"CAST({c} AS CHAR)"


def escaped(text: str) -> str:
    """A text expression, escaped as COPY and LOAD DATA both read it."""
    for sign, instead in (
        ("'\\\\'", "'\\\\\\\\'"),
        ("'\\n'", "'\\\\n'"),
        ("'\\t'", "'\\\\t'"),
        ("'\\r'", "'\\\\r'"),
        ("'\\0'", "'\\\\0'"),
    ):
        text = f"REPLACE({text}, {sign}, {instead})"
    return text


def field(column: Column, text: str | None = None) -> str:
    """
    One field of a line of the stream, as an expression.

    Args:
        text: Instead of `printed`; already escaped, or without anything to escape.
    """
    if text is None:
        text = printed(column)
        if column.data_type in TEXTS:
            text = escaped(text)
    return f"IF({column.quoted} IS NULL, '\\\\N', COALESCE({text}, {_TOO_LONG}))"


def carried(column: Column, given: str) -> tuple[str, str]:
    """
    A column's way into another MariaDB: its `field` here, and the expression that stores `given` there.

    The expression is empty where the text goes in as it is.
    """
    if column.data_type in ("enum", "set"):
        # By number: the empty value of an enum that was given something else has no name.
        return field(column, f"({column.quoted} + 0)"), f"CAST({given} AS UNSIGNED)"
    if column.data_type == "bit":
        return field(column), f"CAST({given} AS UNSIGNED)"
    if column.data_type in BYTES or column.data_type in SHAPES:
        return field(column), f"UNHEX({given})"
    return field(column), ""


def row_digest(texts: dict[str, str]) -> str:
    """
    An expression for 32 hex digits that depend on every one of these texts, NULL as such.

    Args:
        texts: Expression by the column (or expression) that tells whether there is a value.
    """
    # A value too long to be hashed must not pass for its like: it gets a digest that is nobody else's.
    nobodys = "CAST(RAND() AS CHAR)"
    parts = [f"IF({has} IS NULL, '-', COALESCE(MD5({text}), {nobodys}))" for has, text in texts.items()]
    return f"MD5(CONCAT({', '.join(parts)}))" if parts else "MD5('')"


def same_engine_digest(table: Table) -> str:
    """The digest of a row for a comparison with another MariaDB: bytes as they are stored."""
    return row_digest(
        {
            column.quoted: f"CAST({column.quoted} AS DOUBLE)"
            if column.data_type == "float"
            else _bytes(column)
            for column in table.columns
        }
    )


def _bytes(column: Column) -> str:
    """What MD5 takes: a text's own bytes, and all else as it is printed."""
    if column.data_type in TEXTS or column.data_type in BYTES or column.data_type in SHAPES:
        return column.quoted
    return printed(column)


def digest_sums(row: str, rows: str) -> str:
    """
    A query for count and digest of many rows, in any order: two sums of signed halves.

    Args:
        row: As `row_digest`.
        rows: What stands after FROM.
    """
    half = "COALESCE(SUM(CAST(CAST(CONV({side}(d, 16), 16, 10) AS UNSIGNED) AS SIGNED)), 0)"
    left, right = half.format(side="LEFT"), half.format(side="RIGHT")
    both = f"CONCAT({left}, '/', {right}) AS digest"
    return f"SELECT COUNT(*) AS n, {both} FROM (SELECT {row} AS d FROM {rows}) AS r"  # noqa: S608 - quoted names
