"""
The database of a local site: a server of the engine that the manifest asks for, and who may do what in it.

Promise: whichever it is, a site gets a `SiteDatabase`; another engine is one function in `SITE_DATABASES`.
What each login may do is the least that the site contract says of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pulumi import Input, Output, ResourceOptions

from provisioning.local import mariadb, ports
from provisioning.local.components import DatabaseServer, Machine
from provisioning.local.resources import (
    BackupSchedule,
    Certificate,
    Database,
    DatabaseRole,
    MariadbAccount,
    MariadbDatabase,
    MariadbServer,
    Password,
)
from provisioning.manifest import Engine
from provisioning.site import SiteArgs

PORTS: dict[Engine, int] = {"postgresql": ports.POSTGRESQL, "mariadb": ports.MARIADB}

_ALL = ("ALL PRIVILEGES",)
_ROWS = ("DELETE", "EXECUTE", "INSERT", "SELECT", "UPDATE")


@dataclass(frozen=True)
class SiteDatabase:
    """What a site and its application know of the database."""

    endpoint: dict[str, Any]
    """As `provisioning.site.DatabaseEndpoint`."""
    settings: dict[str, Input[str]]
    """Environment of the application; ``APP_DATABASE`` says where the database is."""
    contents: dict[str, Input[str]]
    """Files of the application, by their path on the host."""


def postgresql(name: str, args: SiteArgs, machine: Machine, child: ResourceOptions) -> SiteDatabase:
    """A PostgreSQL cluster; ``APP_DATABASE`` is a libpq connection string."""
    manifest, sizing = args.manifest, args.manifest.sizing_of(args.environment)
    server = DatabaseServer(
        f"{name}-db",
        machine=machine,
        memory_mb=sizing.database_memory_mb,
        connections=sizing.database_connections,
        opts=child,
    )
    dbname = manifest.site_dbname
    owner = server.role(f"{dbname}_owner")
    application = server.role(f"{dbname}_app")
    migration = server.role(
        f"{dbname}_migration",
        member_of=[owner.name, "pg_read_all_data", "pg_signal_backend"],
        # Rows are loaded in any order, and triggers fired on the legacy system already.
        may_set=["session_replication_role"],
    )
    # Who looks at figures, and at nothing else; what these are, the owner grants when it makes them.
    reader = server.role(f"{dbname}_reader") if manifest.deployment else None
    mover = (
        server.role(f"{dbname}_mover", attributes=["SUPERUSER"], is_temporary=True) if args.moving else None
    )
    database = Database(
        f"{name}-database",
        host=machine.folder,
        cluster=server.cluster,
        name=dbname,
        owner=owner.name,
        application=application.name,
        connects=[migration.name, *([reader.name] if reader else [])],
        # Temporary roles that changes flow by.
        guests="bascule_" if args.moving else "",
        final_backup=args.environment == "prod",
        opts=child,
    )
    BackupSchedule(
        f"{name}-backups",
        host=machine.folder,
        cluster=server.cluster,
        database=database.name,
        opts=child,
    )
    etc = Output.concat(machine.folder, "/etc/application")
    return SiteDatabase(
        endpoint={
            **_endpoint("postgresql", machine, database.name, owner, application, migration, mover),
            "reader": _login(reader) if reader else None,
        },
        settings={
            "APP_DATABASE": Output.format(
                "host={0} port={1} dbname={2} user={3} "
                "sslmode=verify-full sslrootcert={4}/ca.crt passfile={4}/pgpass",
                machine.address,
                ports.POSTGRESQL,
                database.name,
                application.name,
                etc,
            ),
            "PGPASSFILE": Output.concat(etc, "/pgpass"),
        },
        contents={
            "etc/application/pgpass": Output.concat(
                "*:*:*:", application.name, ":", application.password, "\n"
            ),
        },
    )


def mariadb_server(name: str, args: SiteArgs, machine: Machine, child: ResourceOptions) -> SiteDatabase:
    """A MariaDB server; ``APP_DATABASE`` is the path of an option file for its clients, group ``client``."""
    manifest, sizing = args.manifest, args.manifest.sizing_of(args.environment)
    dbname = manifest.site_dbname
    server = MariadbServer(
        f"{name}-db-server",
        host=machine.folder,
        address=machine.address,
        port=ports.MARIADB,
        certificate=Certificate(
            f"{name}-db-cert", authority=machine.authority, names=[machine.address], opts=child
        ),
        memory_mb=sizing.database_memory_mb,
        connections=sizing.database_connections,
        # As rows come in a move.
        takes_files=args.moving,
        opts=child,
    )

    def account(
        role: str, grants: dict[str, tuple[str, ...]], opts: ResourceOptions = child
    ) -> MariadbAccount:
        password = Password(f"{name}-db-{dbname}_{role}-password", opts=opts)
        return MariadbAccount(
            f"{name}-db-{dbname}_{role}",
            host=machine.folder,
            server=server,
            name=f"{dbname}_{role}",
            password=password.value,
            grants=grants,
            opts=opts,
        )

    here = mariadb.all_of(dbname)
    owner, application = account("owner", {here: _ALL}), account("app", {here: _ROWS})
    # Bodies of routines are shown to whoever may read their table.
    migration = account("migration", {here: _ALL, "`mysql`.`proc`": ("SELECT",)})
    mover = (
        account(
            "mover",
            {"*.*": (*_ALL, "GRANT OPTION")},
            ResourceOptions.merge(child, ResourceOptions(protect=False)),
        )
        if args.moving
        else None
    )
    database = MariadbDatabase(
        f"{name}-database",
        host=machine.folder,
        server=server,
        name=dbname,
        final_backup=args.environment == "prod",
        opts=child,
    )
    BackupSchedule(
        f"{name}-backups",
        host=machine.folder,
        cluster=server,
        database=database.name,
        engine="mariadb",
        opts=child,
    )
    return SiteDatabase(
        endpoint=_endpoint("mariadb", machine, database.name, owner, application, migration, mover),
        settings={"APP_DATABASE": Output.concat(machine.folder, "/etc/application/database.cnf")},
        contents={
            "etc/application/database.cnf": Output.format(
                "[client]\nprotocol=TCP\nhost={0}\nport={1}\ndatabase={2}\nuser={3}\npassword={4}\n"
                "ssl-ca={5}/etc/application/ca.crt\nssl-verify-server-cert\n"
                "default-character-set=utf8mb4\n",
                machine.address,
                ports.MARIADB,
                database.name,
                application.name,
                application.password,
                machine.folder,
            )
        },
    )


SITE_DATABASES: dict[Engine, Callable[[str, SiteArgs, Machine, ResourceOptions], SiteDatabase]] = {
    "postgresql": postgresql,
    "mariadb": mariadb_server,
}
"""By engine, as ``site_engine`` names it."""

_Login = DatabaseRole | MariadbAccount


def _endpoint(
    engine: Engine,
    machine: Machine,
    dbname: Output[str],
    owner: _Login,
    application: _Login,
    migration: _Login,
    mover: _Login | None,
) -> dict[str, Any]:
    return {
        "engine": engine,
        "host": machine.address,
        "port": PORTS[engine],
        "dbname": dbname,
        "ca": machine.authority.certificate,
        "owner": _login(owner),
        "application": _login(application),
        "migration": _login(migration),
        "mover": _login(mover) if mover else None,
    }


def _login(role: _Login) -> dict[str, Output[str]]:
    return {"name": role.name, "password": role.password}
