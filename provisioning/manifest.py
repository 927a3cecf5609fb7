"""
A tenant's manifest, ``stacks/<tenant>.yaml``: who the tenant is and what it asked for.

Promise: a `Manifest` that exists is sound. Names in it are safe in a path, a shell and SQL;
unknown keys were refused; every reference names something that the manifest defines.
Reading a file, with every fault told at once, is `provisioning.manifest_file`.
"""

from collections.abc import Iterator
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, EmailStr, Field, HttpUrl, model_validator

from provisioning.manifest_access import Access
from provisioning.manifest_base import AgeRecipient as AgeRecipient
from provisioning.manifest_base import ArchivePlace as ArchivePlace
from provisioning.manifest_base import HostName as HostName
from provisioning.manifest_base import Identifier as Identifier
from provisioning.manifest_base import Name as Name
from provisioning.manifest_base import Person as Person
from provisioning.manifest_base import RelativePath as RelativePath
from provisioning.manifest_base import Text as Text
from provisioning.manifest_base import TimeZone as TimeZone
from provisioning.manifest_deployment import Deployment, Subscription
from provisioning.manifest_inventory import Inventory
from provisioning.manifest_operations import Operations
from provisioning.manifest_purge import Purge
from provisioning.manifest_references import misfits
from provisioning.manifest_services import Service, Workplace
from provisioning.model import Location, Misfit, Model, refuse_misfits

Environment = Literal["test", "prod"]
Engine = Literal["postgresql", "mariadb"]
"""Of a database, on either side of a move."""

WAYS: dict[tuple[Engine, Engine], frozenset[str]] = {
    ("postgresql", "postgresql"): frozenset({"live", "bulk", "staged", "staged-bulk"}),
    ("mariadb", "postgresql"): frozenset({"bulk"}),
    ("mariadb", "mariadb"): frozenset({"live", "staged"}),
}
"""The modes in which a database of one engine moves to another; no other pair moves at all."""


MOST_TUNNELLED = 9
"""Hosts that open a tunnel, and databases or trees behind one: `provisioning.tunnel` counts ports by it."""


class Contacts(Model):
    """Who signs and who is asked."""

    responsible: Person = Field(description="Confirms the offer and accepts the site, by signature.")
    technical: Person = Field(description="Knows the legacy servers.")


class Tunnel(Model):
    """A reverse SSH tunnel that the legacy host opens itself, from behind its firewall: docs/tunnels.md."""

    public_key: str = Field(
        pattern=r"^ssh-ed25519 [A-Za-z0-9+/=]+( [ -~]*)?$",
        description="Of the key that was made on the legacy host; the site admits it for the tunnel alone.",
    )


class LegacyHost(Model):
    """A server that the tenant leaves, as OpenSSH reaches it."""

    name: Name
    ssh_config: RelativePath = Field(
        description="An ssh_config file, relative to the workspace; its host keys are pinned."
    )
    ssh_alias: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="The Host entry in that file.")
    tunnel: Tunnel | None = Field(
        default=None,
        description="Where nobody reaches the host from outside: it opens a tunnel to the site's host.",
    )


class Archive(Model):
    """Where the archive of a tenant goes that no network carries, and who may read it."""

    to: ArchivePlace = Field(
        description="A folder, such as /media/disk, a disk's device, such as /dev/sdb1, or s3://bucket/prefix."
    )
    recipients: tuple[AgeRecipient, ...] = Field(
        default=(),
        description="Who may read it beside whoever holds the site's identity: public age recipients.",
    )


