"""
Two servers with a flow of changes between them, made by hand: for comparisons beside running work.

Promise: the flow is PostgreSQL's own subscription; a test that waits for it waits for a row to arrive.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from migrate.connections import connect
from migrate.databases import Database
from migrate.waiting import wait_until
from tests.support.private_hosts import BINARIES, PrivateHost, private_host

DBNAME = "besa"
_ARRIVAL_SECONDS = 30


@dataclass(frozen=True)
class Flowing:
    """Both hosts, and the database of either."""

    legacy: PrivateHost
    site: PrivateHost
    source: Database
    target: Database

    def write(self, statements: str) -> None:
        """Run statements at the source."""
        self.legacy.psql(DBNAME, statements)

    def tamper(self, statements: str) -> None:
        """Run statements on the target, behind the replication's back."""
        self.site.psql(DBNAME, statements)

    def position(self, side: str) -> str:
        host = self.legacy if side == "source" else self.site
        with host.connect(DBNAME) as session:
            row = session.execute("SELECT pg_current_wal_lsn()::text").fetchone()
        assert row is not None
        return str(row[0])

    def drain(self) -> tuple[str, str]:
        """Wait until the target has applied everything, and return both positions."""
        with self.legacy.connect(DBNAME) as session, self.site.connect(DBNAME) as there:
            row = session.execute(
                "INSERT INTO bascule.marker DEFAULT VALUES RETURNING n, pg_current_wal_insert_lsn()::text"
            ).fetchone()
            assert row is not None
            arrived = "SELECT FROM bascule.marker WHERE n = %s"
            assert wait_until(
                lambda: there.execute(arrived, (row[0],)).fetchone() is not None,
                deadline_seconds=_ARRIVAL_SECONDS,
                pace_seconds=0.005,
            )
        return self.position("source"), self.position("target")


@contextmanager
def flowing(base: Path, schema: str) -> Iterator[Flowing]:
    """Start both servers with the same schema and rows, and let changes flow from source to target."""
    with private_host("legacy", base) as legacy, private_host("site", base) as site, ExitStack() as stack:
        for host in (legacy, site):
            host.psql("postgres", f"CREATE DATABASE {DBNAME}")
        marker = "CREATE SCHEMA bascule; CREATE TABLE bascule.marker (n bigserial PRIMARY KEY);"
        legacy.psql(DBNAME, schema + marker)
        copy_database(legacy, site)
        legacy.psql(DBNAME, "CREATE PUBLICATION bascule_test FOR ALL TABLES")
        # The server's own home is the test run's, whose files it may not read.
        nothing = " ".join(f"{name}=none" for name in ("sslcert", "sslkey", "sslrootcert", "sslcrl"))
        conninfo = f"{legacy.local(DBNAME)} password={legacy.superuser_password} {nothing}"
        site.psql(
            DBNAME,
            f"CREATE SUBSCRIPTION bascule_test CONNECTION '{conninfo}' PUBLICATION bascule_test"
            " WITH (copy_data = false)",
        )
        stack.callback(site.psql, DBNAME, "DROP SUBSCRIPTION bascule_test")
        databases = [
            Database(
                f"{DBNAME} on {host.alias}",
                host.endpoint(DBNAME),
                stack.enter_context(connect(host.ssh_config, host.alias)),
            )
            for host in (legacy, site)
        ]
        yield Flowing(legacy, site, databases[0], databases[1])


def copy_database(source: PrivateHost, target: PrivateHost) -> None:
    """Copy everything as pg_dump sees it."""
    dump = subprocess.run(
        [BINARIES / "pg_dump", source.local(DBNAME)],
        env={"PGPASSWORD": source.superuser_password, "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
    )
    target.psql(DBNAME, dump.stdout.decode())
