"""
The server in the cellar: database, application, two connectors and the people at work on it.

Promise: made from the same parts as a site, so that whatever moves it meets real servers; it has no
door that closes, and a migration role that may do everything, as on a customer's own machine.
"""

from pathlib import Path

import pulumi
from pulumi import Output

from provisioning.local import ports
from provisioning.local.components import DatabaseServer, Machine, address_of_stack
from provisioning.local.resources import (
    Certificate,
    Database,
    DatabaseRole,
    Door,
    Folder,
    Password,
    Program,
    SshKey,
    WebServer,
)

HERE = Path(__file__).resolve().parents[2]
DATABASE = "alpenblick"
INTERVALS = {"medikamente": ("https", 0.2), "labor": ("sftp", 1.0)}
"""Interfaces: their kind, and seconds between two messages of the partner system."""

_NAME = "legacy"
_SOCKET = "run/app.sock"


def declare() -> None:
    """Declare the legacy host and export what the demo needs to know of it."""
    config = pulumi.Config("alpenblick-legacy")
    address = address_of_stack(config.get("address"))
    sftp_key = SshKey(f"{_NAME}-labor-key", comment="labor@alpenblick")
    machine = Machine(_NAME, address=address, interface_keys=[sftp_key.public_key])
    server = DatabaseServer(f"{_NAME}-db", machine=machine, memory_mb=128, connections=60)
    owner = server.role(f"{DATABASE}_owner")
    application = server.role(f"{DATABASE}_app")
    migration = server.role("umzug", attributes=["SUPERUSER"])
    database = Database(
        f"{_NAME}-database",
        host=machine.folder,
        cluster=server.cluster,
        name=DATABASE,
        owner=owner.name,
        application=application.name,
        connects=[migration.name],
        guests="bascule_",
    )
    token = Password(f"{_NAME}-interface-token").value
    app = _application(machine, database, application, token, config.require("version"))
    web = _web_server(machine, app)
    _connectors(machine, sftp_key)
    _workload(machine, database, application)
    for name, value in {
        "ssh": machine.ssh,
        "address": address,
        "ssh_port": ports.SSH,
        "url": web.url,
        "ca": machine.authority.certificate,
        "folder": machine.folder,
        "interface_token": token,
        "interface_inbox": "inbox",
        "labor_public_key": sftp_key.public_key,
        "database": {
            "name": database.name,
            "port": ports.POSTGRESQL,
            "owner": {"name": owner.name, "password": owner.password},
            "application": {"name": application.name, "password": application.password},
            "migration": {"name": migration.name, "password": migration.password},
        },
    }.items():
        pulumi.export(name, value)


def _conninfo(machine: Machine, database: Database, role: DatabaseRole, etc: str) -> Output[str]:
    return Output.format(
        "host={0} port={1} dbname={2} user={3}"
        " sslmode=verify-full sslrootcert={4}/ca.crt passfile={4}/pgpass",
        machine.address,
        ports.POSTGRESQL,
        database.name,
        role.name,
        Output.concat(machine.folder, "/", etc),
    )


def _login_files(machine: Machine, role: DatabaseRole, etc: str) -> dict[str, Output[str]]:
    return {
        f"{etc}/ca.crt": machine.authority.certificate,
        f"{etc}/pgpass": Output.concat("*:*:*:", role.name, ":", role.password, "\n"),
    }


def _application(
    machine: Machine, database: Database, role: DatabaseRole, token: Output[str], version: str
) -> Program:
    artifact = Folder(f"{_NAME}-app", host=machine.folder, source=str(HERE / "app"), path=f"app/{version}")
    etc = "etc/application"
    return Program(
        f"{_NAME}-application",
        host=machine.folder,
        name="application",
        command=["./run"],
        directory=f"app/{version}",
        environment={
            "APP_DATABASE": _conninfo(machine, database, role, etc),
            "APP_ENVIRONMENT": "legacy",
            "APP_FILES": Output.concat(machine.folder, "/files"),
            "APP_INBOX": Output.concat(machine.folder, "/inbox"),
            "APP_INTERFACE_TOKEN_FILE": Output.concat(machine.folder, f"/{etc}/interface-token"),
            "APP_LISTEN": Output.concat("unix:", machine.folder, f"/{_SOCKET}"),
            "APP_SETTING_HOME": "Pflegeheim Alpenblick",
            "APP_VERSION": version,
        },
        contents={
            **_login_files(machine, role, etc),
            f"{etc}/interface-token": Output.concat(token, "\n"),
        },
        ready=[f"unix:{_SOCKET}"],
        restarted_by=[artifact.digest],
    )


def _web_server(machine: Machine, app: Program) -> WebServer:
    door = Door(f"{_NAME}-door", host=machine.folder, state="open")
    certificate = Certificate(f"{_NAME}-web-cert", authority=machine.authority, names=[machine.address])
    return WebServer(
        f"{_NAME}-web",
        host=machine.folder,
        address=machine.address,
        port=ports.HTTPS,
        names=[machine.address],
        certificate=certificate,
        upstream=f"unix:{_SOCKET}",
        verification_token=Password(f"{_NAME}-verification-token").value,
        opts=pulumi.ResourceOptions(depends_on=[door, app]),
    )


def _connectors(machine: Machine, sftp_key: SshKey) -> None:
    """Program in ``connectors/``, replaced whole; outbox and key in ``interfaces/<name>/``, never touched."""
    artifact = Folder(
        f"{_NAME}-connectors", host=machine.folder, source=str(HERE / "interfaces"), path="connectors"
    )
    for name, (kind, seconds) in INTERVALS.items():
        settings = {"name": name, "kind": kind, "interval_seconds": seconds}
        contents: dict[str, pulumi.Input[str]] = {
            f"interfaces/{name}/connector.json": pulumi.Output.json_dumps(settings)
        }
        if kind == "sftp":
            contents[f"interfaces/{name}/identity"] = sftp_key.private_key
        Program(
            f"{_NAME}-connector-{name}",
            host=machine.folder,
            name=f"connector-{name}",
            command=["connectors/run", f"interfaces/{name}"],
            contents=contents,
            restarted_by=[artifact.digest],
        )


def _workload(machine: Machine, database: Database, role: DatabaseRole) -> None:
    artifact = Folder(f"{_NAME}-work", host=machine.folder, source=str(HERE / "workload"), path="workload")
    etc = "etc/workload"
    Program(
        f"{_NAME}-workload",
        host=machine.folder,
        name="workload",
        command=["workload/workload.py", "run/workload.json"],
        environment={"WORKLOAD_DATABASE": _conninfo(machine, database, role, etc)},
        contents=_login_files(machine, role, etc),
        restarted_by=[artifact.digest],
    )