class DatabaseTransfer(Model):
    """How a database moves, where that is not left to the assessment."""

    mode: Literal["auto", "live", "bulk", "staged"] = Field(
        default="auto",
        description="staged: its base is carried in an archive; auto: what the assessment chooses.",
    )
    delta: Literal["live", "bulk"] = Field(
        default="live",
        description="staged: what changed since flows (live), or is carried within the freeze (bulk).",
    )
    archive: Archive | None = Field(default=None, description="staged: where it goes, and who may read it.")

    @model_validator(mode="after")
    def _archive_has_a_place(self) -> Self:
        if self.mode == "staged" and self.archive is None:
            raise ValueError("mode staged needs archive: with to:, a folder or s3://bucket/prefix")
        if self.mode in ("live", "bulk") and self.archive is not None:
            raise ValueError(f"mode {self.mode} makes no archive; set mode: staged, or take archive: out")
        return self


class LegacyDatabase(Model):
    """A database that the tenant leaves. Its address is that of its host."""

    name: Name
    engine: Engine = "postgresql"
    host: Name = Field(description="Name under legacy.hosts.")
    port: int = Field(default=5432, ge=1, le=65535)
    dbname: Identifier
    user: Identifier = Field(description="May read everything and switch the database to read-only.")
    password_file: RelativePath = Field(description="Mode 0600, relative to the workspace, one line.")
    ca_file: RelativePath = Field(
        description="PEM, relative to the workspace; the server's certificate is checked against it."
    )
    transfer: DatabaseTransfer = Field(default=DatabaseTransfer(), description="How it moves.")


class LegacyFiles(Model):
    """A tree of files that the tenant leaves."""

    name: Name
    host: Name = Field(description="Name under legacy.hosts.")
    path: RelativePath = Field(description="Relative to the login folder of that host.")


class Legacy(Model):
    """All that the tenant leaves."""

    hosts: tuple[LegacyHost, ...] = Field(min_length=1)
    databases: tuple[LegacyDatabase, ...] = Field(min_length=1)
    files: tuple[LegacyFiles, ...] = ()

    @model_validator(mode="after")
    def _tunnels_have_room(self) -> Self:
        refuse_misfits(self, self._too_much_tunnelled())
        return self

    def _too_much_tunnelled(self) -> Iterator[Misfit]:
        """Each tunnel has so many ports; what flows through one is PostgreSQL's."""
        behind = [host.name for host in self.hosts if host.tunnel is not None]
        if len(behind) > MOST_TUNNELLED:
            yield ("hosts",), f"{len(behind)} hosts open a tunnel; at most {MOST_TUNNELLED} can"
        for position, database in enumerate(self.databases):
            if database.host in behind and database.engine != "postgresql":
                yield (
                    ("databases", position, "engine"),
                    f"{database.name} is on {database.host}, behind a tunnel, which carries PostgreSQL only",
                )
        for host in behind:
            for kind, parts in (("databases", self.databases), ("files", self.files)):
                if len([part for part in parts if part.host == host]) > MOST_TUNNELLED:
                    yield (
                        (kind,),
                        f"{host} opens a tunnel for at most {MOST_TUNNELLED} databases and trees each",
                    )


class Interface(Model):
    """Something that sends data to the tenant's system and has to send them elsewhere after the move."""

    name: Name
    kind: Literal["https", "sftp"]
    host: Name = Field(description="Name under legacy.hosts: where the connector runs.")
    control: RelativePath = Field(
        description="The connector's control command on that host; see docs/interfaces.md."
    )
    public_key: str | None = Field(
        default=None,
        pattern=r"^ssh-ed25519 [A-Za-z0-9+/=]+( [ -~]*)?$",
        description="sftp: the key that the connector logs in with.",
    )

    @model_validator(mode="after")
    def _sftp_has_a_key(self) -> Self:
        if self.kind == "sftp" and self.public_key is None:
            raise ValueError("public_key is missing: the site admits an SFTP connector by its key only")
        return self


class Effect(Model):
    """Something that the tenant's system sends out into the world, which no rollback can call back."""

    name: Text = Field(description="As people call it, such as invoices.")
    table: tuple[Identifier, Identifier] = Field(description="Schema and table that record it.")
    at: Identifier = Field(description="Column with the moment of sending.")
    shows: Identifier = Field(description="Column that people know it by, such as a number.")


