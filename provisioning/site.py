"""
The site contract: what a site takes and what it must give back, on any substrate.

Promise: whoever reads `SiteOutputs` needs to know nothing of the substrate. A substrate is one
folder, ``provisioning/<substrate>/site.py``, with a component ``Site(name, SiteArgs, opts)`` whose
`outputs` have these names; `migrate/` and the go-live suite read them from the stack and nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

from provisioning.configuration_mark import CONFIGURATION_MARK
from provisioning.door_state import DoorState
from provisioning.manifest import Engine, Environment, Manifest
from provisioning.model import Model


@dataclass(frozen=True, kw_only=True)
class SiteArgs:
    """What a site takes, on any substrate. Size and names are in the manifest."""

    manifest: Manifest
    environment: Environment
    door: DoorState = "closed"
    door_reason: str = ""
    opens: datetime | None = None
    """By when it is to be open, as agreed, on the tenant's wall clock; shown at a closed door where the
    substrate can change that without making hosts anew."""
    configuration: str = ""
    """SHA-256 of the signed workbook that the site is configured from; empty while it is from none."""
    moving: bool = False
    """Whether a migration is under way: only then the site has a `DatabaseEndpoint.mover`."""
    tunnels: bool = False
    """Whether the keys of the manifest's tunnels are admitted: while a migration may need them."""
    services: tuple[str, ...] = ()
    """Names of `Manifest.services` that are switched on."""


class SshAccess(Model):
    """How OpenSSH, Fabric and testinfra reach the site's host."""

    alias: str
    config: str
    """Text of an ssh_config with a Host entry for `alias`, and for `runner` if any; ``{known_hosts}`` and
    ``{identity}`` in it stand for the files that `migrate.connections` writes beside it."""
    known_hosts: str
    """The pinned host keys, as known_hosts lines."""
    identity: SecretStr
    """The private key that logs in."""
    runner: str | None = None
    """Host entry of the machine that carries a move's work, while one stands; else the site's host does."""


class SftpAccess(Model):
    """Where interfaces deliver by sftp, each by its own key."""

    host: str
    port: int
    user: str
    known_hosts: str
    """The pinned host key, as a known_hosts line."""


class DatabaseRole(Model):
    name: str
    password: SecretStr


class DatabaseEndpoint(Model):
    """The tenant's database, reached from the site's host (or through it)."""

    engine: Engine = "postgresql"
    host: str
    port: int
    dbname: str
    ca: str
    """PEM; connect with sslmode=verify-full."""
    owner: DatabaseRole
    """Owns schemas and tables. Cannot create roles or databases."""
    application: DatabaseRole
    """Reads and writes rows, nothing else."""
    migration: DatabaseRole
    """Loads data as the owner during the move; a member of `owner`."""
    mover: DatabaseRole | None = None
    """Lets changes flow, for which it may do everything: PostgreSQL up to 15 and MariaDB ask for that. Where
    the server gives nobody a superuser, what a live move takes. There only while `SiteArgs.moving`."""
    reader: DatabaseRole | None = None
    """Reads figures and nothing else; on sites that are set up from a template."""


class Door(Model):
    """What lets users in. ``<command> open|closed|suspended`` flips it; alone it prints the state."""

    state: DoorState
    """As declared when the stack last ran."""
    command: str
    """On the site's host, over SSH."""


class SiteOutputs(Model):
    """Stack outputs of ``<tenant>-<environment>``."""

    host_address: str | None = None
    """Of the site's host, for its database's server and itself; None where only the host knows it."""

    tenant: str
    environment: Environment
    substrate: Literal["local", "aws"]
    url: str
    """Where users go, such as https://…; answers with 503 while the door is closed."""
    ca: str
    """PEM of the authority that signed the site's certificate."""
    site_name: str
    certificate_proof: str | None = None
    """The DNS record, ``name type value``, by which the customer proves `site_name` to whoever issues its
    certificate; None where nothing is the customer's to prove."""
    verification_path: str
    """Path below `url` that reaches the application while the door is closed, when the request
    carries `verification_token` in ``X-Verification-Token``."""
    verification_token: SecretStr
    ssh: SshAccess
    database: DatabaseEndpoint
    files: str
    """Folder on the host, absolute."""
    staging: str | None = None
    """Where an archive of this move may wait, as the manifest's ``archive: {to: ...}`` takes it: there while
    the
    move lasts, on a substrate that gives one."""
    backups: str
    """Folder on the host, absolute, where final and scheduled backups lie."""
    application_name: str
    application_version: str
    interface_token: SecretStr
    """What an https interface presents as ``Authorization: Bearer`` to deliver to this site."""
    interface_inbox: str
    """Where an sftp interface drops its files, relative to its login folder."""
    sftp: SftpAccess | None = None
    """Where sftp interfaces deliver; None where that is the host's own SSH server, as `ssh` says."""
    door: Door
    template: str | None = None
    """Folder on the host, absolute: the environment's template, as it was published."""
    configuration_mark: str = CONFIGURATION_MARK
    """File on the host, absolute or relative to the login folder: ``{"sha256": …}`` of the workbook that the
    site was configured from, written by whoever loaded it."""
    connections: str = ""
    """The site's connection log on the host, absolute: a JSON object a line; empty where none is kept."""
    services: tuple[str, ...] = ()
    """Names of the manifest's services that are switched on; every other one answers nobody."""
