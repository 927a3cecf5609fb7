"""What the sender answers its one key: the ledger, whole or as changes, and lists of names that it holds."""

import hashlib
import os
import subprocess
from importlib.resources import files as package_files
from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A sender as it is laid down on a host, beside a tree with a link that leads out of it."""
    tree, state = tmp_path / "tree", tmp_path / "state"
    tree.mkdir()
    (tree / "inside").write_text("may be read")
    (tmp_path / "secret").write_text("may not")
    (tree / "up").symlink_to("..")
    folder = tmp_path / "sender"
    folder.mkdir()
    for name in ("sender", "ledger"):
        (folder / name).write_bytes((package_files("migrate.files") / f"{name}.sh").read_bytes())
    (folder / "tree").write_text(str(tree))
    (folder / "state").write_text(str(state))
    return folder


def ask(here: Path, request: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", here / "sender"],
        env={**os.environ, "SSH_ORIGINAL_COMMAND": request},
        input=given,
        capture_output=True,
        check=False,
        text=True,
    )


def test_the_ledger_is_told_whole_once_and_then_by_its_changes(here: Path) -> None:
    """Whoever holds what was sent before gets the changes from it; anybody else gets all."""
    shape, digest, _ = ask(here, "listing - frozen").stdout.split("\n")[0].split()
    assert shape == "all"
    assert digest == hashlib.sha256((here.parent / "state" / "now").read_bytes()).hexdigest()
    (here.parent / "tree" / "new").write_text("x")

    first, *changes = ask(here, f"listing {digest} frozen").stdout.splitlines()

    assert first.startswith("changes ")
    assert [line.split("//")[0] for line in changes] == ["+ new"]
    assert ask(here, f"listing {digest} frozen").stdout.startswith("all ")


def test_no_name_leads_out_of_the_tree(here: Path) -> None:
    """Only names that the ledger holds can be asked for: not one above the tree, not one through a link."""
    ask(here, "listing - frozen")
    for name in ("../secret", "up/secret", "/etc/passwd", "nothing"):
        done = ask(here, "want", f"inside\n{name}\n")
        assert (done.returncode, done.stderr) == (1, "the ledger does not hold every name\n")
        assert not (here / "want").exists()

    assert ask(here, "want", "inside\nup\n").returncode == 0

    assert (here / "want").read_bytes() == b"./inside\0./up\0"