class Window(Model):
    """When the customer wishes the move to happen. Moments carry their offset; `time_zone` shows them."""

    opens_at: AwareDatetime
    closes_at: AwareDatetime
    time_zone: TimeZone
    way_back_hours: int = Field(
        default=168, ge=1, le=24 * 90, description="How long after going live one may still go back."
    )

    @model_validator(mode="after")
    def _ends_after_it_opens(self) -> Self:
        if self.closes_at <= self.opens_at:
            raise ValueError("closes_at is not after opens_at")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Throttle(Model):
    """When a move yields to the legacy system's own work: any one limit has the copy wait."""

    times_slower: int = Field(
        default=10, ge=2, le=1000, description="Than a small query was before the copy began."
    )
    at_least_ms: int = Field(
        default=100, ge=1, le=60000, description="Below this a query counts as quick, whatever it was before."
    )
    behind_mb: int = Field(
        default=64, ge=1, le=1024 * 1024, description="More than a standby of legacy was behind before."
    )
    active_sessions: int | None = Field(
        default=None, ge=1, description="Sessions at work at once; by default half of what legacy allows."
    )
    files_kb_per_second: int | None = Field(
        default=None, ge=16, description="KiB a second at most, for files while legacy works."
    )

    def sessions_at_most(self, allowed: int) -> int:
        """How many sessions may be at work on a server that allows so many: as named, or half of them."""
        return allowed // 2 if self.active_sessions is None else self.active_sessions


class Sizing(Model):
    """How large one environment is. On the local substrate it sets the database's memory and connections."""

    database_memory_mb: int = Field(default=128, ge=32, le=65536)
    database_connections: int = Field(default=60, ge=20, le=1000)
    application_workers: int = Field(default=4, ge=1, le=64)


class Application(Model):
    """What runs on the site, as a versioned artifact."""

    name: Name
    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")
    artifact: RelativePath = Field(description="A folder or archive, relative to the workspace.")
    settings: dict[Identifier, str] = Field(
        default_factory=dict, description="Handed to the application; no secrets."
    )


class Support(Model):
    """Whom the tenant turns to afterwards."""

    email: EmailStr
    url: HttpUrl | None = None


NOTHING_TO_LEAVE = Legacy.model_construct(hosts=(), databases=(), files=())
"""Of a tenant who begins afresh."""


