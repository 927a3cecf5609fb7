"""
Fill an empty database with the legacy system's schema and data, and a folder with its documents.

    python -m examples.alpenblick.generate --database "host=… dbname=…" --documents FOLDER --scale 1

Promise: the same seed and scale give the same rows and files; scale 1 is about 50 MB of database,
scale 20 about 1 GB. Passwords are left to libpq (``PGPASSFILE``) and never stand in arguments.
"""

import argparse
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from .copytext import blocks
from .counts import Counts
from .documents import write_tree
from .people import Pools
from .rows import all_tables

SCHEMA = Path(__file__).with_name("database")
SEED = 1974

_ANALYSE = """
SELECT 'ANALYZE ' || c.oid::regclass FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND pg_get_userbyid(c.relowner) = current_user
"""


@dataclass(frozen=True)
class Loaded:
    """What was loaded. `bytes` is the database's size on disk."""

    tables: int
    rows: int
    large_objects: int
    bytes: int
    seconds: float


def load(conninfo: str, application_role: str, *, scale: float = 1.0, seed: int = SEED) -> Loaded:
    """
    Make the schema in an empty database and fill it.

    Args:
        conninfo: Connects as the role that owns the database and will own all in it.
        application_role: Gets the application's grants; must exist.
        scale: 1 is about 50 MB, 0.05 enough for a test.
    """
    started, counts = time.monotonic(), Counts(scale)
    pools = Pools(seed)
    tables = rows = 0
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute("SET LOCAL maintenance_work_mem = '128MB'")
        _run(connection, "10", "60")
        for table in all_tables(pools, counts):
            with connection.cursor() as cursor:
                statement = f"COPY {table.name} ({table.columns}) FROM STDIN"
                with cursor.copy(statement.encode()) as copy:
                    for block in blocks(table.lines):
                        copy.write(block)
                tables, rows = tables + 1, rows + cursor.rowcount
        _make_large_objects(connection, counts, seed)
        _run(connection, "70", "70")
        grants = (SCHEMA / "80_grants.sql").read_text()
        connection.execute(sql.SQL(grants).format(application=sql.Identifier(application_role)))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        # By name: an owner who analyses everything is warned of each catalogue.
        for (statement,) in connection.execute(_ANALYSE).fetchall():
            connection.execute(statement)
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert size is not None  # noqa: S101 - the query has one row
    return Loaded(tables, rows, counts.attachments, size[0], time.monotonic() - started)


def is_loaded(conninfo: str) -> bool:
    """Tell whether the database holds the legacy schema already."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT to_regclass('rai.assessment') IS NOT NULL").fetchone()
    return row is not None and bool(row[0])


def _run(connection: psycopg.Connection, first: str, last: str) -> None:
    """Run the schema files whose number lies between `first` and `last`."""
    for path in sorted(SCHEMA.glob("*.sql")):
        if first <= path.name[:2] <= last:
            connection.execute(path.read_bytes())


def _make_large_objects(connection: psycopg.Connection, counts: Counts, seed: int) -> None:
    r = random.Random(f"{seed}/attachments")  # noqa: S311 - demo data, repeatable on purpose
    with connection.cursor() as cursor:
        for number in range(counts.attachments):
            content = b"" if number == 0 else r.randbytes(r.randint(2_000, 60_000))
            cursor.execute(
                "INSERT INTO epdoc.anhang (assessment_id, dateiname, inhalt, bytes)"
                " VALUES (%s, %s, lo_from_bytea(0, %s), %s)",
                (1 + number, f"Röntgenbild {number:04}.dcm", content, len(content)),
            )


def main() -> None:
    """Load what the arguments name and say what that was."""
    parser = argparse.ArgumentParser(description="Fill the demo tenant's legacy system.")
    parser.add_argument("--database", help="libpq connection string of the owner, without a password")
    parser.add_argument("--application-role", default="alpenblick_app")
    parser.add_argument("--documents", type=Path, help="folder that gets the tree of documents")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=SEED)
    words = parser.parse_args()
    if words.database:
        if re.search(r"password\s*=|://[^/]*:[^/]*@", words.database):
            parser.error("leave the password to PGPASSFILE: arguments can be read by every user")
        done = load(words.database, words.application_role, scale=words.scale, seed=words.seed)
        print(
            f"{done.rows:,} rows in {done.tables} tables and {done.large_objects} large objects,"
            f" {done.bytes / 1e6:.0f} MB in {done.seconds:.1f} s"
        )
    if words.documents:
        files, size = write_tree(words.documents, words.seed, words.scale)
        print(f"{files:,} documents, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
