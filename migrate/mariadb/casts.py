"""
MariaDB's types in PostgreSQL: what each column becomes, and one text for a value on either side.

Promise: a column has a cast that keeps its values exactly, or the move is refused and says so. The
one thing that is not kept is declared: a date that does not exist (a zero in day, month or year)
becomes NULL.

Source: the casts with which pgloader was seen to keep all values, and where it was not seen to, the
narrowest PostgreSQL type that holds every value of MariaDB's.
"""

import re
from dataclasses import dataclass

from migrate.errors import TransferError
from migrate.mariadb.columns import BYTES, TEXTS, Column, Table, escaped, field, row_digest

ZERO_DATES = "dates that do not exist, such as 0000-00-00, become NULL"

_WHOLE = {
    # MariaDB's name: PostgreSQL's for signed and for unsigned.
    "tinyint": ("smallint", "smallint"),
    "smallint": ("smallint", "integer"),
    "mediumint": ("integer", "integer"),
    "int": ("integer", "bigint"),
    "bigint": ("bigint", "numeric(20,0)"),
}
_DATES = ("date", "datetime", "timestamp")


@dataclass(frozen=True)
class Cast:
    """
    One column's way into PostgreSQL.

    `source` and `target` are expressions for one text on either side; of a float, for the number itself,
    which each side prints otherwise.
    """

    column: Column
    type: str
    """As PostgreSQL's format_type prints it."""
    copied: str
    """The field of a line of the stream, as an expression of MariaDB."""
    source: str
    target: str

    @property
    def has_zero_dates(self) -> bool:
        """Whether its type may hold dates that do not exist."""
        return self.column.data_type in _DATES


def identifier(text: str) -> str:
    """A name as PostgreSQL has it, quoted: case and signs stay as they are."""
    return '"' + text.replace('"', '""') + '"'


def is_zero_date(column: Column) -> str:
    """Whether the value is a date that does not exist, as an expression of MariaDB."""
    c = column.quoted
    return f"(YEAR({c}) = 0 OR MONTH({c}) = 0 OR DAYOFMONTH({c}) = 0)"


def casts(table: Table) -> tuple[Cast, ...]:
    """
    Return the cast of every column, computed ones included: PostgreSQL gets their values.

    Raises:
        TransferError: A column has none, or a name does not fit.
    """
    return tuple(cast(table.name, column) for column in table.columns)


def cast(table: str, column: Column) -> Cast:
    """As `casts`, of one column."""
    c, there = column.quoted, identifier(column.name)
    kind = column.data_type
    if len(column.name.encode()) > 63:
        raise _refused(table, column, "its name is longer than the 63 bytes that PostgreSQL allows")
    if kind in _WHOLE:
        plain = f"({c} + 0)"
        # Numbers that are given out are whole numbers of at most 63 bits there.
        called = "bigint" if kind == "bigint" and "auto_increment" in column.extra else ""
        called = called or _WHOLE[kind][column.is_unsigned]
        return Cast(column, called, field(column, plain), plain, f"{there}::text")
    if kind == "year":
        plain = f"({c} + 0)"
        return Cast(column, "smallint", field(column, plain), plain, f"{there}::text")
    if kind == "decimal":
        # A column with ZEROFILL is printed with zeros in front.
        plain = f"CAST({c} AS DECIMAL({column.precision},{column.scale}))"
        sized = f"numeric({column.precision},{column.scale})"
        return Cast(column, sized, field(column, plain), f"CAST({plain} AS CHAR)", f"{there}::text")
    if kind in ("float", "double"):
        plain = f"CAST({c} AS DOUBLE)"
        called = "real" if kind == "float" else "double precision"
        return Cast(column, called, field(column, plain), plain, f"{there}::double precision")
    if kind == "bit":
        return _bits(column)
    if kind in TEXTS:
        text = f"CONVERT({c} USING utf8mb4)"
        return Cast(column, _text_type(column), field(column, escaped(text)), text, f"{there}::text")
    if kind in BYTES:
        return Cast(column, "bytea", field(column, rf"CONCAT('\\\\x', HEX({c}))"), c, there)
    if kind in ("uuid", "inet6", "inet4"):
        text = f"CAST({c} AS CHAR)"
        called = "uuid" if kind == "uuid" else "text"
        return Cast(column, called, field(column, text), text, f"{there}::text")
    if kind in _DATES or kind == "time":
        return _moment(column)
    raise _refused(table, column, f"PostgreSQL has nothing that keeps a {column.column_type} as it is")


