"""Tenants' sites on AWS: their program under the real engine, with a stand-in in the place of AWS."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioning.engine import Stack
from provisioning.policy.exceptions import FILE
from provisioning.policy.isolation import crossings
from provisioning.policy.resources import Resource, of_state
from tests.support.aws_account import an_account, bucket_by_hand
from tests.support.aws_sites import HOST_KEY, PLATFORM, TENANT, StandIn, stand_in
from tests.support.drift_command import drift
from tests.support.local_sites import CHECKOUT

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DATABASE = "alpha-database-instance"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A platform and two tenants' prod sites for all of these tests."""
    with stand_in(tmp_path_factory.mktemp("aws"), "alpha", "beta", "gamma") as made:
        made.stack("platform-prod", PLATFORM).up()
        alpha = made.stack("alpha-prod", TENANT)
        # What does not exist yet can be previewed, and the policy pack finds nothing in it that is known.
        alpha.run("preview", "--policy-pack", "provisioning/policy/pack")
        alpha.up()
        made.stack("beta-prod", TENANT).up()
        yield made


@pytest.fixture
def alpha(standing: StandIn) -> Iterator[Stack]:
    """The first tenant's prod stack; its manifest is put back."""
    yield Stack(standing.workspace, "alpha-prod")
    standing.manifest("alpha")


def resources_of(standing: StandIn, tenant: str) -> dict[str, dict[str, Any]]:
    """A tenant's resources by their names."""
    every = standing.content()["resources"].values()
    return {one["name"]: one for one in every if one["name"].startswith(f"{tenant}-")}


def test_it_gives_back_what_a_site_gives_back(alpha: Stack, standing: StandIn) -> None:
    """The outputs are the site contract's, a second look is quiet, and no secret is in plain sight."""
    site = alpha.outputs()
    assert (site.substrate, site.url, site.door.state) == ("aws", "https://alpha.care.example", "closed")
    assert site.ssh.known_hosts == f"alpha-prod {HOST_KEY}"  # read in the same `up` in which hosts reported
    assert site.database.host.startswith("alpha-prod-")
    agrees, said = alpha.matches_its_program()
    assert agrees, said
    assert len(resources_of(standing, "alpha")) < 150
    state = (standing.workspace.state / "pulumi").rglob("alpha-prod*.json*")
    shown = [path.read_text() for path in state] + [said]
    shown.append(base64.b64decode(standing.one("alpha-hosts-template")[1]["is"]["userData"]).decode())
    assert all(text for text in shown)
    roles = (site.database.owner, site.database.application, site.database.migration)
    hidden = [site.verification_token, site.interface_token, site.ssh.identity]
    for secret in [*hidden, *(role.password for role in roles)]:
        value = secret.get_secret_value().strip()
        assert len(value) > 20
        assert not [text for text in shown if value in text or json.dumps(value)[1:-1] in text]


def test_what_somebody_changed_or_deleted_is_drift(alpha: Stack, standing: StandIn) -> None:
    """A database opened to the world and a rule that is gone are both named, by property."""
    before, changed = standing.content(), standing.content()
    key, _ = standing.one(DATABASE)
    gone, _ = standing.one("alpha-hosts-from-balancer")
    changed["resources"][key]["is"]["publiclyAccessible"] = True
    del changed["resources"][gone]
    standing.change(changed)
    agrees, said = alpha.matches_its_program()
    standing.change(before)
    assert not agrees
    assert "publiclyAccessible" in said
    assert "alpha-hosts-from-balancer" in said


def test_each_verdict_of_drift_stands_for_itself(standing: StandIn) -> None:
    """Changed, ignored but changed, not applied, against a rule, beside the program: each is told apart."""
    before, changed = standing.content(), standing.content()
    changed["resources"][standing.one(DATABASE)[0]]["is"]["publiclyAccessible"] = True
    changed["resources"][standing.one("alpha-hosts-hosts")[0]]["is"]["desiredCapacity"] = 7
    standing.change(changed)
    standing.manifest("alpha", application=_application(version="1.1.0"))
    exceptions = standing.workspace.stacks / "policy-exceptions.yaml"
    exceptions.write_text(
        f"- {{rule: rds-private, stack: alpha-prod, resource: {DATABASE}, owner: rosa@vendor.example,"
        " reason: open for one weekend, expires: 2026-01-01}\n"
    )
    try:
        with an_account(TENANT["account"], TENANT["region"]) as session:
            arn = bucket_by_hand(session, "alpha-prod")
            found = drift(standing.workspace, "--stack", "alpha-prod")
    finally:
        standing.change(before)
        standing.manifest("alpha")
        exceptions.unlink()
    assert found.status == 1, found.says("alpha-prod")
    told = found.verdicts("alpha-prod")
    assert told >= {
        ("refresh", "drifted", DATABASE, "publiclyAccessible"),
        ("refresh", "ignored", "alpha-hosts-hosts", "desiredCapacity"),
        ("policy", "rule", DATABASE, "rds-private"),
        ("unmanaged", "unmanaged", arn, ""),
    }
    assert {name for _, verdict, name, _ in told if verdict == "pending"} >= {"alpha-artifact-object"}
    assert not [one for one in told if one[1] in ("error", "stopped")]


