"""
Connections to hosts: Fabric over SSH, with pinned host keys only.

Promise: an unknown or changed host key is refused; an OpenSSH configuration written here serves
`ssh`, rsync, testinfra and Fabric alike, so that all of them reach the same host the same way.
"""

import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

import paramiko
from fabric import Config, Connection

from migrate import routes
from migrate.case import write_whole
from migrate.errors import ConnectionFailed
from migrate.sessions import Sessions
from migrate.ssh_proxy import ProxiedConnection
from migrate.ssh_transport import Transport
from provisioning.engine import Stack
from provisioning.manifest import Environment, LegacyHost, Manifest
from provisioning.site import SiteOutputs, SshAccess
from provisioning.workspace import Workspace

CONNECT_TIMEOUT_SECONDS = 10


def write_access(workspace: Workspace, stack: str, access: SshAccess) -> Path:
    """Write ssh_config, known_hosts and identity (0600) of a stack's host; return the ssh_config's path."""
    config = workspace.ssh_config(stack)
    config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    known_hosts, identity = config.with_name("known_hosts"), config.with_name("identity")
    write_whole(known_hosts, (access.known_hosts.strip() + "\n").encode())
    write_whole(identity, access.identity.get_secret_value().encode())
    identity.chmod(0o600)
    text = access.config.replace("{known_hosts}", str(known_hosts)).replace("{identity}", str(identity))
    write_whole(config, text.encode())
    return config


def connect(ssh_config: Path, alias: str) -> Connection:
    """
    Open an SSH connection to the host that `alias` names in `ssh_config`.

    Raises:
        ConnectionFailed: The configuration lacks the alias, the host does not answer, refuses the
            key, or shows a host key other than the pinned one.
    """
    parsed = _read(ssh_config, alias)
    # Lazy: only what this file says counts, never the operator's own ~/.ssh/config.
    connection = ProxiedConnection(
        alias,
        config=Config(ssh_config=parsed, overrides={"load_ssh_configs": False}),
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        connect_kwargs={"transport_factory": Transport},
    )
    known_hosts = parsed.lookup(alias).get("userknownhostsfile", "")
    assert connection.client is not None  # noqa: S101 - fabric makes it in its constructor
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        connection.client.load_host_keys(str(Path(known_hosts).expanduser()))
        connection.open()
        _without_delay(connection)
    except (OSError, paramiko.SSHException, EOFError) as error:
        connection.client.close()
        reasons = [str(error) or type(error).__name__]
        if connection.proxy:
            # Both are told: a way that is missing ends the session, and a session refused ends the way.
            connection.proxy.close()
            reasons += [f"its proxy said: {said}"] if (said := connection.proxy.said) else []
        raise ConnectionFailed(
            f"no SSH connection to {alias} ({parsed.lookup(alias).get('hostname')}): {'; '.join(reasons)}",
            next_step=f"ssh -F {ssh_config} {alias}, to see it by hand",
        ) from error
    return connection


def _without_delay(connection: Connection) -> None:
    """
    Have small answers sent at once, both ways: waiting for more cost 40 ms a query through a tunnel.

    A first command is what has OpenSSH's server do the same on its side.
    """
    transport = connection.transport
    assert transport is not None  # noqa: S101 - it was opened just now
    if transport.sock.family != socket.AF_UNIX:  # a proxy's: what it waits for is its own affair
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with transport.open_session(timeout=CONNECT_TIMEOUT_SECONDS) as channel:
        channel.exec_command("true")
        channel.status_event.wait(CONNECT_TIMEOUT_SECONDS)


def _read(ssh_config: Path, alias: str) -> paramiko.SSHConfig:
    parsed = paramiko.SSHConfig.from_path(str(ssh_config)) if ssh_config.is_file() else None
    if parsed is None or alias not in parsed.get_hostnames():
        raise ConnectionFailed(
            f"{ssh_config} has no Host {alias}", next_step=f"pulumi up -s {alias}, or correct the manifest"
        )
    return parsed


class Standby(Protocol):
    """Something that waits to be used, and is put away when nobody does."""

    def close(self) -> None: ...


@dataclass
class Hosts:
    """The hosts of one tenant, connected on first use and closed together (a context manager)."""

    workspace: Workspace
    manifest: Manifest
    sessions: Sessions = field(default_factory=Sessions)
    """Database sessions that stay open between two uses."""
    standby: dict[str, Standby] = field(default_factory=dict)
    """What was made ready ahead of the moment from which on every second counts, by name."""
    _open: ExitStack = field(default_factory=ExitStack)
    _known: dict[str, Connection] = field(default_factory=dict)
    _sites: dict[str, SiteOutputs] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._open:
            for ready in self.standby.values():
                ready.close()
            self.sessions.__exit__(None, None, None)
        self._known.clear()

    def site(self, environment: Environment = "prod") -> SiteOutputs:
        """The site contract of one environment, read once."""
        stack = self.manifest.stack(environment)
        if stack not in self._sites:
            self._sites[stack] = Stack(self.workspace, stack).outputs()
        return self._sites[stack]

    def site_ssh_config(self, environment: Environment = "prod") -> tuple[Path, str]:
        """The ssh_config file and alias of one environment's host."""
        site = self.site(environment)
        return write_access(self.workspace, self.manifest.stack(environment), site.ssh), site.ssh.alias

    def target(self, environment: Environment = "prod") -> Connection:
        """Connection to the site's host."""
        return self._connection(*self.site_ssh_config(environment))

    def runner(self, environment: Environment = "prod") -> Connection:
        """Connection to where a move's work is done: the migration runner while one stands, else the host."""
        config, alias = self.site_ssh_config(environment)
        return self._connection(config, self.site(environment).ssh.runner or alias)

    def legacy_ssh_config(self, name: str) -> tuple[Path, str]:
        host = self._legacy_by_name[name]
        if host.tunnel is not None:
            return routes.ssh_config(self, host), host.ssh_alias
        return self.workspace.root / host.ssh_config, host.ssh_alias

    def legacy(self, name: str) -> Connection:
        """
        Connection to one of the hosts under ``legacy.hosts``.

        Raises:
            ConnectionFailed: As `connect`; says so where the host's tunnel is not open.
        """
        try:
            return self._connection(*self.legacy_ssh_config(name))
        except ConnectionFailed as error:
            raise routes.shut(self, self._legacy_by_name[name], error) from error

    def legacy_address(self, name: str) -> str:
        """HostName of a legacy host: where its databases listen, as the host itself has it."""
        return str(self._legacy_settings(name)["hostname"])

    def legacy_port(self, name: str) -> int:
        """Where a legacy host's SSH server listens."""
        return int(self._legacy_settings(name).get("port", 22))

    def _legacy_settings(self, name: str) -> paramiko.SSHConfigDict:
        host = self._legacy_by_name[name]
        return _read(self.workspace.root / host.ssh_config, host.ssh_alias).lookup(host.ssh_alias)

    @cached_property
    def _legacy_by_name(self) -> dict[str, LegacyHost]:
        return {host.name: host for host in self.manifest.legacy.hosts}

    def _connection(self, ssh_config: Path, alias: str) -> Connection:
        key = f"{ssh_config}#{alias}"
        if key not in self._known or not self._known[key].is_connected:
            self._known[key] = self._open.enter_context(connect(ssh_config, alias))
        return self._known[key]
