"""Is the site its template, filled with what the customer signed, and nothing else?"""

import json

import pytest

from migrate import environment, remote
from migrate.case import Case
from migrate.connections import Hosts
from migrate.environment_template import digest_on, template_of
from migrate.workbook.adopting import adopted
from provisioning.engine import Stack
from provisioning.site import SiteOutputs

pytestmark = pytest.mark.deployment


def test_template_is_as_published(case: Case, hosts: Hosts, site: SiteOutputs) -> None:
    """The template on the site's host is byte for byte the one that the vendor published."""
    assert site.template is not None
    assert digest_on(hosts.target(), site.template) == template_of(case).digest


def test_host_tells_its_configuration(case: Case, hosts: Hosts, site: SiteOutputs) -> None:
    """The host bears the mark of the workbook that the site was configured from."""
    mark = json.loads(remote.read_file(hosts.target(), site.configuration_mark))
    assert mark["sha256"] == adopted(case).sha256


@pytest.mark.during_move
def test_environment_is_as_signed(case: Case, hosts: Hosts) -> None:
    """Tables are the template's, rows are the signed workbook's, and no trial has left anything."""
    assert environment.differences(case, hosts) == []


def test_configuration_is_declared(case: Case, site: SiteOutputs) -> None:
    """The stack names the workbook that the site was configured from."""
    stack = Stack(case.workspace, f"{site.tenant}-{site.environment}")
    declared = stack.run("config", "get", "bascule:configuration").stdout.strip()
    assert declared == adopted(case).sha256
