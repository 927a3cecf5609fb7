"""
Routes: how both sides of a move reach each other where a legacy host stands behind a firewall.

Promise: whoever asks need not know whether there is a tunnel. A legacy host is reached through the site's
host, its key pinned as ever; each side's database has a far end, by which the other side's servers and
programs reach it.
Nothing here opens a tunnel: the legacy side does (`migrate.legacy_tunnel`).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

from migrate import remote
from migrate.case import write_whole
from migrate.errors import ConnectionFailed
from provisioning import tunnel
from provisioning.errors import EngineError
from provisioning.manifest import Environment, LegacyDatabase, LegacyHost

if TYPE_CHECKING:
    from migrate.connections import Hosts
    from migrate.databases import Endpoint

_ITSELF = "127.0.0.1"
_SHUT = "stdio forwarding failed"
"""What OpenSSH ends with where nothing listens at the tunnel's end."""


def passage(hosts: "Hosts") -> Environment:
    """
    Return the site through whose host legacy is reached: prod, else test.

    Raises:
        EngineError: Neither stands, so no tunnel has an end.
    """
    try:
        hosts.site("prod")
    except EngineError:
        hosts.site("test")
        return "test"
    return "prod"


def ssh_config(hosts: "Hosts", host: LegacyHost) -> Path:
    """Write the ssh_config by which a legacy host is reached through its tunnel; return its path."""
    environment = passage(hosts)
    through, alias = hosts.site_ssh_config(environment)
    end = f"{own_address(hosts, environment)}:{tunnel.ssh_port(hosts.manifest, host.name)}"
    proxy = join(["ssh", "-F", str(through), "-o", "BatchMode=yes", "-W", end, alias]).replace("%", "%%")
    # Of a setting, OpenSSH takes the first that it finds; all others are as the customer's file has them.
    text = f"Host {host.ssh_alias}\n    ProxyCommand {proxy}\n\n"
    path = through.with_name(f"to-{host.name}")
    write_whole(path, text.encode() + (hosts.workspace.root / host.ssh_config).read_bytes())
    return path


def shut(hosts: "Hosts", host: LegacyHost, error: ConnectionFailed) -> ConnectionFailed:
    """Return the error that says what to do on the legacy side, where its tunnel is what is missing."""
    if host.tunnel is None or _SHUT not in error.what:
        return error
    stack = hosts.manifest.stack(passage(hosts))
    return ConnectionFailed(
        f"the tunnel from {host.name} to {stack} is not open",
        state="Nothing was changed by looking.",
        next_step=f"on {host.name}: systemctl start bascule-tunnel, or sh open-tunnel in the folder that"
        f" fab tunnel --tenant {hosts.manifest.tenant} --to FOLDER writes",
    )


def own_address(hosts: "Hosts", environment: Environment) -> str:
    """What a site's host calls itself."""
    return hosts.site(environment).host_address or _ITSELF


def to_legacy(
    hosts: "Hosts", database: LegacyDatabase, endpoint: "Endpoint", environment: Environment
) -> "Callable[[], Endpoint] | None":
    """How a site's servers and programs reach a legacy database; None where its own address leads there."""
    if not _is_behind(hosts, database.host):
        return None
    port = tunnel.databases(hosts.manifest, database.host)[database.name]
    return lambda: replace(endpoint, hostaddr=_near_database(hosts, environment), port=port)


def to_site(
    hosts: "Hosts", endpoint: "Endpoint", environment: Environment
) -> "Callable[[], Endpoint] | None":
    """How the legacy database's server reaches a site's; None where its own address leads there."""
    if not any(_is_behind(hosts, database.host) for database in hosts.manifest.legacy.databases):
        return None
    return partial(replace, endpoint, hostaddr=_ITSELF, port=tunnel.site_database(environment))


def of_tree(
    hosts: "Hosts", host: str, name: str, environment: Environment
) -> tuple[str, str, int, int] | None:
    """
    How files pass: the address and port of legacy's sender on the site's host, and of the site's on legacy's.

    Returns:
        Address there, address here, port there, port here; None without a tunnel.
    """
    if not _is_behind(hosts, host):
        return None
    there = tunnel.senders(hosts.manifest, host)[name]
    here = tunnel.site_senders(hosts.manifest, environment)[name]
    return own_address(hosts, environment), _ITSELF, there, here


def _is_behind(hosts: "Hosts", name: str) -> bool:
    return any(host.name == name for host in tunnel.tunnelled(hosts.manifest))


def _near_database(hosts: "Hosts", environment: Environment) -> str:
    """What a site's host is called by the site's database server, which may be another machine."""
    known = hosts.site(environment).host_address
    if known is not None:
        return known
    return remote.run(hosts.target(environment), "hostname -I", doing="asking for its address").text.split()[
        0
    ]
