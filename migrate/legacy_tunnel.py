"""
The tunnel that a legacy host opens to a site's host: what is installed there, whether it is open, its end.

Promise: no secret passes: the key is made on the legacy host and stays there. Both ends are pinned: the
site's host key in what is installed, the legacy host's in the manifest's ssh_config. It opens again after a
cut by itself; at a move's end the site admits its key no more, and what runs on legacy ends and says so.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from migrate import remote
from migrate.case import write_whole
from migrate.connections import Hosts
from migrate.errors import MigrationError, Refused
from migrate.routes import own_address
from provisioning import tunnel
from provisioning.engine import Stack
from provisioning.manifest import Environment, LegacyHost, Manifest

_SETTINGS = """\
    BatchMode yes
    ExitOnForwardFailure yes
    ServerAliveInterval 5
    ServerAliveCountMax 3
    RequestTTY no
"""
# Whoever holds the listening sockets of a tunnel is its session on the site's host.
_END = """
for end in {ends}; do
    ss -Hltnp "src $end" | grep -o 'pid=[0-9]*' | cut -d= -f2
done | sort -u | while read -r pid; do kill "$pid"; done
"""


def behind(hosts: Hosts) -> list[LegacyHost]:
    """
    Return the legacy hosts that open a tunnel.

    Raises:
        Refused: There is none.
    """
    found = tunnel.tunnelled(hosts.manifest)
    if not found:
        raise Refused(
            f"no legacy host of {hosts.manifest.tenant} opens a tunnel",
            next_step="give it tunnel: {public_key: …} under legacy.hosts (docs/tunnels.md)",
        )
    return found


def contents(hosts: Hosts, host: LegacyHost, environment: Environment) -> dict[str, bytes]:
    """Return the files to install on a legacy host, beside the key made there; no secret is in them."""
    site, there = hosts.site(environment), hosts.legacy_address(host.name)
    config = site.ssh.config.replace('"{known_hosts}"', "known_hosts").replace('"{identity}"', "key")
    config = config.replace("{known_hosts}", "known_hosts").replace("{identity}", "key")
    own = own_address(hosts, environment)
    listens = site.host_address or "*"
    remotes = [(tunnel.ssh_port(hosts.manifest, host.name), hosts.legacy_port(host.name))]
    senders = tunnel.senders(hosts.manifest, host.name)
    remotes += [(port, port) for port in senders.values()]
    found = tunnel.databases(hosts.manifest, host.name)
    remotes += [(found[one.name], one.port) for one in hosts.manifest.legacy.databases if one.name in found]
    lines = [f"    RemoteForward {listens}:{port} {there}:{to}\n" for port, to in remotes]
    back = tunnel.site_senders(hosts.manifest, environment)
    locals_ = [(back[name], f"{own}:{back[name]}") for name in senders]
    if found:
        locals_.append((tunnel.site_database(environment), f"{site.database.host}:{site.database.port}"))
    lines += [f"    LocalForward 127.0.0.1:{port} {to}\n" for port, to in locals_]
    package = files("migrate.templates") / "tunnel"
    return {
        "ssh_config": (config.rstrip("\n") + "\n" + _SETTINGS + "".join(lines)).encode(),
        "known_hosts": (site.ssh.known_hosts.strip() + "\n").encode(),
        "open-tunnel": (package / "open-tunnel").read_text().replace("@alias@", site.ssh.alias).encode(),
        "bascule-tunnel.service": (package / "bascule-tunnel.service").read_bytes(),
    }


def write(hosts: Hosts, host: LegacyHost, environment: Environment, folder: Path) -> None:
    """
    Write what is installed on a legacy host into a folder, which is made.

    Raises:
        MigrationError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents(hosts, host, environment).items():
            write_whole(folder / name, content)
    except OSError as error:
        raise MigrationError(f"{folder}: {error.strerror}", next_step="--to another folder") from error


def is_open(hosts: Hosts, host: LegacyHost, environment: Environment) -> bool:
    """Tell whether a legacy host's SSH server answers at the tunnel's end on a site's host."""
    port = tunnel.ssh_port(hosts.manifest, host.name)
    script = f"ssh-keyscan -T 5 -p {port} {own_address(hosts, environment)} 2>/dev/null"
    done = remote.attempt(hosts.target(environment), script, timeout_seconds=30)
    return bool(done.text)


def admit(stack: Stack, manifest: Manifest) -> None:
    """Have the next ``up`` of a stack admit the keys of the manifest's tunnels, if there are any."""
    if tunnel.tunnelled(manifest):
        stack.set_config("bascule:tunnels", "true")


def refuse(stack: Stack, manifest: Manifest) -> None:
    """Have the next ``up`` of a stack admit them no more."""
    if tunnel.tunnelled(manifest):
        stack.set_config("bascule:tunnels", "false")


def close(hosts: Hosts, environments: Sequence[Environment]) -> None:
    """
    Have sites admit no tunnel any more, and end those that are open; may be repeated.

    Raises:
        EngineError: A site does not stand, or the engine refused.
    """
    if not tunnel.tunnelled(hosts.manifest):
        return
    for environment in environments:
        stack = Stack(hosts.workspace, hosts.manifest.stack(environment))
        refuse(stack, hosts.manifest)
        stack.up()
        end_sessions(hosts, environment)


def end_sessions(hosts: Hosts, environment: Environment) -> None:
    """End the tunnels that are open at a site's host; one whose key is admitted comes back."""
    found = tunnel.tunnelled(hosts.manifest)
    # On a machine that several hosts share, only this one's own.
    own = hosts.site(environment).host_address or ""
    ends = " ".join(f"{own}:{tunnel.ssh_port(hosts.manifest, host.name)}" for host in found)
    remote.run(hosts.target(environment), _END.format(ends=ends), doing="ending the tunnels")
