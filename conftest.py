"""
What every test of this checkout shares: which engine they run with, and what was not run for want of one.

Promise: without the real Pulumi engine all tests run with its double, but for those marked ``engine``;
without Chromium, all but those marked ``browser``; without the shared data beside this checkout, all but
those marked ``shared``. What was NOT RUN is counted, with the reason,
above pytest's closing line. Nothing is left out in silence.
"""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support.left_behind import end_hosts_below
from tools.pulumi.acquire import is_usable, last_refusal
from tools.pulumi.setting import VERSION, Setting

CHECKOUT = Path(__file__).resolve().parent
DOUBLE = CHECKOUT / "tests" / "doubles" / "pulumi" / "bin" / "pulumi"
SHARED_DATA = CHECKOUT.parent / "shared" / "data"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

NOT_RUN = pytest.StashKey[dict[str, tuple[str, list[str]]]]()
"""Marker -> why its tests cannot run here, and their names."""


def _setting() -> Setting:
    return Setting(checkout=CHECKOUT, venv=Path(sys.prefix))


def _why_no_engine() -> str | None:
    """Return why the tests run without the real engine, or None if they run with it."""
    named = os.environ.get("BASCULE_PULUMI")
    if named and Path(named).resolve() != DOUBLE.resolve():
        return None
    if named:
        return "BASCULE_PULUMI names the double (ENGINE=double)"
    if is_usable(_setting()):
        return None
    refusal = last_refusal(_setting())
    return refusal.text() if refusal else f"Pulumi {VERSION} is not set up here; `make setup` says why"


def _why_no_browser() -> str | None:
    return None if any(map(shutil.which, BROWSERS)) else f"none of {', '.join(BROWSERS)} is on PATH"


def _why_no_shared() -> str | None:
    return None if SHARED_DATA.is_dir() else "../shared/data, beside this checkout, is not there"


def _own_temporary_folder(config: pytest.Config) -> None:
    """
    Give this run a folder of its own that servers run by another user may walk through.

    pytest's default is one folder a user, closed anew (0700) by every pytest that starts: a suite run
    inside a test, or a second checkout, would lock the database servers of this run out of their files.
    """
    if config.option.basetemp is None:
        folder = tempfile.mkdtemp(prefix="bascule-tests-")
        Path(folder).chmod(0o711)
        config.option.basetemp = f"{folder}/run"
        keys = Path(folder, "keys")
        keys.mkdir(mode=0o700)
        os.environ["BASCULE_DOUBLE_KEYS"] = str(keys)  # the engine's double derives each key once a run
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_configure(config: pytest.Config) -> None:
    """Choose the engine for the whole run, before any fixture can ask for it."""
    _own_temporary_folder(config)
    # How long an example takes says something about this machine's other work, and nothing of the code.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")
    # In the background of a shell without job control Ctrl-C is ignored, also by all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[NOT_RUN] = {}
    for marker, why in (
        ("engine", _why_no_engine()),
        ("browser", _why_no_browser()),
        ("shared", _why_no_shared()),
    ):
        if why:
            config.stash[NOT_RUN][marker] = (why, [])
    if "engine" in config.stash[NOT_RUN]:
        os.environ["BASCULE_PULUMI"] = str(DOUBLE)


def pytest_unconfigure(config: pytest.Config) -> None:
    """After Ctrl-C workers are gone before their fixtures have ended what they began."""
    if not hasattr(config, "workerinput"):
        for host in end_hosts_below(Path(config.option.basetemp)):
            sys.stderr.write(f"ended {host}, which the interrupted run had left running\n")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, keeping its names."""
    left_out = []
    for marker, (_why, names) in config.stash[NOT_RUN].items():
        for item in items:
            if item.get_closest_marker(marker):
                names.append(item.nodeid)
                left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of a parallel run: tell the run what was left out here."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["not_run"] = {marker: names for marker, (_why, names) in session.config.stash[NOT_RUN].items()}


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which need not be there
def pytest_testnodedown(node: Any, error: object) -> None:
    """In a parallel run: every worker collects, and so leaves out, the same tests."""
    for marker, names in node.workeroutput.get("not_run", {}).items() if error is None else ():
        kept = node.config.stash[NOT_RUN][marker][1]
        kept += [name for name in names if name not in kept]


@pytest.hookimpl(trylast=True)  # below the coverage table: this is what must not be overlooked
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was not run, and with which engine the rest was."""
    for marker, (why, names) in config.stash[NOT_RUN].items():
        if marker == "engine":
            terminalreporter.section("the real Pulumi engine was not used", sep="!", yellow=True)
            terminalreporter.line("Every test that needs an engine ran with its test double. Why:")
        elif names:
            terminalreporter.section(f"{marker}: not run", sep="!", yellow=True)
        else:
            continue
        terminalreporter.line(why)
        terminalreporter.line(f"{len(names)} tests marked `{marker}` were NOT RUN:")
        for name in names:
            terminalreporter.line(f"  NOT RUN {name}")


@pytest.fixture
def double_engine(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The engine's double, for a test that wants it even where the real one is there."""
    monkeypatch.setenv("BASCULE_PULUMI", str(DOUBLE))
    return DOUBLE
