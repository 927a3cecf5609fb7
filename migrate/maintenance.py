"""
Maintenance: the patch level of what runs on a site, held against the least that the manifest asks for.

Promise: reads only. A program whose version could not be read is told as that, never as up to date.
"""

import re

from migrate import remote
from migrate.connections import Hosts
from migrate.databases import site_database, value
from provisioning.manifest import Environment
from provisioning.manifest_operations import Program
from provisioning.model import Model

_ASKED: dict[Program, str] = {
    "nginx": "/usr/sbin/nginx -v 2>&1",
    "openssh": "ssh -V 2>&1",
    "openssl": "openssl version",
}


class Level(Model):
    """One program on one site. `found` is empty where it could not be read."""

    program: str
    found: str
    at_least: str

    @property
    def is_old(self) -> bool:
        return not self.found or _parts(self.found) < _parts(self.at_least)

    def __str__(self) -> str:
        return f"{self.program} {self.found or '(version could not be read)'}, at least {self.at_least}"


def look(hosts: Hosts, environment: Environment) -> tuple[Level, ...]:
    """
    Return the level of every program that the manifest names, in its order.

    Raises:
        ConnectionFailed: The site's host does not answer.
    """
    operations = hosts.manifest.operations
    wanted = operations.maintenance if operations else {}
    return tuple(
        Level(program=name, found=_found(hosts, environment, name), at_least=least)
        for name, least in wanted.items()
    )


def _found(hosts: Hosts, environment: Environment, program: Program) -> str:
    if program == "postgresql":
        if hosts.site(environment).database.engine != program:
            return ""
        with site_database(hosts, environment).opened() as session:
            said = str(value(session, "SHOW server_version"))
    else:
        said = remote.attempt(hosts.target(environment), _ASKED[program]).text
    number = re.search(r"\d+(\.\d+)+", said)
    return number[0] if number else ""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
