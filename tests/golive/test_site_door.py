"""Is the door where it should be, on the host and seen from outside?"""

import pytest

from migrate import door
from migrate.connections import Hosts
from migrate.web import ask
from provisioning.manifest import Environment
from provisioning.site import SiteOutputs


def test_door_is_as_declared(hosts: Hosts, site: SiteOutputs, environment: Environment) -> None:
    """The host's door is in the state that the stack declares, and the outside sees the same."""
    state = door.read(hosts.target(environment), site)
    assert state == site.door.state
    assert door.seen_open(site) == (state == "open")


@pytest.mark.during_move
def test_door_is_closed(hosts: Hosts, site: SiteOutputs, environment: Environment) -> None:
    """Before it goes live nobody is let in: 503, by a door that says so."""
    assert door.read(hosts.target(environment), site) == "closed"
    answer = ask(site)
    assert answer.status == 503
    assert door.says_closed(answer)


@pytest.mark.during_move
def test_closed_door_lets_no_path_through(site: SiteOutputs) -> None:
    """A closed door is closed for every path, the application's own among them."""
    paths = ("/", "/healthz", "/version", "/interfaces/x/state", "/.bascule/")
    assert {path: ask(site, path).status for path in paths} == dict.fromkeys(paths, 503)
