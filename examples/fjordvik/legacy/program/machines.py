"""
The municipality's machines: a server with the archive and people at work on it, or a terminal server for
tests.

Promise: made from the same parts as a site, so that whatever reaches them meets real servers.
"""

from pathlib import Path

import pulumi
from pulumi import Output

from provisioning.local import ports
from provisioning.local.components import DatabaseServer, Machine, address_of_stack
from provisioning.local.resources import Database, Folder, Program

HERE = Path(__file__).resolve().parents[2]
SERVER = "fjordvik-legacy"
DATABASE = "websak"


def declare() -> None:
    """Declare the machine of the running stack, and export how it is reached."""
    address = address_of_stack()
    name = "server" if pulumi.get_stack() == SERVER else "terminal"
    machine = Machine(name, address=address, site_ports=[ports.POSTGRESQL] if name == "server" else [])
    pulumi.export("ssh", machine.ssh)
    pulumi.export("folder", machine.folder)
    if name == "server":
        _server(machine, address)


def _server(machine: Machine, address: str) -> None:
    server = DatabaseServer("server-db", machine=machine, memory_mb=64, connections=60)
    owner, people = server.role("websak_owner"), server.role("websak_people")
    migration = server.role("migration", attributes=["SUPERUSER"])
    database = Database(
        "server-database",
        host=machine.folder,
        cluster=server.cluster,
        name=DATABASE,
        owner=owner.name,
        application=people.name,
        connects=[migration.name],
        guests="bascule_",
    )
    artifact = Folder("server-work", host=machine.folder, source=str(HERE / "workload"), path="workload")
    etc = Output.concat(machine.folder, "/etc/workload")
    Program(
        "server-workload",
        host=machine.folder,
        name="workload",
        command=["workload/workload.py", "run/workload.json"],
        environment={
            "WORKLOAD_DATABASE": Output.format(
                "host={0} port={1} dbname={2} user={3} sslmode=verify-full"
                " sslrootcert={4}/ca.crt passfile={4}/pgpass",
                address,
                ports.POSTGRESQL,
                database.name,
                people.name,
                etc,
            )
        },
        contents={
            "etc/workload/ca.crt": machine.authority.certificate,
            "etc/workload/pgpass": Output.concat("*:*:*:", people.name, ":", people.password, "\n"),
        },
        restarted_by=[artifact.digest],
    )
    pulumi.export("address", address)
    pulumi.export("ca", machine.authority.certificate)
    pulumi.export("migration", {"name": migration.name, "password": migration.password})
    pulumi.export("owner", {"name": owner.name, "password": owner.password})
    pulumi.export("people", people.name)
