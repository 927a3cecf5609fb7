"""The platform's program under the real engine, with a stand-in in the place of AWS."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.aws.parameters import PlatformFacts
from provisioning.engine import Stack
from provisioning.workspace import Workspace
from tests.support.local_sites import CHECKOUT

pytestmark = pytest.mark.engine

CONFIGURATION = {
    "account": "111122223333",
    "region": "eu-central-2",
    "domain": "care.example",
    "alarmEmail": "night@vendor.example",
    "repository": "vendor/sites",
    "image": "ami-0123456789abcdef0",
    "runbooks": "https://runbooks.vendor.example",
    "budget": "900",
}


class StandIn:
    """A workspace with one platform, and the cloud that its provider keeps."""

    def __init__(self, root: Path) -> None:
        self.cloud = root / "cloud.json"
        self.cloud.write_text(json.dumps({"account": CONFIGURATION["account"], "resources": {}}))
        project = (CHECKOUT / "Pulumi.yaml").read_text()
        (root / "Pulumi.yaml").write_text(
            f"{project}    - name: aws\n      path: {CHECKOUT / 'tests/doubles/aws'}\n"
        )
        (root / "provisioning").symlink_to(CHECKOUT / "provisioning")
        stacks = root / "stacks"
        stacks.mkdir()
        lines = [f'  bascule:{key}: "{value}"' for key, value in CONFIGURATION.items()]
        (stacks / "Pulumi.platform-prod.yaml").write_text("config:\n" + "\n".join(lines) + "\n")
        self.stack = Stack(Workspace(root), "platform-prod")

    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.cloud.read_text())
        return content

    def one(self, name: str) -> tuple[str, dict[str, Any]]:
        """Id and record of the one resource of a name."""
        found = [(key, one) for key, one in self.content()["resources"].items() if one["name"] == name]
        assert len(found) == 1, name
        return found[0]

    def change(self, content: dict[str, Any]) -> None:
        self.cloud.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One platform for all of these tests; who changes it puts it back."""
    with pytest.MonkeyPatch.context() as patch:
        stand_in = StandIn(tmp_path_factory.mktemp("aws"))
        patch.setenv("BASCULE_TEST_CLOUD", str(stand_in.cloud))
        patch.setenv("VIRTUAL_ENV", os.environ.get("VIRTUAL_ENV", str(CHECKOUT / ".venv")))
        stand_in.stack.ensure()
        stand_in.stack.up()
        yield stand_in


def test_it_stands_and_a_second_look_changes_nothing(standing: StandIn) -> None:
    """What was stood up is what the program says, and its facts are whole."""
    agrees, said = standing.stack.matches_its_program()
    assert agrees, said
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
    agrees, said = standing.stack.matches_its_program()
    standing.change(before)
    assert not agrees
    assert "mapPublicIpOnLaunch" in said
    assert "platform-network-s3" in said


def test_a_destroy_is_refused(standing: StandIn) -> None:
    """The prod platform is protected: nothing of it goes."""
    before = standing.content()
    done = standing.stack.run("destroy", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "protected" in done.stdout
    assert standing.content() == before


def test_another_accounts_credentials_are_refused(standing: StandIn) -> None:
    """With credentials of another account nothing is declared."""
    before = standing.content()
    standing.change({**before, "account": "999999999999"})
    done = standing.stack.run("preview", check=False)
    standing.change(before)
    assert done.returncode != 0
    assert "999999999999" in done.stdout


def test_a_wrong_configuration_is_told_whole(standing: StandIn) -> None:
    """All that is missing in the configuration is told at once, before AWS is asked."""
    for key in ("image", "budget"):
        standing.stack.set_config(f"bascule:{key}", "x")
    done = standing.stack.run("preview", check=False)
    for key in ("image", "budget"):
        standing.stack.set_config(f"bascule:{key}", CONFIGURATION[key])
    assert done.returncode != 0
    assert "2 to correct" in done.stdout
