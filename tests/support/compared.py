"""
A database with everything that is hard, and copies of it that a test may change.

Promise: the copy is pg_dump's, so that whatever a comparison finds was planted, or is a false alarm.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate.compare.verdict import DatabaseComparison
from migrate.connections import connect
from migrate.databases import Database
from tests.support.private_hosts import BINARIES, PrivateHost, private_host

_SCHEMAS = Path(__file__).parent
HARD = (_SCHEMAS / "hard_schema.sql").read_text() + (_SCHEMAS / "harder_schema.sql").read_text()
TABLE = '"Pflege"."Bewohnerübersicht"'


@contextmanager
def compared_host(base: Path) -> Iterator[PrivateHost]:
    """Start a host with a source database and its copy, from which tests take copies of their own."""
    with private_host("compared", base) as host:
        host.psql("postgres", "CREATE DATABASE source; CREATE DATABASE model;")
        host.psql("source", HARD)
        copy(host, "source", "model")
        yield host


def copy(host: PrivateHost, source: str, target: str) -> None:
    """Copy a database as pg_dump sees it."""
    environment = {"PGPASSWORD": host.superuser_password, "PATH": "/usr/bin:/bin"}
    dump = subprocess.run(
        [BINARIES / "pg_dump", host.local(source)], env=environment, check=True, capture_output=True
    )
    host.psql(target, dump.stdout.decode())


@contextmanager
def two_sides(host: PrivateHost) -> Iterator[tuple[Database, Database]]:
    """Source, and a fresh copy that a test may change."""
    host.psql("postgres", "DROP DATABASE IF EXISTS target; CREATE DATABASE target TEMPLATE model;")
    with connect(host.ssh_config, host.alias) as ssh:
        yield (
            Database("source on compared", host.endpoint("source"), ssh),
            Database("target on compared", host.endpoint("target"), ssh),
        )


def told(comparison: DatabaseComparison) -> list[str]:
    """Every difference in a line."""
    rows = [
        f"{table.name}: {row.kind} {row.key}"
        for table in comparison.differing_tables
        for row in table.differing
    ]
    return rows + [f"{difference.kind} {difference.name}" for difference in comparison.differences]
