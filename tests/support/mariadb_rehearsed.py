"""
A tenant with a MariaDB and a test site with a MariaDB, to rehearse its move between two real hosts.

Promise: the test site is what `SiteOutputs` says it is, made by hand; its host runs as nobody special, as a
site's host does.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from migrate.assess import assess
from migrate.connections import Hosts
from migrate.remote_jobs import FOLDER as JOBS
from provisioning.manifest import Manifest
from provisioning.site import DatabaseRole
from tests.support.mariadb_hosts import a_maria_move
from tests.support.mariadb_tenants import MariaTenant, maria_manifest, maria_outputs
from tests.support.moves import Told
from tests.support.private_hosts import PrivateHost

ACCOUNTS = """
SET sql_log_bin = 0;
CREATE USER app_owner@'%' IDENTIFIED BY 'o'; GRANT ALL PRIVILEGES ON besa.* TO app_owner@'%';
CREATE USER app_user@'%' IDENTIFIED BY 'u';
GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON besa.* TO app_user@'%';
"""
STATE = (
    "SELECT User, Host, COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0), JSON_VALUE(Priv, '$.access')"
    " FROM mysql.global_priv WHERE User <> 'PUBLIC' ORDER BY 1, 2;"
    "SELECT @@GLOBAL.gtid_slave_pos, @@GLOBAL.read_only, @@GLOBAL.event_scheduler, @@GLOBAL.local_infile,"
    " @@GLOBAL.binlog_row_metadata; SHOW DATABASES; SHOW TABLES; SHOW EVENTS; SHOW ALL SLAVES STATUS"
)
"""All that a rehearsal may change on a server."""


class Rehearsed(MariaTenant):
    """The tenant, and what a rehearsal may leave."""

    def assessed(self, hosts: Hosts) -> None:
        """Measure legacy, as comes before every rehearsal."""
        self.case.write_evidence("assessment", assess(self.case, hosts, Told()))

    def left(self) -> list[str]:
        return left_on(self.move.site.host)


def left_on(host: PrivateHost) -> list[str]:
    """What of a rehearsal is on the test site's host: jobs' folders, and processes that work there."""
    jobs = host.folder / JOBS
    folders = [path.name for path in jobs.iterdir()] if jobs.is_dir() else []
    return folders + processes_in(jobs)


def processes_in(folder: Path) -> list[str]:
    """Commands of processes that name something in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            found += [" ".join(words)] if any(f"{folder}/" in word for word in words) else []
    return found


@contextmanager
def a_rehearsal(base: Path, schema: str) -> Iterator[Rehearsed]:
    """Start both hosts, with data on legacy."""
    with a_maria_move(base, is_servers_own=True) as move:
        move.legacy.sql(schema)
        move.site.sql(ACCOUNTS)
        (move.site.host.folder / "files").mkdir()
        asked = maria_manifest(move)
        asked["legacy"]["files"] = []
        owner, user = (
            DatabaseRole(name=name, password=SecretStr(password))
            for name, password in (("app_owner", "o"), ("app_user", "u"))
        )
        outputs = maria_outputs(move.site, owner=owner, application=user)
        yield Rehearsed(move, Manifest.model_validate(asked), outputs, base)
