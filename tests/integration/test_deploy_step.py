"""Deploying a real local site as the playbook's step does."""

from collections.abc import Iterator

import pytest

from migrate.case import Case
from migrate.connections import Hosts
from migrate.deploy import DeployedSite, deploy
from migrate.door import declare
from migrate.step import StepContext
from migrate.steps.preparation import deploy_site
from migrate.web import ask
from provisioning.engine import Stack
from tests.support.local_sites import local_workspace, temporary
from tests.support.moves import Told


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    workspace = local_workspace(tmp_path_factory.mktemp("deploy"), "deploying")
    with temporary(Stack(workspace, "deploying-prod")):
        yield Case.of(workspace, "deploying")


def test_site_stands_under_the_agreed_name(case: Case) -> None:
    """Deployed under another name than the manifest's, the site has it; back to that one, too."""
    told = Told()
    first = deploy(case, "prod", "agreed.care.example", told)
    assert first.site_name == "agreed.care.example"
    assert first.door == "closed"
    assert first.host_key.startswith("SHA256:")
    assert any("matches its program" in line for line in told.lines)
    again = deploy(case, "prod", "agreed.care.example", told)
    moments = ("deployed_at", "up_seconds", "preview_seconds")
    assert again.model_dump(exclude=set(moments)) == first.model_dump(exclude=set(moments))
    assert deploy(case, "prod", case.manifest.site_name, told).site_name == case.manifest.site_name


def test_its_door_says_when_it_opens_until_it_has(case: Case) -> None:
    """The agreed end of the window stands on the closed door's page, and no more once the door was open."""
    stack = Stack(case.workspace, "deploying-prod")
    deploy(case, "prod", case.manifest.site_name, Told(), opens=case.manifest.window.closes_at)
    page = ask(stack.outputs())
    assert (page.status, "It opens by 3 July 2027, 12:00." in page.body) == (503, True)
    declare(stack, "open")
    declare(stack, "closed")
    assert "Please come back later." in ask(stack.outputs()).body


def test_evidence_holds_no_secret(case: Case) -> None:
    """What is kept of a site are its outputs without passwords, tokens and keys."""
    with Hosts(case.workspace, case.manifest) as hosts:
        result = deploy_site(StepContext(case, hosts, Told(), "preparation-1", {"environment": "prod"}))
        site = hosts.site("prod")
    assert site.database.mover is not None  # a move is under way
    kept = (case.folder / "evidence" / "site-prod.json").read_text()
    assert result["url"] == case.read_evidence("site-prod", DeployedSite).url
    secrets = [
        site.verification_token,
        site.interface_token,
        site.database.owner.password,
        site.database.application.password,
        site.database.migration.password,
        site.database.mover.password,
        site.ssh.identity,
    ]
    for secret in secrets:
        assert secret.get_secret_value() not in kept + case.journal.path.read_text()
