"""Set-up of the Python packages: done once, done again after a kill, told when nothing can be done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import python_packages, set_up
from scripts.commands import SetUpError
from tests.support.releases import executable

UV = """#!/bin/sh
echo "$@" >>"$(dirname "$0")/log"
case "$1" in
    venv) mkdir -p .venv/bin; ln -sf {python} .venv/bin/python; : >.venv/pyvenv.cfg ;;
    sync) [ ! -e "$(dirname "$0")/broken" ] || {{ echo 'No space left on device' >&2; exit 2; }} ;;
esac
"""


class Checkout:
    """A checkout with lock files, and a uv that writes down what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.root.mkdir()
        for name in ("pyproject.toml", "uv.lock"):
            (self.root / name).write_text("one\n")
        uv = folder / "cache" / "bascule" / "uv" / python_packages.UV / "bin" / "uv"
        executable(uv, UV.format(python=sys.executable))
        self.log = uv.parent / "log"
        self.broken = uv.parent / "broken"

    def asked(self) -> list[str]:
        """What uv was asked for since the last look: its first word, and --reinstall."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [
            f"{line.split()[0]} --reinstall" if "--reinstall" in line else line.split()[0] for line in lines
        ]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A fresh checkout whose user's cache is its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Checkout(tmp_path)


def test_second_run_asks_nobody(checkout: Checkout) -> None:
    """A finished synchronisation is not looked into again until a lock file changes."""
    assert python_packages.ensure(checkout.root) == "synchronised with uv.lock"
    assert checkout.asked() == ["venv", "sync"]

    assert python_packages.ensure(checkout.root) is None
    assert checkout.asked() == []

    (checkout.root / "uv.lock").write_text("two\n")
    python_packages.ensure(checkout.root)
    assert checkout.asked() == ["sync"]


def test_half_done_synchronisation_is_done_from_the_ground(checkout: Checkout) -> None:
    """A synchronisation that did not end is repeated with every package installed anew."""
    checkout.broken.touch()
    with pytest.raises(SetUpError, match="No space left on device") as told:
        python_packages.ensure(checkout.root)
    assert "A disk is full" in str(told.value)
    assert checkout.asked() == ["venv", "sync"]

    checkout.broken.unlink()
    assert python_packages.ensure(checkout.root) == "synchronised with uv.lock"
    assert checkout.asked() == ["sync --reinstall"]


def test_environment_without_its_python_is_made_anew(checkout: Checkout) -> None:
    """A .venv whose Python has gone, or that was killed while it was made, is thrown away."""
    python_packages.ensure(checkout.root)
    checkout.asked()
    (checkout.root / ".venv" / "bin" / "python").unlink()
    (checkout.root / ".venv" / "bin" / "python").symlink_to("/no/such/python")

    python_packages.ensure(checkout.root)

    assert checkout.asked() == ["venv", "sync"]


def test_parts_print_what_they_did_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    """A part that did something prints one line with its seconds; one that had nothing to do, none."""
    assert set_up.timed("rocket", lambda: "fuelled") is True
    assert set_up.timed("moon", lambda: None) is False

    assert capsys.readouterr().out == "rocket           fuelled  (0.0 s)\n"


def test_this_checkout_is_set_up_and_says_so_at_once() -> None:
    """On a machine that is set up, scripts/setup only looks, whatever folder it is called from."""
    script = set_up.CHECKOUT / "scripts" / "setup"
    words = [str(script), "--engine=double"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    subprocess.run(words, cwd="/", env=env, check=True, capture_output=True)

    done = subprocess.run(words, cwd="/", env=env, check=True, capture_output=True, text=True)

    assert done.stdout.startswith("set up already (")
