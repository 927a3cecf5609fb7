"""
The reverse tunnel of a legacy host behind its customer's firewall: its ports, and what its key may do.

Promise: ports follow from the manifest alone, so that the site, the legacy side and Bascule agree on them
without asking each other. The key that opens a tunnel can do nothing else: no command, no port but these.

    on the site's host    +0 the legacy host's SSH, +1… its senders of files, +10… its databases
    on the legacy host    the site's database, and the site's senders of files for the way back; loopback only
"""

from provisioning.manifest import MOST_TUNNELLED, Environment, LegacyHost, Manifest

FIRST_PORT = 47000
A_HOST = 20
"""Ports of one legacy host."""
LAST_PORT = FIRST_PORT + MOST_TUNNELLED * A_HOST - 1
_BACK = {"prod": 47500, "test": 47600}
_NOTHING_ELSE = "echo 'this key opens a tunnel and nothing else' >&2; exit 1"


def tunnelled(manifest: Manifest) -> list[LegacyHost]:
    """The legacy hosts that open a tunnel, in the manifest's order."""
    return [host for host in manifest.legacy.hosts if host.tunnel is not None]


def ssh_port(manifest: Manifest, host: str) -> int:
    """Where the site's host leads to a legacy host's SSH."""
    return FIRST_PORT + A_HOST * [one.name for one in tunnelled(manifest)].index(host)


def senders(manifest: Manifest, host: str) -> dict[str, int]:
    """By tree, where a legacy host's sender of it listens, there and on the site's host alike."""
    names = [tree.name for tree in manifest.legacy.files if tree.host == host]
    return {name: ssh_port(manifest, host) + 1 + place for place, name in enumerate(names)}


def databases(manifest: Manifest, host: str) -> dict[str, int]:
    """By database, where the site's host leads to it."""
    names = [database.name for database in manifest.legacy.databases if database.host == host]
    return {name: ssh_port(manifest, host) + 10 + place for place, name in enumerate(names)}


def site_database(environment: Environment) -> int:
    """Where a legacy host leads to the site's database."""
    return _BACK[environment]


def site_senders(manifest: Manifest, environment: Environment) -> dict[str, int]:
    """By tree, where the site's sender of it listens on the way back, on the legacy host and there alike."""
    names = [tree.name for tree in manifest.legacy.files]
    return {name: _BACK[environment] + 1 + place for place, name in enumerate(names)}


def authorized_keys(manifest: Manifest, environment: Environment, *, own: str, database: str) -> list[str]:
    """
    Return the lines that admit the tunnels' keys on a site's host.

    Args:
        own: Address of the host's own SSH server, as it sees itself.
        database: ``host:port`` of the site's database.
    """
    lines = []
    for host in tunnelled(manifest):
        assert host.tunnel is not None  # noqa: S101 - as `tunnelled` says
        trees, there = senders(manifest, host.name), databases(manifest, host.name)
        listens = [ssh_port(manifest, host.name), *trees.values(), *there.values()]
        back = [site_senders(manifest, environment)[name] for name in trees]
        opens = [f"{own}:{port}" for port in back] + ([database] if there else [])
        words = ["restrict", "port-forwarding", f'command="{_NOTHING_ELSE}"']
        words += [f'permitlisten="{port}"' for port in listens]
        # Without one, everything could be opened.
        words += [f'permitopen="{where}"' for where in opens or ["none"]]
        lines.append(f"{','.join(words)} {host.tunnel.public_key}")
    return lines
