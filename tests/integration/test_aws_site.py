"""Tenants' sites on AWS: their program under the real engine, with a stand-in in the place of AWS."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.engine import Stack
from provisioning.policy.isolation import crossings
from provisioning.policy.resources import Resource, of_state
from tests.support.aws_sites import HOST_KEY, PLATFORM, TENANT, StandIn, stand_in
from tests.support.local_sites import CHECKOUT

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DATABASE = "alpha-database-instance"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A platform and two tenants' prod sites for all of these tests; who changes something puts it back."""
    with stand_in(tmp_path_factory.mktemp("aws"), "alpha", "beta") as made:
        made.stack("platform-prod", PLATFORM).up()
        for name in ("alpha-prod", "beta-prod"):
            stack = made.stack(name, TENANT)
            if name == "alpha-prod":
                stack.run("preview")  # what does not exist yet can be previewed
            stack.up()
        yield made


@pytest.fixture
def alpha(standing: StandIn) -> Iterator[Stack]:
    """The first tenant's prod stack; put back afterwards: its configuration, its manifest, its cloud."""
    path = standing.workspace.stacks / "Pulumi.alpha-prod.yaml"
    configured, content = path.read_text(), standing.content()
    yield Stack(standing.workspace, "alpha-prod")
    path.write_text(configured)
    standing.manifest("alpha")
    standing.change(content)


def resources_of(standing: StandIn, tenant: str) -> dict[str, dict[str, Any]]:
    """A tenant's resources by their names."""
    every = standing.content()["resources"].values()
    return {one["name"]: one for one in every if one["name"].startswith(f"{tenant}-")}


def test_it_gives_back_what_a_site_gives_back(alpha: Stack, standing: StandIn) -> None:
    """The outputs are the site contract's, the host's key is what it reported, and a second look is quiet."""
    site = alpha.outputs()
    assert (site.substrate, site.url, site.door.state) == ("aws", "https://alpha.care.example", "closed")
    assert site.ssh.known_hosts == f"alpha-prod {HOST_KEY}"
    assert site.database.host.startswith("alpha-prod-")
    assert site.certificate_proof is None
    agrees, said = alpha.matches_its_program()
    assert agrees, said
    assert len(resources_of(standing, "alpha")) < 150


def test_no_secret_is_in_plain_sight(alpha: Stack, standing: StandIn) -> None:
    """Neither the state nor what the engine prints nor what a host is started with holds a secret."""
    site = alpha.outputs()
    hidden = [
        site.verification_token,
        site.interface_token,
        site.ssh.identity,
        *(role.password for role in (site.database.owner, site.database.application)),
    ]
    state = (standing.workspace.state / "pulumi").rglob("alpha-prod*.json*")
    shown = [path.read_text() for path in state] + [alpha.run("preview", "--diff").stdout]
    given = standing.one("alpha-hosts-template")[1]["is"]["userData"]
    shown.append(base64.b64decode(given).decode())
    assert all(text for text in shown)
    for secret in hidden:
        value = secret.get_secret_value().strip()
        assert len(value) > 20
        assert not [text for text in shown if value in text or json.dumps(value)[1:-1] in text]


def test_what_somebody_changed_or_deleted_is_drift(alpha: Stack, standing: StandIn) -> None:
    """A database opened to the world and a rule that is gone are both named, by property."""
    changed = standing.content()
    key, _ = standing.one(DATABASE)
    gone, _ = standing.one("alpha-hosts-from-balancer")
    changed["resources"][key]["is"]["publiclyAccessible"] = True
    del changed["resources"][gone]
    standing.change(changed)
    agrees, said = alpha.matches_its_program()
    assert not agrees
    assert "publiclyAccessible" in said
    assert "alpha-hosts-from-balancer" in said


def test_prod_is_neither_destroyed_nor_made_anew(alpha: Stack, standing: StandIn) -> None:
    """Nothing of a prod site goes by a destroy, and none of what holds data is replaced."""
    before = standing.content()
    done = alpha.run("destroy", "--yes", "--skip-preview", check=False)
    assert (done.returncode != 0, "protected" in done.stdout) == (True, True)
    standing.manifest("alpha", application={**_application(), "settings": {"database": "other"}})
    done = alpha.run("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "unable to replace resource" in done.stdout
    assert standing.one(DATABASE)[1]["is"]["dbName"] == "care"
    standing.manifest("alpha")
    alpha.up()
    assert standing.content()["resources"].keys() == before["resources"].keys()


def _application() -> dict[str, Any]:
    return {"name": "echo", "version": "1.0.0", "artifact": "artifact"}


def test_a_new_version_makes_new_hosts(alpha: Stack, standing: StandIn) -> None:
    """Another version is another archive and another launch template; nothing else changes."""
    before = standing.content()["resources"]
    standing.manifest(
        "alpha", application={**_application(), "version": "1.1.0", "settings": {"database": "care"}}
    )
    alpha.up()
    after = standing.content()["resources"]
    changed = {one["name"] for key, one in after.items() if before.get(key) != one}
    assert changed == {"alpha-artifact-object", "alpha-hosts-template", "alpha-hosts-hosts"}
    standing.manifest("alpha")
    alpha.up()


def test_the_policy_looks_at_what_the_engine_says(standing: StandIn) -> None:
    """By a real preview and a real state our stacks keep every rule and are apart; a way across is found."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("fab")), "policy", "--json"],
        cwd=standing.workspace.root,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["findings"] == []
    assert seen["looked_at"].keys() == {"platform-prod", "alpha-prod", "beta-prod"}
    assert min(seen["looked_at"].values()) > 50
    alpha, beta = (
        of_state(Stack(standing.workspace, f"{tenant}-prod").run("stack", "export", apart=True).stdout)
        for tenant in ("alpha", "beta")
    )
    group = next(one for one in beta if one.name == "beta-database-group")
    across = Resource("aws:vpc/x:SecurityGroupIngressRule", "x", {"securityGroupId": min(group.identities)})
    assert crossings([*alpha, across], beta) == ["x names beta-database-group"]


def test_what_a_destroy_leaves_is_never_called_as_before(standing: StandIn) -> None:
    """AWS refuses to delete a database unless a reason was declared; each deletion leaves a new snapshot."""
    standing.manifest("gamma")
    stack = standing.stack("gamma-prod", {**TENANT, "protect": "false"})
    stack.up()
    refused = stack.run("destroy", "--yes", "--skip-preview", check=False)
    assert refused.returncode != 0
    assert "protected from deletion by AWS" in refused.stdout
    stack.set_config("bascule:deletable", "a trial that ends this week")
    for _ in range(2):
        stack.up()
        stack.destroy()
    first, second = standing.content()["snapshots"]
    assert first != second
    # Keys and archives outlive the stack: without them the snapshots are noise.
    left = {one["type"] for one in resources_of(standing, "gamma").values()}
    assert left == {"aws:kms/key:Key", "aws:s3/bucketObjectv2:BucketObjectv2"}
