"""
The firm's machines: a server with its databases, or a workstation.

Promise: made from the same parts as a site, so that whatever reaches them meets real servers.
"""

from examples import declaring
from provisioning.local.components import Machine
from provisioning.local.resources import Database


def declare() -> None:
    """Declare the machine of the running stack, and export how it is reached."""
    declaring.declare("belledonne-legacy", "workstation", _server)


def _server(machine: Machine, address: str) -> None:
    server, owner, people, migration = declaring.database_server(machine, address, "compta")
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
