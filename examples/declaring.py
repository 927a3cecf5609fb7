"""
What a demo's legacy machines are declared of: a server, and machines that people sit at.

Promise: made from the same parts as a site, so that whatever reaches them meets real servers.
"""

from collections.abc import Callable
from pathlib import Path

import pulumi
from pulumi import Output

from provisioning.local import ports
from provisioning.local.components import DatabaseServer, Machine, address_of_stack
from provisioning.local.resources import Database, DatabaseRole, Folder, Program


def declare(server: str, other: str, serve: Callable[[Machine, str], None]) -> None:
    """
    Declare the machine of the running stack, and export how it is reached.

    Args:
        server: The stack of the server; every other one is a machine of its own, called `other`.
        serve: Declares what the server has, given its address too.
    """
    address = address_of_stack()
    name = "server" if pulumi.get_stack() == server else other
    machine = Machine(name, address=address, site_ports=[ports.POSTGRESQL] if name == "server" else [])
    pulumi.export("ssh", machine.ssh)
    pulumi.export("folder", machine.folder)
    if name == "server":
        serve(machine, address)


def database_server(
    machine: Machine, address: str, roles: str
) -> tuple[DatabaseServer, DatabaseRole, DatabaseRole, DatabaseRole]:
    """
    Declare the database server, and export how a move reaches it.

    Args:
        roles: What the names of the first two begin with.

    Returns:
        The server; and its roles: the owner's, that of the people at work, and the move's.
    """
    server = DatabaseServer("server-db", machine=machine, memory_mb=64, connections=60)
    owner, people = server.role(f"{roles}_owner"), server.role(f"{roles}_people")
    migration = server.role("migration", attributes=["SUPERUSER"])
    pulumi.export("address", address)
    pulumi.export("ca", machine.authority.certificate)
    pulumi.export("migration", {"name": migration.name, "password": migration.password})
    return server, owner, people, migration


def working_server(machine: Machine, address: str, *, database: str, roles: str, work: Path) -> None:
    """
    Declare a server with one database that people work on all the time.

    Args:
        roles: As `database_server`.
        work: Folder with ``workload.py``, which is these people.
    """
    server, owner, people, migration = database_server(machine, address, roles)
    made = Database(
        "server-database",
        host=machine.folder,
        cluster=server.cluster,
        name=database,
        owner=owner.name,
        application=people.name,
        connects=[migration.name],
        guests="bascule_",
    )
    artifact = Folder("server-work", host=machine.folder, source=str(work), path="workload")
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
                made.name,
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
    pulumi.export("owner", {"name": owner.name, "password": owner.password})
    pulumi.export("people", people.name)
