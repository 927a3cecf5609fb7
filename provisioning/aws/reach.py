"""
Addresses in a stack's configuration: whence somebody comes, and what hosts may reach beside AWS.

Promise: each is somebody's in particular; what means everybody is refused.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network

from pulumi import Config

WIDEST_NETWORK = 16
"""Bits that an IPv4 network must at least have, for it to be somebody's in particular."""
_JOINED = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""What no internet leads to: networks that are joined with the platform's (RFC 1918, RFC 6598)."""


@dataclass(frozen=True)
class Reach:
    """One end that hosts may open connections to."""

    network: str
    """IPv4, such as 198.51.100.7/32."""
    port: int

    @property
    def is_public(self) -> bool:
        """Whether it lies on the internet, so that only a platform with a way out leads there."""
        mine = IPv4Network(self.network)
        return not any(mine.subnet_of(one) for one in _JOINED)

    def __str__(self) -> str:
        return f"{self.network}:{self.port}"


def networks(config: Config, key: str, wrong: list[str]) -> tuple[str, ...]:
    """Return the IPv4 networks of a key, with commas between; what is wrong with them is added to `wrong`."""
    every = (_network(one, key, wrong) for one in _words(config, key))
    return tuple(one for one in every if one is not None)


def reaches(config: Config, key: str, wrong: list[str]) -> tuple[Reach, ...]:
    """Return the ends of a key, ``NETWORK:PORT`` with commas between; what is wrong is added to `wrong`."""
    found = []
    for one in _words(config, key):
        text, _, port = one.rpartition(":")
        if not (port.isdigit() and 0 < int(port) < 65536):
            wrong.append(f"bascule:{key}: {one} names no port; write it as 198.51.100.7/32:443")
        elif (network := _network(text, key, wrong)) is not None:
            found.append(Reach(network, int(port)))
    return tuple(found)


def _words(config: Config, key: str) -> list[str]:
    return (config.get(key) or "").replace(",", " ").split()


def _network(text: str, key: str, wrong: list[str]) -> str | None:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        wrong.append(f"bascule:{key}: {error}")
        return None
    if network.prefixlen < WIDEST_NETWORK:
        wrong.append(f"bascule:{key}: {text} is far more than one customer's; name the addresses")
    return str(network)
