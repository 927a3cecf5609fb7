"""What the tests' own set-up says when a part of them cannot be run here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.pulumi.setting import VERSION, version_of

CHECKOUT = Path(__file__).resolve().parents[2]
DOUBLE = CHECKOUT / "tests/doubles/pulumi/bin/pulumi"

MARKED = """
import os
import pytest

@pytest.mark.engine
def test_only_the_real_one():
    pass

@pytest.mark.browser
def test_in_a_browser():
    pass

def test_with_either():
    assert os.environ["BASCULE_PULUMI"]
"""


def run_of(folder: Path, *, engine: Path, path: str) -> str:
    """What a run of the marked tests prints, with this engine and this PATH."""
    tests = folder / "test_marked.py"
    tests.write_text(MARKED)
    words = [sys.executable, "-m", "pytest", "-p", "conftest", "-c", str(CHECKOUT / "pyproject.toml")]
    env = os.environ | {"BASCULE_PULUMI": str(engine), "PYTHONPATH": str(CHECKOUT), "PATH": path}
    done = subprocess.run(
        [*words, "-p", "no:cacheprovider", str(tests)],
        cwd=folder,
        env=env,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_cannot_run_is_named(tmp_path: Path) -> None:
    """Without engine and browser their tests are counted and named, and pytest's closing line comes last."""
    said = run_of(tmp_path, engine=DOUBLE, path="/nowhere")

    assert "the real Pulumi engine was not used" in said
    assert "BASCULE_PULUMI names the double (ENGINE=double)" in said
    assert "1 tests marked `engine` were NOT RUN:\n  NOT RUN " in said
    assert "::test_only_the_real_one\n" in said
    assert "1 tests marked `browser` were NOT RUN:\n  NOT RUN " in said
    assert "::test_in_a_browser\n" in said
    assert "1 passed, 2 deselected" in said.strip().splitlines()[-1]


def test_with_a_real_engine_nothing_is_left_out(tmp_path: Path) -> None:
    """An engine that the caller names counts as the real one, and all is run."""
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)

    said = run_of(tmp_path, engine=tmp_path / "pulumi", path=str(tmp_path))

    assert "NOT RUN" not in said
    assert "3 passed" in said


def test_the_double_can_be_asked_for(double_engine: Path) -> None:
    """A test that wants the double has it, whatever engine the run has."""
    assert os.environ["BASCULE_PULUMI"] == str(double_engine)
    assert os.access(double_engine, os.X_OK)


@pytest.mark.engine
def test_real_engine_tells_the_pinned_version() -> None:
    """What set-up linked is an engine that runs."""
    engine = Path(sys.prefix) / "pulumi-engine" / "pulumi"
    said = subprocess.run([engine, "version"], text=True, capture_output=True, check=True).stdout

    told, pinned = version_of(said), version_of(VERSION)
    assert told is not None
    assert pinned is not None
    assert told >= pinned
