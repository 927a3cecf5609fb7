"""A run of the tests that is interrupted leaves no host running."""

from pathlib import Path

from provisioning.engine import Stack
from tests.support.left_behind import end_hosts_below
from tests.support.local_sites import local_workspace, place_of, temporary


def test_hosts_below_a_folder_are_ended_and_no_others(tmp_path: Path) -> None:
    """Of two workspaces with a host each, only the one below the folder loses it."""
    ours, others = (tmp_path / name / "workspace" for name in ("ours", "others"))
    for folder in (ours, others):
        folder.mkdir(parents=True)
    with (
        temporary(Stack(local_workspace(ours, "eins"), "eins-test")) as one,
        temporary(Stack(local_workspace(others, "zwei"), "zwei-test")) as two,
    ):
        for stack in (one, two):
            place_of(stack.workspace, stack.name).make_folder()

        assert end_hosts_below(tmp_path / "ours") == ["eins-test"]

        assert not place_of(one.workspace, one.name).folder.exists()
        assert place_of(two.workspace, two.name).folder.exists()
