"""The platform's program under the real engine, with a stand-in in the place of AWS."""

from collections.abc import Iterator

import pytest

from provisioning.engine import Stack
from provisioning.platform_facts import PlatformFacts
from tests.support.aws_account import an_account
from tests.support.aws_sites import PLATFORM, StandIn, stand_in
from tests.support.drift_command import drift

pytestmark = pytest.mark.engine

STACK = "platform-prod"


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One platform for all of these tests; who changes it puts it back."""
    with stand_in(tmp_path_factory.mktemp("aws")) as made:
        made.stack(STACK, PLATFORM).up()
        yield made


def test_it_stands_and_a_second_look_changes_nothing(standing: StandIn) -> None:
    """What was stood up is what the program says, as `fab drift` finds, and its facts are whole."""
    with an_account(PLATFORM["account"], PLATFORM["region"]):
        found = drift(standing.workspace)
    assert found.status == 0, found.says(STACK)
    clean = dict.fromkeys(("refresh", "preview", "policy", "unmanaged"), "clean")
    assert found.of(STACK)["outcomes"] == {**clean, "maintenance": "nothing"}
    _, parameter = standing.one("platform-facts")
    facts = PlatformFacts.model_validate_json(parameter["is"]["insecureValue"])
    assert facts.domain == "care.example"
    assert len(facts.private_subnets) == 2
    assert len(standing.content()["resources"]) < 150


def test_what_somebody_changed_or_deleted_is_drift(standing: StandIn) -> None:
    """A changed property and a deleted resource are both named; put back, nothing is left of them."""
    before = standing.content()
    key, _ = standing.one("platform-network-private-a")
    gone, _ = standing.one("platform-network-s3")
    changed = standing.content()
    changed["resources"][key]["is"]["mapPublicIpOnLaunch"] = True
    del changed["resources"][gone]
    standing.change(changed)
    agrees, said = Stack(standing.workspace, STACK).matches_its_program()
    standing.change(before)
    assert not agrees
    assert "mapPublicIpOnLaunch" in said
    assert "platform-network-s3" in said


def test_a_cloud_that_is_gone_is_not_believed(standing: StandIn) -> None:
    """With everything gone the account is asked; another region than the state's is the wrong place."""
    before, stack = standing.content(), Stack(standing.workspace, STACK)
    standing.change({**before, "resources": {}})
    try:
        with an_account(PLATFORM["account"], PLATFORM["region"]):
            gone = drift(standing.workspace)
            stack.set_config("bascule:region", "eu-west-1")
            elsewhere = drift(standing.workspace)
    finally:
        standing.change(before)
        stack.set_config("bascule:region", PLATFORM["region"])
    assert gone.status == 1
    assert "resources are gone; what holds data is gone" in gone.says(STACK)
    assert "Account, region and host are the right ones. Nothing was adopted" in gone.says(STACK)
    assert elsewhere.status == 2
    assert "its state is of region eu-central-2, its configuration of eu-west-1" in elsewhere.says(STACK)
    assert [verdict for _, verdict, _, _ in elsewhere.verdicts(STACK)] == ["error"]


def test_a_destroy_is_refused(standing: StandIn) -> None:
    """The prod platform is protected: nothing of it goes."""
    before = standing.content()
    done = Stack(standing.workspace, STACK).run("destroy", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "protected" in done.stdout
    assert standing.content() == before


def test_another_accounts_credentials_are_refused(standing: StandIn) -> None:
    """With credentials of another account nothing is declared."""
    before = standing.content()
    standing.change({**before, "account": "999999999999"})
    done = Stack(standing.workspace, STACK).run("preview", check=False)
    standing.change(before)
    assert done.returncode != 0
    assert "999999999999" in done.stdout


def test_a_wrong_configuration_is_told_whole(standing: StandIn) -> None:
    """All that is missing in the configuration is told at once, before AWS is asked."""
    for key in ("image", "budget"):
        Stack(standing.workspace, STACK).set_config(f"bascule:{key}", "x")
    done = Stack(standing.workspace, STACK).run("preview", check=False)
    for key in ("image", "budget"):
        Stack(standing.workspace, STACK).set_config(f"bascule:{key}", PLATFORM[key])
    assert done.returncode != 0
    assert "2 to correct" in done.stdout
