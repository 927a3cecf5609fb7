"""What ``make clean`` throws away, and what it leaves alone."""

import subprocess
from pathlib import Path

from provisioning.local.operator import operator
from provisioning.local.place import Place, eventually
from provisioning.workspace import Workspace
from scripts.clean import clean, hosts


def host_of(workspace: Workspace, stack: str) -> Place:
    """A host's folder with something in it, as the substrate would have made it."""
    place = Place(operator().host_folder(workspace.identity, stack))
    place.make_folder("data")
    return place


def test_demo_goes_and_own_data_stay(tmp_path: Path) -> None:
    """The demo's hosts and caches go; of the checkout's own hosts processes end and data stay."""
    own, demo = Workspace(tmp_path), Workspace(tmp_path / "demo")
    (tmp_path / "demo" / "stacks").mkdir(parents=True)
    (tmp_path / ".state").mkdir()
    (tmp_path / ".coverage").write_text("")
    legacy = Workspace(tmp_path / "demo" / "legacy")
    kept, thrown, left = (
        host_of(own, "alpha-prod"),
        host_of(demo, "beta-test"),
        host_of(legacy, "beta-legacy"),
    )
    try:
        command = [*operator().switch, "sleep", "600"]
        server = subprocess.Popen(command, env=kept.environment(), stdin=subprocess.DEVNULL)

        done = clean(tmp_path)

        assert server.wait(timeout=20) != 0
        assert done == [
            "removed the demo's host beta-test",
            "removed the demo's host beta-legacy",
            "ended alpha-prod; its data stay",
            "removed demo",
            "removed .coverage",
        ]
        assert not thrown.exists
        assert not left.exists
        assert kept.path("data").is_dir()
        assert sorted(path.name for path in tmp_path.iterdir()) == [".state"]
        assert clean(tmp_path) == ["ended alpha-prod; its data stay"]
    finally:
        kept.remove_all()
    assert eventually(lambda: hosts(own) == [] and hosts(demo) == [], 5)
