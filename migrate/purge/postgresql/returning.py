"""
Rows on their way back into a PostgreSQL database.

Promise: of one table all rows come in one statement, so that they may refer to each other in any order; what
is there already stays as it is.
"""

from collections.abc import Sequence

from psycopg import sql

from migrate.databases import Session
from migrate.errors import TransferError
from migrate.purge.contract import Packed
from migrate.purge.postgresql.catalogue import name_of
from migrate.purge.tables import Table, shown

_ROWS = sql.Identifier("bascule_rows")


class PostgresqlReturn:
    """As `migrate.purge.contract.Return`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, table: Table, columns: tuple[str, ...], chunks: Sequence[Packed]) -> int:
        names = {
            "table": name_of(table),
            "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
            "rows": _ROWS,
        }
        self._session.execute(
            sql.SQL(
                "CREATE TEMP TABLE {rows} ON COMMIT DROP AS SELECT {columns} FROM {table} LIMIT 0"
            ).format(**names)
        )
        for chunk in chunks:
            with self._session.cursor() as cursor:
                with cursor.copy(sql.SQL("COPY {rows} ({columns}) FROM STDIN").format(**names)) as sink:
                    chunk.load(sink)
                if cursor.rowcount != chunk.rows:
                    raise TransferError(
                        f"a chunk of {shown(table)} holds {cursor.rowcount} rows, not {chunk.rows}",
                        state="Nothing was brought back.",
                    )
        put = self._session.execute(
            sql.SQL(
                "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
                " SELECT {columns} FROM {rows} ON CONFLICT DO NOTHING"
            ).format(**names)
        ).rowcount
        self._session.execute(sql.SQL("DROP TABLE {rows}").format(**names))
        return put