class Manifest(Model):
    """One tenant: ``stacks/<tenant>.yaml``."""

    tenant: Name
    display_name: Text = Field(description="As the customer writes it.")
    language: Literal["fr", "de", "nb", "en"] = "en"
    currency: Literal["CHF", "EUR", "NOK"] = "CHF"
    playbook: Name = Field(
        description="Name of a file in migrate/playbooks/ or, first, in the workspace's playbooks/."
    )
    substrate: Literal["local", "aws"]
    site_name: HostName = Field(description="The site's host name, agreed with the customer.")
    site_engine: Engine = Field(
        default="postgresql", description="What the site's database is; the application has to know it."
    )
    application: Application
    contacts: Contacts
    legacy: Legacy = Field(
        default=NOTHING_TO_LEAVE, description="Left out by a tenant who leaves no system behind."
    )
    deployment: Deployment | None = Field(
        default=None, description="How the site is set up for a tenant who begins afresh."
    )
    subscription: Subscription | None = Field(
        default=None, description="What is billed from going live on, and where that is told."
    )
    mode: Literal["live", "bulk"] | None = Field(
        default=None, description="How databases move; by default what the assessment chooses."
    )
    throttle: Throttle = Field(
        default_factory=Throttle, description="When the move yields to legacy's own work."
    )
    interfaces: tuple[Interface, ...] = ()
    effects: tuple[Effect, ...] = Field(
        default=(), description="What is sent out of the system: listed when a rollback leaves it behind."
    )
    modules: tuple[Name, ...] = Field(default=(), description="Such as epdoc.")
    inventory: Inventory = Field(
        default_factory=Inventory, description="Where databases are looked for beside those that move."
    )
    purge: Purge | None = Field(default=None, description="What is too old to move.")
    access: Access | None = Field(default=None, description="Roles, and where accounts are kept.")
    services: tuple[Service, ...] = Field(default=(), description="Switched on after the move.")
    workplace: Workplace | None = Field(default=None, description="Workstations, and what they need.")
    window: Window
    sizing: dict[Environment, Sizing] = Field(default_factory=dict)
    support: Support
    operations: Operations | None = Field(
        default=None, description="When people work, and how the site is followed after going live."
    )

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        refuse_misfits(self, [*misfits(self.model_dump()), *self._misfits()])
        return self

    def _misfits(self) -> Iterator[Misfit]:
        if self.tenant == "platform":
            yield (
                ("tenant",),
                "platform is what the sites of a class share, and no tenant; take another name",
            )
        if not self.legacy.databases and "database" not in self.application.settings:
            yield (
                ("application", "settings", "database"),
                "is missing: no database of legacy gives the site's its name",
            )
        if self.deployment is not None and self.site_engine != "postgresql":
            yield (
                ("site_engine",),
                f"templates are for PostgreSQL; take site_engine: {self.site_engine} out",
            )
        if self.effects and self.site_engine != "postgresql":
            yield ("effects",), f"cannot be listed on a site with {self.site_engine}; take them out"
        for position, database in enumerate(self.legacy.databases):
            yield from self._astray(("legacy", "databases", position), database)

    def _astray(self, at: Location, database: LegacyDatabase) -> Iterator[Misfit]:
        """Why a database finds no way to the site."""
        asked = database.transfer.mode
        if self.mode is not None and asked not in ("auto", self.mode):
            yield (
                (*at, "transfer", "mode"),
                f"mode: {self.mode}, yet {database.name} asks for {asked}; take one of them out",
            )
        ways = WAYS.get((database.engine, self.site_engine))
        if ways is None:
            ends = sorted(end for start, end in WAYS if start == database.engine)
            yield (
                (*at, "engine"),
                f"{database.name} is {database.engine}, and nothing moves that to {self.site_engine};"
                f" set site_engine: {' or '.join(ends)}",
            )
        elif self.asked_mode is not None and self.asked_mode not in ways:
            yield (
                ("mode",) if asked == "auto" else (*at, "transfer", "mode"),
                f"{database.name} moves from {database.engine} to {self.site_engine} in mode"
                f" {' or '.join(sorted(ways))}, not {self.asked_mode}; take mode out, or set site_engine",
            )
        if self.site_engine == "mariadb" and self.site_dbname != database.dbname:
            yield (
                ("application", "settings", "database"),
                f"is {self.site_dbname}, yet {database.name} is called {database.dbname}: changes flow"
                " between databases of one name only; take it out",
            )

    @property
    def asked_mode(self) -> str | None:
        """How databases move, where the manifest says so; ``staged-bulk`` is staged with delta bulk."""
        for database in self.legacy.databases:
            asked = database.transfer
            if asked.mode != "auto":
                return "staged-bulk" if (asked.mode, asked.delta) == ("staged", "bulk") else asked.mode
        return self.mode

    @property
    def archive(self) -> Archive | None:
        """Where an archive of the tenant goes; all of its databases and files are in one."""
        every = (database.transfer.archive for database in self.legacy.databases)
        return next((one for one in every if one is not None), None)

    @property
    def site_dbname(self) -> str:
        """What the site's database is called: as the application asks, else as on legacy."""
        return self.application.settings.get("database") or self.legacy.databases[0].dbname

    @property
    def begins_afresh(self) -> bool:
        """Whether the tenant leaves no system behind, so that nothing is frozen or moved."""
        return not self.legacy.databases

    def sizing_of(self, environment: Environment) -> Sizing:
        return self.sizing.get(environment, Sizing())

    def stack(self, environment: Environment) -> str:
        """The Pulumi stack of one environment."""
        return f"{self.tenant}-{environment}"
