"""
Digests of rows: a count and 128 bits that depend on every value of every row, in any order.

Promise: two sides give the same digest only if they hold the same multiset of rows, but for an
accident of 1 in 2^128. Computed by the servers; no row leaves them. Rows are taken as text, as equality
of values is not enough: 1.0 and 1.00, 0 and -0, 'a' and 'A' of citext are equal and yet not the same.

Source: sums of two 64 bit halves, since a sum does not depend on order and counts duplicates. Servers of
one major version and encoding hash by hashtextextended with two seeds, twice as fast as md5; that it is
the same function on both is tried, not assumed. Others take md5 of the row in UTF-8.
"""

from dataclasses import dataclass
from typing import LiteralString, Self

from psycopg import sql

from migrate.compare.definitions import definitions as definitions  # what watches a schema finds it here
from migrate.compare.relations import Relation
from migrate.databases import Session

_PROBES = ["", "a", '(1,,"o ""x""",2024-02-29)', "0123456789" * 40]
_SEEDS = (-7046029254386353131, 7046029254386353087)
_HALVES: tuple[LiteralString, LiteralString] = ("left", "right")


@dataclass(frozen=True)
class Digest:
    """Rows and their digest; those of parts of a table add up to the table's, in any order."""

    rows: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: "Digest") -> "Digest":
        return Digest(self.rows + other.rows, self.first + other.first, self.second + other.second)

    def __str__(self) -> str:
        return f"{self.first}/{self.second}"


@dataclass(frozen=True)
class Hasher:
    """How two given servers digest a row, so that the same row gives the same digest on both."""

    is_native: bool
    """By the servers' own hash function; else by md5."""
    is_transcoded: bool
    """The servers keep text in different encodings, so bytes are compared in UTF-8."""
    has_binary_floats: bool
    """Until version 11 servers print floats with other digits than since, so their bits are compared."""

    @classmethod
    def between(cls, source: Session, target: Session) -> Self:
        """Choose what holds between two servers."""
        one, other = _traits(source), _traits(target)
        alike = one.encoding == other.encoding
        return cls(
            is_native=alike and one.major == other.major and one.probes == other.probes != (),
            is_transcoded=not alike,
            has_binary_floats=(one.major < 12) != (other.major < 12),
        )

    def row(self, relation: Relation) -> sql.Composed:
        """The row as text; as ROW() prints it, no two rows give one text."""
        pairs = zip(relation.columns, relation.types, strict=True)
        columns = [self._column(sql.Identifier("t", name), type_) for name, type_ in pairs]
        return sql.SQL("ROW({})::text").format(sql.SQL(", ").join(columns))

    def md5(self, relation: Relation) -> sql.Composed:
        """The digest of one row, 32 hex digits."""
        transcoded: LiteralString = "md5(convert_to({}, 'UTF8'))" if self.is_transcoded else "md5({})"
        return sql.SQL(transcoded).format(self.row(relation))

    def statement(
        self,
        relation: Relation,
        rows: sql.Composable | None = None,
        where: sql.Composable | None = None,
    ) -> sql.Composed:
        """
        A statement that gives one row: count, and both halves summed.

        Args:
            rows: What stands after FROM, instead of the whole relation.
            where: A condition.
        """
        # Without OFFSET the planner would compute the text of each row once for each half.
        inner = sql.SQL("(SELECT {} AS d FROM {} WHERE {} OFFSET 0) AS digested").format(
            sql.SQL('({}) COLLATE "C"').format(self.row(relation)) if self.is_native else self.md5(relation),
            rows or relation.own_rows,
            where or sql.SQL("true"),
        )
        halves = [
            sql.SQL("hashtextextended(d, {})").format(sql.Literal(seed))
            if self.is_native
            else sql.SQL("('x' || {}(d, 16))::bit(64)::bigint").format(sql.SQL(half))
            for seed, half in zip(_SEEDS, _HALVES, strict=True)
        ]
        return sql.SQL("SELECT count(*), coalesce(sum({}), 0), coalesce(sum({}), 0) FROM {}").format(
            *halves, inner
        )

    def _column(self, column: sql.Identifier, type_: str) -> sql.Composable:
        if type_ == "bytea":
            # As text it would be twice as long, and half a gigabyte could not be read at all.
            return sql.SQL("md5({})").format(column)
        if self.has_binary_floats and type_ in ("real", "double precision"):
            send: LiteralString = "float4send" if type_ == "real" else "float8send"
            return sql.SQL("encode({}({}), 'hex')").format(sql.SQL(send), column)
        if self.has_binary_floats and type_ in ("real[]", "double precision[]"):
            return sql.SQL("encode(array_send({}), 'hex')").format(column)
        return column


def digest(session: Session, statement: sql.Composed) -> Digest:
    """Run what `Hasher.statement` gave."""
    found = session.execute(statement).fetchone()
    assert found is not None  # noqa: S101 - an aggregate gives one row
    return Digest(*map(int, found))


@dataclass(frozen=True)
class _Traits:
    major: int
    encoding: str
    probes: tuple[int, ...]


def _traits(session: Session) -> _Traits:
    # hashtextextended came with version 11.
    probing = session.info.server_version >= 110000
    probes = (
        session.execute(
            'SELECT hashtextextended(probe COLLATE "C", seed) FROM unnest(%s::text[]) AS probe,'
            " unnest(%s::bigint[]) AS seed",
            (_PROBES, list(_SEEDS)),
        ).fetchall()
        if probing
        else []
    )
    (encoding,) = session.execute("SHOW server_encoding").fetchone() or ("",)
    return _Traits(session.info.server_version // 10000, encoding, tuple(value for (value,) in probes))
