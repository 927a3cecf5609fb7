"""
A site whose database server gives nobody a superuser, as Amazon RDS does.

Promise: its roles are made by the very file that hosts on AWS run, as a master who has what RDS's has, and
no more: the attribute REPLICATION stands for RDS's ``rds_replication``, which no other server honours.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fabric import Connection as SshConnection
from pydantic import SecretStr

from migrate.connections import Hosts
from migrate.databases import Database, legacy_database
from migrate.transfer.contract import Task
from provisioning.site import DatabaseRole
from tests.support.aws_host import SECRET_VALUES, settings, settle
from tests.support.moves import Move, a_move
from tests.support.postgres_versions import servers
from tests.support.private_hosts import PrivateHost

MASTER = "bascule_master"
MOVER_PASSWORD = secrets.token_urlsafe(12)
_MASTER = """
CREATE ROLE rds_superuser;
GRANT pg_monitor, pg_read_all_data, pg_signal_backend, pg_create_subscription TO rds_superuser
    WITH ADMIN OPTION;
GRANT SET ON PARAMETER session_replication_role TO rds_superuser WITH GRANT OPTION;
CREATE ROLE {master} LOGIN CREATEROLE CREATEDB REPLICATION PASSWORD '{password}';
GRANT rds_superuser TO {master} WITH ADMIN OPTION;
"""


def make_master(host: PrivateHost, dbname: str) -> None:
    """Make the master, who owns the database as RDS's does."""
    statements = _MASTER.format(master=MASTER, password=host.superuser_password)
    host.psql("postgres", f"{statements} ALTER DATABASE {dbname} OWNER TO {MASTER}")


def make_roles(host: PrivateHost, dbname: str, *, moving: bool) -> None:
    """Have the master make the site's roles, as each start of a host does."""
    program, ca_file = settle(), host.folder / "home" / "etc" / "application" / "ca.crt"
    ca_file.parent.mkdir(parents=True, exist_ok=True)
    ca_file.write_text(host.ca)
    told = settings(database_host=host.address, database_port=str(host.pg_port))
    told |= {role: f"app_{role}" for role in ("owner", "application", "migration", "mover")}
    told["dbname"] = dbname
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "HOME", host.folder / "home")
        master = {"username": MASTER, "password": host.superuser_password}
        patch.setattr(program, "secret", lambda settings, identity: master)
        given = {"mover_password": MOVER_PASSWORD} if moving else {}
        program.make_roles(told, {**SECRET_VALUES, **given})


@contextmanager
def a_managed_move(base: Path, version: int) -> Iterator[Move]:
    """Start both hosts as `a_move` does, the site's server such a one, its outputs with its own roles."""
    with a_move(base, site_binaries=servers()[version]) as move:
        move.site.psql("postgres", "DROP OWNED BY app_owner, app_user, app_migration")
        make_master(move.site, move.dbname)
        move.site.psql("postgres", "DROP ROLE app_owner, app_user, app_migration")
        make_roles(move.site, move.dbname, moving=True)
        database = move.outputs.database.model_copy(update=logins())
        yield replace(move, outputs=move.outputs.model_copy(update={"database": database}))


def task(move: Move, hosts: Hosts) -> Task:
    """From legacy to the site, as its mover."""
    end = move.site.endpoint(move.dbname, "app_mover", MOVER_PASSWORD)
    (database,) = move.manifest.legacy.databases
    return Task(
        name=database.name,
        attempt="replication-1",
        source=replace(legacy_database(hosts, database), kept=None),
        target=Database(f"{move.dbname} on site", end, hosts.target()),
        owner="app_owner",
        application="app_application",
        tenant="alpenblick",
    )


def application(move: Move, through: SshConnection) -> Database:
    """The site's database as its users' application has it."""
    end = move.site.endpoint(move.dbname, "app_application", SECRET_VALUES["application_password"])
    return Database("as a user", end, through)


def logins() -> dict[str, DatabaseRole]:
    """The roles of the site's database, as its outputs name them."""
    passwords = {role: SECRET_VALUES[f"{role}_password"] for role in ("owner", "application", "migration")}
    return {
        role: DatabaseRole(name=f"app_{role}", password=SecretStr(password))
        for role, password in {**passwords, "mover": MOVER_PASSWORD}.items()
    }
