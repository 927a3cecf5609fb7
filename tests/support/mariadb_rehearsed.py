"""
A tenant with a MariaDB and a test site with a MariaDB, to rehearse its move between two real hosts.

Promise: the test site is what `SiteOutputs` says it is, made by hand; its host runs as nobody special, as a
site's host does.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from migrate.assess import assess
from migrate.case import Case
from migrate.connections import Hosts
from migrate.remote_jobs import FOLDER as JOBS
from migrate.step import StepContext
from provisioning.manifest import Manifest
from provisioning.site import DatabaseEndpoint, DatabaseRole, SiteOutputs
from provisioning.workspace import Workspace
from tests.support.crossing import described
from tests.support.mariadb_hosts import ADMIN, MariaMove, MariaServer, a_maria_move
from tests.support.moves import ROLES, Told, _manifest, _outputs
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


@dataclass
class Rehearsed:
    """Both hosts; `outputs` are the test site's."""

    move: MariaMove
    manifest: Manifest
    outputs: SiteOutputs
    base: Path

    @property
    def case(self) -> Case:
        return Case(Workspace(self.base), self.manifest)

    @contextmanager
    def hosts(self) -> Iterator[Hosts]:
        sites = {self.manifest.stack(one): self.outputs for one in ("test", "prod")}
        with Hosts(Workspace(self.base), self.manifest, _sites=sites) as hosts:
            yield hosts

    def context(self, hosts: Hosts, attempt: str = "rehearsal-1") -> StepContext:
        return StepContext(self.case, hosts, Told(), attempt, {})

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
        asked: dict[str, Any] = _manifest(move.legacy.host, "besa", [])
        asked["legacy"]["databases"] = [
            described(move.legacy, name="main-db", host="server", folder="legacy")
        ]
        asked["legacy"]["files"], asked["site_engine"] = [], "mariadb"
        yield Rehearsed(move, Manifest.model_validate(asked), _site(move.site), base)


def _site(site: MariaServer) -> SiteOutputs:
    outputs = _outputs(site.host, site.dbname, dict.fromkeys(ROLES, "p"))
    strong = DatabaseRole(name=ADMIN, password=SecretStr(site.password))
    endpoint = DatabaseEndpoint(
        engine="mariadb",
        host=site.host.address,
        port=site.port,
        dbname=site.dbname,
        ca=site.ca,
        owner=DatabaseRole(name="app_owner", password=SecretStr("o")),
        application=DatabaseRole(name="app_user", password=SecretStr("u")),
        migration=strong,
        mover=strong,
    )
    return outputs.model_copy(update={"database": endpoint})