def _refused(table: str, column: Column, why: str) -> TransferError:
    return TransferError(
        f"{table}.{column.name}: {why}",
        state="Nothing was copied.",
        next_step="change that column on the source, or move to a MariaDB site, then fab run",
    )


def _text_type(column: Column) -> str:
    if column.is_json:
        return "json"
    # Characters on both sides; what has no length of its own there has none here.
    return (
        f"character varying({max(column.max_length, 1)})"
        if column.data_type in ("char", "varchar")
        else "text"
    )


def _bits(column: Column) -> Cast:
    c, there, size = column.quoted, identifier(column.name), column.precision
    digits = f"LPAD(BIN({c} + 0), {size}, '0')"
    if size == 1:
        return Cast(column, "boolean", field(column, digits), f"({c} + 0)", f"{there}::integer::text")
    return Cast(column, f"bit({size})", field(column, digits), digits, f"{there}::text")


def _moment(column: Column) -> Cast:
    c, there, digits = column.quoted, identifier(column.name), column.datetime_precision
    if column.data_type == "time":
        # Up to 838 hours either way, so it is a length of time.
        return Cast(
            column,
            f"interval({digits})",
            field(column, f"CAST({c} AS CHAR)"),
            f"CAST(TIME_TO_SEC({c}) * 1000000 AS SIGNED)",
            f"(extract(epoch FROM {there}) * 1000000)::bigint::text",
        )
    if column.data_type == "date":
        called, shape, same = "date", "%Y-%m-%d", f"pg_catalog.to_char({there}, 'YYYY-MM-DD')"
    else:
        here = f"{there} AT TIME ZONE 'UTC'" if column.data_type == "timestamp" else there
        zoned = "with" if column.data_type == "timestamp" else "without"
        called = f"timestamp({digits}) {zoned} time zone"
        shape, same = "%Y-%m-%d %H:%i:%s.%f", f"pg_catalog.to_char({here}, 'YYYY-MM-DD HH24:MI:SS.US')"
    zone = "+00" if column.data_type == "timestamp" else ""
    zero, text = is_zero_date(column), f"DATE_FORMAT({c}, '{shape}')"
    copied = field(column, rf"IF({zero}, '\\N', CONCAT({text}, '{zone}'))")
    return Cast(column, called, copied, f"IF({zero}, NULL, {text})", same)


def source_digest(of: tuple[Cast, ...]) -> str:
    """A row's digest on the source, its floats left out, as an expression of MariaDB."""
    return row_digest({_has_value(one): one.source for one in of if not one.column.is_float})


def _has_value(one: Cast) -> str:
    """What is NULL on the target."""
    c = one.column.quoted
    return f"IF({is_zero_date(one.column)}, NULL, {c})" if one.has_zero_dates else c


def target_digest(of: tuple[Cast, ...]) -> str:
    """The same on the target, as an expression of PostgreSQL."""
    parts = [
        f"CASE WHEN {identifier(one.column.name)} IS NULL THEN '-' ELSE pg_catalog.md5({one.target}) END"
        for one in of
        if not one.column.is_float
    ]
    return f"pg_catalog.md5({' || '.join(parts)})" if parts else "pg_catalog.md5('')"


def default(column: Column) -> str | None:
    """The column's default as PostgreSQL has it; None without one, or where it cannot be said."""
    text = column.default
    if text is None or text == "NULL" or column.is_generated or "0000-00-00" in text:
        return None
    moment = re.fullmatch(r"(?:current_timestamp|now)\((\d?)\)", text.lower())
    if moment and column.data_type in ("timestamp", "datetime"):
        now = f"CURRENT_TIMESTAMP({moment[1] or 0})"
        return now if column.data_type == "timestamp" else f"LOCALTIMESTAMP({moment[1] or 0})"
    if re.fullmatch(r"-?\d+(\.\d+)?", text) and column.data_type not in ("bit", *_DATES):
        return text
    quoted = re.fullmatch(r"'((?:[^'\\]|'')*)'", text, re.DOTALL)
    if quoted and (column.data_type in TEXTS or column.data_type in ("date", "datetime", "decimal")):
        return text
    return None


def loses_default(column: Column) -> bool:
    """Whether the column's default has no like in PostgreSQL."""
    given = column.default not in (None, "NULL") and not column.is_generated
    return given and default(column) is None
