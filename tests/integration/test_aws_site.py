"""Tenants' sites on AWS: their program under the real engine, with a stand-in in the place of AWS."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from provisioning.engine import Stack
from tests.support.aws_sites import HOST_KEY, PLATFORM, TENANT, StandIn, stand_in

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DATABASE = "alpha-database-instance"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A platform and two tenants' prod sites for all of these tests; who changes something puts it back."""
    with stand_in(tmp_path_factory.mktemp("aws"), "alpha", "beta") as made:
        made.stack("platform-prod", PLATFORM).up()
        for name in ("alpha-prod", "beta-prod"):
            stack = made.stack(name, TENANT)
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


def test_the_door_is_a_rule(alpha: Stack, standing: StandIn) -> None:
    """Closed and suspended answer 503 before any host is asked; open sends on. The way to verify stays."""
    for state, reason in (("open", ""), ("suspended", "Unpaid <since> May"), ("closed", "")):
        alpha.set_config("bascule:door", state)
        alpha.set_config("bascule:doorReason", reason)
        alpha.up()
        rule = standing.one("alpha-door-door")[1]["is"]
        (action,) = rule["actions"]
        assert action["type"] == ("forward" if state == "open" else "fixed-response")
        if state == "suspended":
            assert action["fixedResponse"]["statusCode"] == "503"
            assert "Unpaid &lt;since&gt; May" in action["fixedResponse"]["messageBody"]
        verification = standing.one("alpha-door-verification")[1]["is"]
        assert verification["actions"][0]["type"] == "forward"
        assert verification["priority"] < rule["priority"]


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


def test_a_name_can_be_led_back(alpha: Stack, standing: StandIn) -> None:
    """What a name led to before stands by at weight 0, with a low TTL, and takes over when told to."""

    def weights() -> list[int]:
        return [
            standing.one(f"alpha-names-records-{end}")[1]["is"]["weightedRoutingPolicies"][0]["weight"]
            for end in ("site", "previous")
        ]

    alpha.set_config("bascule:previousTarget", "192.0.2.10")
    alpha.up()
    assert weights() == [100, 0]
    assert standing.one("alpha-names-records-previous")[1]["is"]["ttl"] == 60
    alpha.set_config("bascule:nameLeadsTo", "previous")
    alpha.up()
    assert weights() == [0, 100]
    alpha.run("config", "rm", "bascule:previousTarget")
    refused = alpha.run("preview", check=False)
    assert refused.returncode != 0
    assert "that is not known" in refused.stdout
    alpha.run("config", "rm", "bascule:nameLeadsTo")
    alpha.up()
    assert "alpha-names-records-previous" not in resources_of(standing, "alpha")


def test_a_customers_own_name_waits_for_nobody(alpha: Stack, standing: StandIn) -> None:
    """`up` ends at once, tells what the customer has to enter, and serves the name once that was done."""
    alpha.set_config("bascule:protect", "false")
    alpha.set_config("bascule:siteName", "care.alpha-home.example")
    alpha.up()
    site = alpha.outputs()
    assert site.certificate_proof == "_proof.care.alpha-home.example. CNAME _value.acm-validations.aws."
    assert site.url == "https://alpha-prod.care.example"
    assert "alpha-names-theirs-served" not in resources_of(standing, "alpha")
    alpha.set_config("bascule:certificateIssued", "true")
    alpha.up()
    assert "alpha-names-theirs-served" in resources_of(standing, "alpha")
    names = standing.one("alpha-door-door")[1]["is"]["conditions"][0]["hostHeader"]["values"]
    assert names == ["alpha-prod.care.example", "care.alpha-home.example"]
    for key in ("siteName", "certificateIssued", "protect"):
        alpha.run("config", "rm", f"bascule:{key}")
    alpha.up()


def test_nothing_of_one_tenant_reaches_another(standing: StandIn) -> None:
    """No property of a tenant's resource names anything of another's: group, key, role, bucket, rule."""
    every = standing.content()["resources"]
    for tenant, other in (("alpha", "beta"), ("beta", "alpha")):
        theirs = {
            word
            for key, one in every.items()
            if one["name"].startswith(f"{other}-")
            for word in (key, one["is"].get("arn"), one["is"].get("keyId"))
            if word
        }
        assert len(theirs) > 60
        for name, one in resources_of(standing, tenant).items():
            text = json.dumps(one["is"])
            assert not [word for word in theirs if word in text], name


def test_all_that_is_wrong_is_told_at_once(alpha: Stack, standing: StandIn) -> None:
    """What AWS cannot give and what is missing in the configuration is told whole, and nothing is touched."""
    before = standing.content()
    sftp = {"name": "lab", "kind": "sftp", "host": "old", "control": "lab", "public_key": HOST_KEY}
    standing.manifest("alpha", interfaces=[sftp])
    alpha.set_config("bascule:budget", "much")
    alpha.set_config("bascule:nameLeadsTo", "nowhere")
    done = alpha.run("preview", check=False)
    assert done.returncode != 0
    assert "3 to correct" in done.stdout
    assert "interfaces/lab: sftp reaches no site on AWS" in done.stdout
    assert standing.content() == before
