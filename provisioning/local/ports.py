"""
Addresses and ports of local hosts: which are whose, and who sits on them.

Promise: the same workspace and stack always get the same address; a port that somebody else holds
is told with the holder's name where this process may know it.
"""

import hashlib
import socket
from pathlib import Path

from provisioning.errors import SiteError

SSH, POSTGRESQL, MARIADB, HTTPS = 2222, 5432, 3306, 8443
"""The same on every host: what tells hosts apart is their address."""


def address_of(workspace: Path, stack: str, attempt: int = 0) -> str:
    """Return the loopback address of a stack's host, within 127.64.0.0 to 127.127.255.254."""
    digest = hashlib.sha256(f"{workspace}\n{stack}\n{attempt}".encode()).digest()
    return f"127.{64 + digest[0] % 64}.{digest[1]}.{1 + digest[2] % 254}"


def answers(address: str, port: int, timeout_seconds: float = 1) -> bool:
    """Tell whether something accepts connections there."""
    try:
        with socket.create_connection((address, port), timeout_seconds):
            return True
    except OSError:
        return False


def socket_answers(path: Path) -> bool:
    """Tell whether something accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _listening_sockets(port: int) -> dict[str, str]:
    """Return {socket inode: address} of what listens on a port of this machine (IPv4)."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        raw, _, number = fields[1].partition(":")
        if fields[3] == "0A" and int(number, 16) == port:
            found[fields[9]] = socket.inet_ntoa(bytes.fromhex(raw)[::-1])
    return found


def holder(address: str, port: int) -> str:
    """Name the process that listens there, such as ``nginx (pid 812)``, as far as it can be known."""
    listening = _listening_sockets(port).items()
    inodes = {i for i, at in listening if at in (address, "0.0.0.0")}  # noqa: S104 - read, never bound
    targets = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(handle.readlink()) in targets for handle in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue
    return "another process"


def require_free(address: str, ports: tuple[int, ...], stack: str) -> None:
    """
    Check that nobody holds these ports.

    Raises:
        SiteError: Somebody does; every such port is told, with its holder.
    """
    taken = [port for port in ports if not _is_free(address, port)]
    if taken:
        lines = [f"{address}:{port} is taken by {holder(address, port)}" for port in taken]
        other = address_of(Path(address), stack, attempt=1)
        raise SiteError(
            f"{stack} cannot have its ports:\n" + "\n".join(lines),
            state="Nothing was made.",
            next_step=f"pulumi config set bascule:address {other} -s {stack}, or stop what holds them",
        )
