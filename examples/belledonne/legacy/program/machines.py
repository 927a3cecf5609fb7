"""
The firm's machines: a server with its databases, or a workstation.

Promise: made from the same parts as a site, so that whatever reaches them meets real servers.
"""

import pulumi

from provisioning.local import ports
from provisioning.local.components import DatabaseServer, Machine, address_of_stack
from provisioning.local.resources import Database

SERVER = "belledonne-legacy"


def declare() -> None:
    """Declare the machine of the running stack, and export how it is reached."""
    address = address_of_stack()
    name = "server" if pulumi.get_stack() == SERVER else "workstation"
    machine = Machine(name, address=address, site_ports=[ports.POSTGRESQL] if name == "server" else [])
    pulumi.export("ssh", machine.ssh)
    pulumi.export("folder", machine.folder)
    if name == "server":
        _server(machine, address)


def _server(machine: Machine, address: str) -> None:
    server = DatabaseServer("server-db", machine=machine, memory_mb=64, connections=60)
    owner, people = server.role("compta_owner"), server.role("compta_people")
    migration = server.role("migration", attributes=["SUPERUSER"])
    for name in ("compta", "essais"):
        Database(
            f"server-{name}",
            host=machine.folder,
            cluster=server.cluster,
            name=name,
            owner=owner.name,
            application=people.name,
            connects=[migration.name],
            guests="bascule_",
        )
    pulumi.export("address", address)
    pulumi.export("ca", machine.authority.certificate)
    pulumi.export("migration", {"name": migration.name, "password": migration.password})
