"""
The command that shows a firm's admin who is connected.

Promise: the page is on this machine's loopback address only, and ends with the command.
"""

import threading
from contextlib import suppress

from fabric import task
from invoke.context import Context

from migrate.connections import Hosts
from migrate.console.connections import Connections, read
from migrate.console.serving import Console
from migrate.tasks.edge import for_a_person, open_case
from provisioning.manifest import Environment


@task(
    name="console",
    help={
        "tenant": "Whose site.",
        "port": "On 127.0.0.1; by default one that is free.",
        "once": "Print the sessions and end, instead of serving the page.",
    },
)
def console(_: Context, tenant: str, port: int = 0, once: bool = False) -> None:
    """Show who is connected to a site, live, as its connection log has it; ends with Ctrl-C."""
    environment: Environment = "prod"
    with for_a_person():
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            found = read(hosts, environment)
            if once:
                _print(found)
                return
            page = Console(case.manifest, lambda: read(hosts, environment), port)
            serving = threading.Thread(target=page.serve)
            serving.start()
            print(f"{page.url} shows who is connected to {tenant}-{environment}; Ctrl-C ends it", flush=True)
            with suppress(KeyboardInterrupt):
                serving.join()
            page.close()


def _print(found: Connections) -> None:
    for one in found.sessions:
        until = "open" if one.closed_at is None else f"until {one.closed_at:%F %T}"
        print(f"{one.user:16} {one.station or '-':16} since {one.opened_at:%F %T} {until}")
    closed = len(found.sessions) - found.open
    print(f"{found.open} open, {closed} closed, {found.unreadable} lines that cannot be read")