def _application(**changed: Any) -> dict[str, Any]:
    settings = {"settings": {"database": "care"}}
    return {"name": "echo", "version": "1.0.0", "artifact": "artifact", **settings, **changed}


def test_prod_is_neither_destroyed_nor_made_anew(alpha: Stack, standing: StandIn) -> None:
    """Nothing of a prod site goes by a destroy, and none of what holds data is replaced."""
    before = standing.content()
    done = alpha.run("destroy", "--yes", "--skip-preview", check=False)
    assert (done.returncode != 0, "protected" in done.stdout) == (True, True)
    standing.manifest("alpha", application=_application(settings={"database": "other"}))
    done = alpha.run("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "unable to replace resource" in done.stdout
    assert standing.one(DATABASE)[1]["is"]["dbName"] == "care"
    assert standing.content()["resources"].keys() == before["resources"].keys()


def test_a_runner_comes_and_goes_with_the_move(alpha: Stack, standing: StandIn) -> None:
    """It is made and taken away by the stack that it belongs to, also in prod, and leaves nothing."""
    before = standing.content()["resources"].keys()
    for key in ("moving", "runner"):
        alpha.set_config(f"bascule:{key}", "true")
    alpha.up()
    ssh = alpha.outputs().ssh
    assert ssh.runner == "alpha-prod-runner"
    assert ssh.known_hosts.splitlines() == [f"alpha-prod {HOST_KEY}", f"alpha-prod-runner {HOST_KEY}"]
    agrees, said = alpha.matches_its_program()
    assert agrees, said
    assert len(resources_of(standing, "alpha")) < 150
    alpha.set_config("bascule:moving", "false")
    alpha.up()
    assert alpha.outputs().ssh.runner is None
    assert standing.content()["resources"].keys() == before


def test_a_new_version_makes_new_hosts(alpha: Stack, standing: StandIn) -> None:
    """Another version is another archive and another launch template; nothing else changes, also in prod."""
    before = standing.content()["resources"]
    standing.manifest("alpha", application=_application(version="1.1.0"))
    alpha.up()
    after = standing.content()["resources"]
    changed = {one["name"] for key, one in after.items() if before.get(key) != one}
    assert changed == {"alpha-artifact-object", "alpha-hosts-template", "alpha-hosts-hosts"}


def test_the_policy_looks_at_what_the_engine_says(standing: StandIn) -> None:
    """By real previews our stacks keep every rule; by real states tenants are apart, and a way is found."""
    fab = [str(Path(sys.executable).with_name("fab")), "-r", str(CHECKOUT)]
    done = subprocess.run(
        [*fab, "policy", "--tenant", "alpha", "--json"],
        cwd=standing.workspace.root,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["findings"] == []
    assert seen["looked_at"].keys() == {"platform-prod", "alpha-prod"}
    assert min(seen["looked_at"].values()) > 50
    mine, theirs = (
        of_state(Stack(standing.workspace, f"{tenant}-prod").run("stack", "export", apart=True).stdout)
        for tenant in ("alpha", "beta")
    )
    assert crossings(mine, theirs) == crossings(theirs, mine) == []
    group = next(one for one in theirs if one.name == "beta-database-group")
    across = Resource("aws:vpc/x:SecurityGroupIngressRule", "x", {"securityGroupId": min(group.identities)})
    assert crossings([*mine, across], theirs) == ["x names beta-database-group"]


def test_what_a_destroy_leaves_is_never_called_as_before(standing: StandIn) -> None:
    """Each deletion leaves a snapshot of a new name, and with it the key and the archives."""
    configuration = {**TENANT, "protect": "false", "deletable": "a trial that ends this week"}
    stack = standing.stack("gamma-prod", configuration)
    excused = ("bucket-not-emptied", "gamma-store-bucket"), ("database-kept", "gamma-database-instance")
    excuse = {
        "stack": "gamma-prod",
        "owner": "a@b.example",
        "reason": "a trial that ends",
        "expires": datetime.now(UTC).date() + timedelta(days=1),
    }
    lines = [{"rule": rule, "resource": resource, **excuse} for rule, resource in excused]
    (standing.workspace.stacks / FILE).write_text(yaml.safe_dump(lines))
    for _ in range(2):
        stack.up()
        stack.destroy()
    first, second = standing.content()["snapshots"]
    assert first != second
    left = {one["type"] for one in resources_of(standing, "gamma").values()}
    assert left == {"aws:kms/key:Key", "aws:s3/bucketObjectv2:BucketObjectv2"}
