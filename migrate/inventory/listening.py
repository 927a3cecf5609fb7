"""
Database servers that answer on a host, whether or not somebody named them.

Promise: a server is known by what it says and not by its port; it is asked nothing that it would log as an
attempt to log in. Looks at what listens on the host's own address or on all of them.
"""

import socket
from contextlib import suppress
from typing import Literal

from fabric import Connection

from migrate import remote
from migrate.tunnels import Tunnel

_SECONDS = 3.0
_ASK_FOR_TLS = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's SSLRequest: answered with one letter, before anybody says who he is."""
_LISTENING = "0A"
_SCRIPT = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; true"

ServerKind = Literal["postgresql", "mariadb"]


def database_servers(connection: Connection, address: str) -> dict[int, ServerKind]:
    """
    Return the database servers of a host, by port.

    Args:
        address: Of the host, as its databases are reached.
    """
    found: dict[int, ServerKind] = {}
    table = remote.run(connection, _SCRIPT, doing="looking at what listens").text
    for port in sorted(ports_in(table, address)):
        if kind := _kind(connection, address, port):
            found[port] = kind
    return found


def ports_in(table: str, address: str) -> set[int]:
    """Return the ports that listen on an IPv4 address, or on all, by the text of ``/proc/net/tcp``."""
    own = socket.inet_aton(address)[::-1].hex().upper() if _is_ipv4(address) else ""
    # IPv4 in IPv6's table: four words of four bytes, each turned round.
    wanted = {own, "0" * 8, "0" * 32, "0" * 16 + "FFFF0000" + own}
    ports = set()
    for line in table.splitlines():
        words = line.split()
        if len(words) > 3 and words[3] == _LISTENING and ":" in words[1]:
            bound, _, port = words[1].rpartition(":")
            if bound in wanted:
                ports.add(int(port, 16))
    return ports


def _is_ipv4(address: str) -> bool:
    try:
        socket.inet_aton(address)
    except OSError:
        return False
    return True


def _kind(connection: Connection, address: str, port: int) -> ServerKind | None:
    # MariaDB speaks first; PostgreSQL waits, and answers the question; SSH and web servers do neither.
    if _says(connection, address, port, b"", 0.3).startswith(b"SSH-"):
        return None
    said = _says(connection, address, port, _ASK_FOR_TLS, _SECONDS)
    if said in (b"S", b"N"):
        return "postgresql"
    return "mariadb" if _is_greeting(said) else None


def _says(connection: Connection, address: str, port: int, ask: bytes, seconds: float) -> bytes:
    with (
        Tunnel(connection, address, port) as tunnel,
        suppress(OSError),
        socket.create_connection(("127.0.0.1", tunnel.port), timeout=seconds) as plain,
    ):
        if ask:
            plain.sendall(ask)
        return plain.recv(256)
    return b""


def _is_greeting(said: bytes) -> bool:
    """Whether this is the first packet of MySQL's protocol, version 10: length, number 0, version, text."""
    return len(said) > 5 and said[3] == 0 and said[4] == 10
