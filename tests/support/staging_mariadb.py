"""
A tenant to be carried whose database is a MariaDB, to a site with MariaDB: two real servers, files, a disk.

Promise: the site is what `SiteOutputs` says it is, made by hand, as `tests.support.moves` does it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from migrate.archive import keys, stage
from migrate.archive.layout import Manifest as Made
from migrate.connections import Hosts
from migrate.moving import moves
from migrate.transfer.contract import Task
from provisioning.manifest import Manifest
from provisioning.site import DatabaseRole
from provisioning.workspace import Workspace
from tests.support.mariadb_hosts import a_maria_move
from tests.support.mariadb_tenants import MariaTenant, maria_manifest, maria_outputs
from tests.support.moves import Told
from tests.support.staging import CHUNK_BYTES, TENANT, fill

OWNER = (
    "SET sql_log_bin = 0; CREATE USER app_owner@'%' IDENTIFIED BY 'p'; GRANT ALL ON besa.* TO app_owner@'%'"
)


@dataclass
class MariaStaged(MariaTenant):
    """A move by disk. `disk` is where archives go."""

    disk: Path

    @property
    def documents(self) -> Path:
        """The tree on legacy."""
        return self.move.legacy.host.folder / "documents"

    def task(self, hosts: Hosts, attempt: str = "realisation-1") -> Task:
        ((_, task),) = moves(self.context(hosts, attempt))
        return task

    def out(self, hosts: Hosts, told: Told | None = None, **words: Any) -> Made:
        return stage.stage_out(
            self.case, hosts, str(self.disk), told or Told(), chunk_bytes=CHUNK_BYTES, **words
        )

    def load(self, hosts: Hosts, archive: str = "") -> stage.Received:
        return stage.stage_in(self.case, hosts, str(self.disk), Told(), archive=archive)


@contextmanager
def a_staged_maria_move(base: Path, schema: str, *, is_servers_own: bool = False) -> Iterator[MariaStaged]:
    """Start both hosts with data on legacy, make keys and an empty disk; the switch as of `a_maria_move`."""
    with a_maria_move(base, is_servers_own=is_servers_own) as move:
        for server in (move.legacy, move.site):
            server.sql(OWNER)
        move.legacy.sql(schema)
        disk = base / "disk"
        disk.mkdir()
        (move.site.host.folder / "files").mkdir()
        asked = maria_manifest(move, transfer={"mode": "staged", "archive": {"to": str(disk)}})
        keys.make(Workspace(base), TENANT)
        owner = DatabaseRole(name="app_owner", password=SecretStr("p"))
        outputs = maria_outputs(move.site, owner=owner, application=owner)
        staged = MariaStaged(move, Manifest.model_validate(asked), outputs, base, disk)
        fill(staged.documents)
        yield staged
