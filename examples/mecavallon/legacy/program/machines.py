"""
The workshop's machines: a server with the database and people at work on it, or a workstation.

Promise: made from the same parts as a site, so that whatever reaches them meets real servers.
"""

from pathlib import Path

from examples import declaring
from provisioning.local.components import Machine

HERE = Path(__file__).resolve().parents[2]


def declare() -> None:
    """Declare the machine of the running stack, and export how it is reached."""
    declaring.declare("mecavallon-legacy", "workstation", _server)


def _server(machine: Machine, address: str) -> None:
    declaring.working_server(machine, address, database="clipper", roles="erp", work=HERE / "workload")
