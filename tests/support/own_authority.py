"""
A pytest plugin for a run of the go-live suite: the site's authority is that of the file ``OWN_AUTHORITY``.

The local substrate keeps its authority's key to itself; with this, tests can show a site certificates of
their own that are in order but for one thing.

Promise: nothing else of the suite is changed.
"""

import os
from pathlib import Path

import pytest

from migrate.connections import Hosts
from provisioning.manifest import Environment
from provisioning.site import SiteOutputs


@pytest.fixture(scope="session")
def site(hosts: Hosts, environment: Environment) -> SiteOutputs:
    """The site contract, with another authority."""
    return hosts.site(environment).model_copy(update={"ca": Path(os.environ["OWN_AUTHORITY"]).read_text()})
