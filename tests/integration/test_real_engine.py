"""What only the real Pulumi engine can show; everywhere else its double may stand in."""

import json
import subprocess
from pathlib import Path

import pytest

from provisioning.engine import Stack
from provisioning.pulumi_command import environment, executable
from tests.support.local_sites import local_workspace, place_of, temporary
from tools.pulumi.setting import VERSION

pytestmark = pytest.mark.engine


def test_the_engine_is_at_least_the_pinned_one(tmp_path: Path) -> None:
    """What set-up linked says a version that is not older than the SDK's."""
    workspace = local_workspace(tmp_path, "birke")
    said = subprocess.run(
        [executable(), "version"], env=environment(workspace), capture_output=True, text=True, check=True
    ).stdout
    assert [int(n) for n in said.strip().lstrip("v").split("-")[0].split(".")] >= [
        int(n) for n in VERSION.split(".")
    ]
    assert "double" not in said


def test_a_site_stands_up_drifts_and_goes_under_the_real_engine(tmp_path: Path) -> None:
    """Up, a clean preview, drift named, repair, no secret in the state, destroy: with nothing stood in."""
    workspace = local_workspace(tmp_path, "birke")
    with temporary(Stack(workspace, "birke-test")) as stack:
        stack.up()
        site = stack.outputs()
        assert stack.matches_its_program()[0]
        state = "".join(p.read_text() for p in (workspace.state / "pulumi").rglob("*.json"))
        assert site.database.owner.password.get_secret_value() not in state
        assert json.loads(stack.run("stack", "export").stdout)["deployment"]["secrets_providers"]
        stack.run("config", "set", "bascule:door", "suspended")
        matches, said = stack.matches_its_program()
        assert not matches
        assert "door" in said.lower()
        stack.destroy()
        assert not place_of(workspace, stack.name).exists
