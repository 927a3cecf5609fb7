"""
A move in small for tests: a legacy host, a site's host, a manifest that names them, and a step's context.

Promise: the site is what `SiteOutputs` says it is, made by hand; the local substrate's own tests prove
the rest.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from migrate.case import Case
from migrate.connections import Hosts
from migrate.step import StepContext
from provisioning.manifest import Environment, Manifest
from provisioning.site import DatabaseEndpoint, DatabaseRole, SiteOutputs
from provisioning.workspace import Workspace
from tests.support.private_hosts import BINARIES, PrivateHost, private_host

ROLES = ("app_owner", "app_user", "app_migration")


@dataclass
class Told:
    """A progress that remembers what it was told."""

    lines: list[str] = field(default_factory=list)
    done: float = 0.0
    lanes: dict[str, tuple[float, str]] = field(default_factory=dict)

    def start(self, what: str, total: float | None, unit: str) -> None:
        self.lines.append(what)

    def advance_to(self, done: float) -> None:
        self.done = done

    def lane(
        self, name: str, done: float, total: float | None = None, unit: str = "bytes", says: str = ""
    ) -> None:
        self.lanes[name] = (done, says)

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass
class Move:
    """Both hosts and the tenant that goes from one to the other. `dbname` is the database on either."""

    base: Path
    legacy: PrivateHost
    site: PrivateHost
    manifest: Manifest
    outputs: SiteOutputs
    dbname: str

    def context(
        self, hosts: Hosts, attempt: str = "realisation-1", params: Mapping[str, Any] | None = None
    ) -> StepContext:
        case = Case(hosts.workspace, self.manifest)
        return StepContext(case, hosts, Told(), attempt, params or {})

    @contextmanager
    def hosts(self, *environments: Environment) -> Iterator[Hosts]:
        """Reach both; the site is that of these environments, of prod alone unless others are named."""
        sites = {self.manifest.stack(one): self.outputs for one in environments or ("prod",)}
        with Hosts(Workspace(self.base), self.manifest, _sites=sites) as hosts:
            yield hosts


@contextmanager
def a_move(
    base: Path,
    dbname: str = "besa",
    interfaces: list[dict[str, Any]] | None = None,
    site_binaries: Path = BINARIES,
    legacy_binaries: Path = BINARIES,
    is_servers_own: bool = False,
) -> Iterator[Move]:
    """
    Start both hosts, with an empty database and the site's roles; stop them at the end.

    Args:
        is_servers_own: The site's login is the user that its server runs as.
    """
    with (
        private_host("legacy", base, binaries=legacy_binaries) as legacy,
        private_host("site", base, binaries=site_binaries, is_servers_own=is_servers_own) as site,
    ):
        for host in (legacy, site):
            host.psql("postgres", f"CREATE DATABASE {dbname}")
        passwords = {role: secrets.token_urlsafe(9) for role in ROLES}
        for role, password in passwords.items():
            site.psql("postgres", f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        site.psql(
            "postgres",
            f"GRANT app_owner TO app_migration; ALTER DATABASE {dbname} OWNER TO app_owner;"
            f"REVOKE ALL ON DATABASE {dbname} FROM PUBLIC; GRANT CONNECT ON DATABASE {dbname} TO app_user;"
            f"GRANT CONNECT ON DATABASE {dbname} TO app_migration",
        )
        (site.folder / "files").mkdir()
        (legacy.folder / "documents").mkdir()
        (legacy.folder / "etc" / "ca.pem").write_text(legacy.ca)
        (legacy.folder / "etc" / "superuser").chmod(0o600)
        manifest = Manifest.model_validate(_manifest(legacy, dbname, interfaces or []))
        yield Move(base, legacy, site, manifest, _outputs(site, dbname, passwords), dbname)


def _manifest(legacy: PrivateHost, dbname: str, interfaces: list[dict[str, Any]]) -> dict[str, Any]:
    person = {"name": "Erika Muster", "email": "erika@alpenblick.example"}
    return {
        "tenant": "alpenblick",
        "display_name": "Alpenblick",
        "playbook": "besa",
        "substrate": "local",
        "site_name": "alpenblick.care.example",
        "application": {"name": "care", "version": "1.0.0", "artifact": "app"},
        "contacts": {"responsible": person, "technical": person},
        "legacy": {
            "hosts": [{"name": "server", "ssh_config": "legacy/etc/ssh_config", "ssh_alias": "legacy"}],
            "databases": [
                {
                    "name": "main-db",
                    "host": "server",
                    "port": legacy.pg_port,
                    "dbname": dbname,
                    "user": "postgres",
                    "password_file": "legacy/etc/superuser",
                    "ca_file": "legacy/etc/ca.pem",
                }
            ],
            "files": [{"name": "documents", "host": "server", "path": "documents"}],
        },
        "interfaces": interfaces,
        "window": {
            "opens_at": "2027-07-01T18:00:00+02:00",
            "closes_at": "2027-07-02T12:00:00+02:00",
            "time_zone": "Europe/Zurich",
        },
        "support": {"email": "support@vendor.example"},
    }


def _outputs(site: PrivateHost, dbname: str, passwords: Mapping[str, str]) -> SiteOutputs:
    owner, user, migration = (DatabaseRole(name=role, password=SecretStr(passwords[role])) for role in ROLES)
    etc = site.folder / "etc"
    config = site.ssh_config.read_text()
    return SiteOutputs.model_validate(
        {
            "tenant": "alpenblick",
            "environment": "prod",
            "substrate": "local",
            "url": "https://alpenblick.care.example",
            "ca": site.ca,
            "site_name": "alpenblick.care.example",
            "verification_path": "/.bascule/verify/",
            "verification_token": "none",
            "ssh": {
                "alias": site.alias,
                "config": config.replace(str(etc / "known_hosts"), "{known_hosts}").replace(
                    str(etc / "identity"), "{identity}"
                ),
                "known_hosts": (etc / "known_hosts").read_text(),
                "identity": (etc / "identity").read_text(),
            },
            "database": DatabaseEndpoint(
                host=site.address,
                port=site.pg_port,
                dbname=dbname,
                ca=site.ca,
                owner=owner,
                application=user,
                migration=migration,
                mover=DatabaseRole(name="postgres", password=SecretStr(site.superuser_password)),
            ),
            "files": str(site.folder / "files"),
            "backups": str(site.folder / "backups"),
            "application_name": "care",
            "application_version": "1.0.0",
            "interface_token": "none",
            "interface_inbox": "inbox",
            "door": {"state": "closed", "command": "echo closed"},
        }
    )
