"""The demo, killed at ten random moments and started again each time, ends as if nothing had happened."""

import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples.alpenblick.prepare import TENANT, remove
from migrate import status
from migrate.case import Case
from migrate.compare.verdict import Comparison
from migrate.dossier import page, seal
from migrate.interfaces import Interfaces
from provisioning.workspace import Workspace

KILLS = 10
REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_RUN_SECONDS = 900
"""Far more than a run takes on a busy machine: what hangs ends here."""


@dataclass
class KilledDemo:
    """A demo in a folder of its own, run in a session of its own so that all of it can be killed at once."""

    folder: Path
    seed: int
    log: Path

    def run(self, kill_after_seconds: float | None) -> int | None:
        """Start the demo; return its exit status, or None when it was killed at that moment."""
        command = [sys.executable, "-m", "examples.demo", "--scale", "0.02", "--folder", str(self.folder)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # What a killed run leaves in the temporary folder goes with this one.
                env={**os.environ, "TMPDIR": str(self.folder.parent)},
            )
        try:
            return process.wait(timeout=kill_after_seconds or LONGEST_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:  # its moment has come, or somebody stopped the tests
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=20)

    @property
    def said(self) -> str:
        return f"seed {self.seed}\n{self.log.read_text()[-6000:]}"


@pytest.fixture
def demo() -> Iterator[KilledDemo]:
    # Not below pytest's own folder: the sockets of a host have paths of limited length.
    base = Path(tempfile.mkdtemp(prefix="killed-"))
    seed = int(os.environ.get("BASCULE_KILL_SEED", secrets.randbelow(10**6)))
    demo = KilledDemo(base / "demo", seed, base / "demo.log")
    yield demo
    remove(demo.folder)
    shutil.rmtree(base)


@pytest.mark.timeout(2400)
def test_a_demo_killed_at_ten_random_moments_ends_the_same_way(demo: KilledDemo) -> None:
    """The next start goes on each time: in the end the site is open, nothing lost, nothing differing."""
    moments = random.Random(demo.seed)  # noqa: S311 - no secret
    kills = finished = 0
    while kills < KILLS:
        ended = demo.run(kill_after_seconds=moments.uniform(1, 22))
        assert ended in (None, 0), demo.said
        kills += ended is None
        # One that was not killed in time began anew with the next start.
        finished += ended == 0
    assert demo.run(kill_after_seconds=None) == 0, demo.said

    case = Case.of(Workspace(demo.folder), TENANT)
    found = status.of(case)
    assert [phase.state for phase in found.phases if phase.name != "abandon"] == ["finished"] * 7, demo.said
    assert (found.standing.legacy, found.standing.door) == ("read-only", "open")
    assert case.read_evidence("comparison", Comparison).agrees
    counted = case.read_evidence("interfaces", Interfaces)
    assert [(one.lost, one.duplicates, one.in_order) for one in counted.interfaces] == [(0, 0, True)] * 2
    place = page.paths(case)
    assert seal.check(case, place.page, place.facts) == []
    # The last start may only have printed the figures; those are the same figures.
    assert re.search(r"messages lost +0 \(0 duplicated,", demo.log.read_text())
    assert re.search(r"rows differing +0 of \d+", demo.log.read_text())
