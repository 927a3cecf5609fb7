"""
Dedicated clients: no computer ever has two versions of the product's client.

Promise: reads only. A computer that has another version, or is one of those that people work on with the old
one, is named; nothing is rolled out to it then.
"""

from collections.abc import Iterator

from migrate import remote
from migrate.case import Case
from migrate.connections import Hosts, connect
from migrate.errors import MigrationError
from migrate.product.description import ProductError
from migrate.product.installation import legacy_of, rows
from migrate.product.order import Ordered, Workstation
from provisioning.model import Model


class ClientHost(Model):
    """One computer, the versions of the client on it, and why it may not have the new one."""

    name: str
    versions: tuple[str, ...]
    faults: tuple[str, ...]


class ClientHosts(Model):
    """Evidence ``clients``."""

    wanted: str
    hosts: tuple[ClientHost, ...]

    @property
    def faults(self) -> list[str]:
        return [f"{host.name}: {fault}" for host in self.hosts for fault in host.faults]


def look(case: Case, hosts: Hosts, ordered: Ordered) -> ClientHosts:
    """
    Look at every computer that the new version's client goes to.

    Raises:
        ProductError: The product does not say how its client is found, or no computer is named.
        ConnectionFailed: One does not answer.
    """
    client, every = ordered.product.client, [h for g in ordered.order.workstations for h in g.hosts]
    if client is None or client.versions is None or not every:
        raise ProductError(
            f"{ordered.product.name} does not say how its clients are found, or none is to be tested",
            next_step="add client.versions to product.yaml, and workstations to the upgrade file",
        )
    script = (ordered.folder / client.folder / client.versions).read_bytes()
    at_work = _at_work(hosts, ordered)
    return ClientHosts(
        wanted=ordered.order.to,
        hosts=tuple(_one(case, one, script, ordered.order.to, at_work) for one in every),
    )


def _one(case: Case, one: Workstation, script: bytes, wanted: str, at_work: set[str]) -> ClientHost:
    with connect(case.workspace.root / one.ssh_config, one.ssh_alias) as connection:
        said = remote.run(
            connection, "sh -s", stdin=script, raising=MigrationError, doing="looking for clients"
        ).text
    versions = tuple(sorted(set(said.split())))
    return ClientHost(name=one.name, versions=versions, faults=tuple(_faults(one, versions, wanted, at_work)))


def _faults(one: Workstation, versions: tuple[str, ...], wanted: str, at_work: set[str]) -> Iterator[str]:
    if others := [version for version in versions if version != wanted]:
        yield f"has the client of version {', '.join(others)}; {wanted} needs a client of its own"
    if one.name in at_work:
        yield "people work there with the present version; take a computer that is for testing alone"


def _at_work(hosts: Hosts, ordered: Ordered) -> set[str]:
    """Names of the computers that the installation at work knows."""
    licences = ordered.product.licences
    if licences is None:
        return set()
    with legacy_of(hosts).opened() as session:
        return {
            str(host) for host, _ in rows(session, ordered.product, "workstations", licences.workstations, 2)
        }
