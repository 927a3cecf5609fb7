"""
A tenant whose MariaDB moves between two real hosts to a site with a MariaDB, which is there by hand.

Promise: the site, test and prod alike, is what `SiteOutputs` says it is; whoever derives from this makes the
accounts that are named there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from migrate.case import Case
from migrate.connections import Hosts
from migrate.step import StepContext
from provisioning.manifest import Manifest
from provisioning.site import DatabaseEndpoint, DatabaseRole, SiteOutputs
from provisioning.workspace import Workspace
from tests.support.crossing import described
from tests.support.mariadb_hosts import ADMIN, MariaMove, MariaServer
from tests.support.moves import ROLES, Told, _manifest, _outputs


@dataclass
class MariaTenant:
    """Both hosts; `outputs` are the site's, in either environment."""

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

    def context(self, hosts: Hosts, attempt: str = "rehearsal-1", **params: Any) -> StepContext:
        return StepContext(self.case, hosts, Told(), attempt, params)


def maria_manifest(move: MariaMove, **of_database: Any) -> dict[str, Any]:
    """What the tenant's manifest says; `of_database` is said of the one database beside where it is."""
    asked = _manifest(move.legacy.host, "besa", [])
    database = described(move.legacy, name="main-db", host="server", folder="legacy") | of_database
    asked["legacy"]["databases"], asked["site_engine"] = [database], "mariadb"
    return asked


def maria_outputs(site: MariaServer, *, owner: DatabaseRole, application: DatabaseRole) -> SiteOutputs:
    """What a site with this server gives back; its administrator stands in for migration role and mover."""
    strong = DatabaseRole(name=ADMIN, password=SecretStr(site.password))
    endpoint = DatabaseEndpoint(
        engine="mariadb",
        host=site.host.address,
        port=site.port,
        dbname=site.dbname,
        ca=site.ca,
        owner=owner,
        application=application,
        migration=strong,
        mover=strong,
    )
    outputs = _outputs(site.host, site.dbname, dict.fromkeys(ROLES, "p"))
    return outputs.model_copy(update={"database": endpoint})
