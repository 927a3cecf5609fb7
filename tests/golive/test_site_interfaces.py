"""Does what every interface sends arrive at this site?"""

import uuid

import pytest

from migrate.connector import Connector
from migrate.interfaces import stored_on
from migrate.web import ask
from provisioning.manifest import Interface
from provisioning.site import SiteOutputs


def test_site_counts_messages(site: SiteOutputs, interface: Interface) -> None:
    """The application tells what it has stored of the interface, without a gap."""
    stored = stored_on(site, interface)
    assert stored.received == stored.last_sequence


def test_site_keeps_strangers_out(site: SiteOutputs, interface: Interface) -> None:
    """A message without the interface's token is refused."""
    message = {"probe": True, "sequence": 1, "id": str(uuid.uuid4()), "payload": {}}
    assert ask(site, f"/interfaces/{interface.name}/messages", verified=True, body=message).status == 401


def test_site_takes_a_probe(site: SiteOutputs, interface: Interface) -> None:
    """A test message is accepted and leaves nothing behind."""
    before = stored_on(site, interface)
    message = {"probe": True, "sequence": before.last_sequence + 1, "id": str(uuid.uuid4()), "payload": {}}
    path = f"/interfaces/{interface.name}/messages"
    assert ask(site, path, verified=True, interface=True, body=message).status == 202
    assert stored_on(site, interface).received >= before.received


@pytest.mark.during_move
def test_connector_points_here(connector: Connector, site: SiteOutputs) -> None:
    """The connector is held, and its destination is this site."""
    status = connector.status()
    assert status.mode == "held"
    assert connector.delivers_to(site, status)


@pytest.mark.during_move
def test_probe_arrives(connector: Connector, site: SiteOutputs) -> None:
    """A test message goes from the connector on the legacy host to this site, end to end."""
    connector.probe(site)


@pytest.mark.during_move
def test_site_goes_on_where_legacy_stopped(
    connector: Connector, site: SiteOutputs, interface: Interface
) -> None:
    """The site has every message that was delivered to legacy, so that the next one fits."""
    assert stored_on(site, interface).last_sequence == connector.status().delivered
