"""
The tunnel of a legacy host behind its customer's firewall: what is installed there, and whether it is open.

Promise: reads only, but for the folder that it is told to write.
"""

from pathlib import Path

from fabric import task
from invoke.context import Context

from migrate import legacy_tunnel
from migrate.connections import Hosts
from migrate.errors import Waiting
from migrate.tasks.edge import for_a_person, open_case
from migrate.verify import environment_called


@task(
    name="tunnel",
    help={
        "tenant": "Whose legacy hosts.",
        "environment": "At whose host the tunnel ends: test or prod.",
        "to": "Folder to write what is installed on the legacy side into, one folder a host.",
    },
)
def tunnel(_: Context, tenant: str, environment: str = "prod", to: str = "") -> None:
    """Say whether the tunnels from legacy are open; write what opens them there."""
    with for_a_person():
        case, called = open_case(tenant), environment_called(environment)
        with Hosts(case.workspace, case.manifest) as hosts:
            shut = []
            for host in legacy_tunnel.behind(hosts):
                if to:
                    legacy_tunnel.write(hosts, host, called, Path(to) / host.name)
                    print(f"{Path(to) / host.name}: to be laid on {host.name}, beside the key made there")
                is_open = legacy_tunnel.is_open(hosts, host, called)
                print(f"{host.name} to {case.manifest.stack(called)}: {'open' if is_open else 'not open'}")
                shut += [] if is_open else [host.name]
        if shut:
            raise Waiting(
                f"not open: {', '.join(shut)}",
                next_step="there: systemctl start bascule-tunnel, or sh open-tunnel in the folder laid there",
            )
