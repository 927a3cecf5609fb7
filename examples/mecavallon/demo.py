"""
The demo of the Clipper playbook: Mecavallon's ERP goes to its new version, customisations and all.

Promise: people order throughout; what the customer and the vendor's staff would decide is decided here and
said. Killed at any point and started again, it goes on; after a finished demo it begins anew. The site stays
open for looking at, until `make clean`.
"""

import json
import shutil
import sys
import time
from pathlib import Path

from examples.demo import begin, carry_on, fab_or_stop, finish, give_up, say, show, sign, waive
from examples.mecavallon.prepare import RESPONSIBLE, TENANT, VENDOR_PERSON, Prepared, prepare, remove
from migrate.case import Case
from migrate.compare.verdict import Comparison
from migrate.dossier import page
from migrate.journal import Record
from migrate.offer import Offer
from migrate.product.customisations import kept as found_customisations
from migrate.product.evidence import ProductionCopy
from migrate.product.put_back import CustomisationTests
from migrate.product.workstations import Matrix
from migrate.stop import Stop
from provisioning.engine import Stack

HERE = Path(__file__).resolve().parent
PLAYBOOK = "clipper"
ROUNDS = 16
"""A person is asked nine times; more rounds than these mean that nothing moves."""
GATES = ("confirm-offer", "accept-customisations", "accept-version", "accept-date")


def run(folder: Path, scale: float) -> None:
    """Carry Mecavallon through its playbook in `folder`, and print what came of it."""
    began_at = time.monotonic()
    begin(folder, remove)
    say(f"Legacy: a server with people ordering on it, and two workstations, scale {scale:g}")
    prepared = prepare(folder, scale)
    case = Case.of(prepared.workspace, TENANT)
    carry_on(case, lambda waiting: _do_what_a_person_would(prepared, waiting), rounds=ROUNDS)
    _show(prepared, case, time.monotonic() - began_at)
    finish(folder)


def _do_what_a_person_would(prepared: Prepared, waiting: Record | None) -> None:
    """Act on what the run waits for, as the responsible person or the vendor's staff would."""
    workspace = prepared.workspace
    about = waiting.about.partition(":")[0] if waiting else "nothing"
    if about in GATES:
        say(f"The responsible person reads the document and signs: {about}")
        sign(workspace, TENANT, about, RESPONSIBLE, prepared.keys[RESPONSIBLE])
        return
    match about:
        case "upgrade-customisations":
            say("The workshop decides on each customisation, and resolves what both sides had changed")
            shutil.copytree(HERE / "decided", workspace.root / "decided", dirs_exist_ok=True)
            form = workspace.stacks / f"{TENANT}.customisations.yaml"
            shutil.copyfile(HERE / "decided" / "customisations.yaml", form)
        case "agree-schedule":
            say("Customer and vendor agree on the wished window")
            fab_or_stop(workspace, "schedule", "--tenant", TENANT)
        case "check-window":
            say("The window is months away; the vendor waives it, signed, for the next hour")
            _waive(prepared, "window", "Demonstration: production is shown now, outside the agreed window.")
        case "require-way-back":
            say("Changes cannot flow from the new version to the old: the vendor signs for that")
            _waive(prepared, "way-back", "Demonstration: an upgraded schema cannot flow back.")
        case _:
            give_up(f"the run waits for {about}, which this demo does not know")


def _waive(prepared: Prepared, what: str, reason: str) -> None:
    waive(prepared.workspace, TENANT, what, reason, VENDOR_PERSON, prepared.keys[VENDOR_PERSON])


def _show(prepared: Prepared, case: Case, seconds: float) -> None:
    """Print the figures that the demo is about, and where to look."""
    copied, stop = case.read_evidence("test-copy", ProductionCopy), case.read_evidence("stop", Stop)
    comparison, offer = case.read_evidence("comparison", Comparison), case.read_evidence("offer", Offer)
    found, matrix = found_customisations(case), case.read_evidence("workstations", Matrix)
    tests = case.read_evidence("customisation-tests-prod", CustomisationTests)
    work = json.loads((prepared.folder / "run" / "workload.json").read_text())
    ticket = json.loads((prepared.workspace.root / "portal" / "ticket.json").read_text())
    show(
        {
            "site": f"{Stack(prepared.workspace, f'{TENANT}-prod').outputs().url} (open)",
            "customisations": f"{len(found.found)} of {found.compared} objects, in {offer.sum.total} EUR",
            "acceptance tests": f"{len(tests.tests)} in production, all passed: {tests.passed}",
            "latency before": copied.before.shown,
            "latency during": f"{copied.during.shown}; {copied.during.waiting_for_us} waited for the copy",
            "slowest write": f"{max(work['slowest_ms'].values()):.0f} ms,"
            f" of {work['orders']} orders and {work['changes']} changes",
            "workstations": ", ".join(f"{number} {which}" for which, number in matrix.counted.items()),
            "stop": f"{stop.actual_seconds:.1f} s, predicted {stop.predicted_low_seconds or 0:.0f}"
            f" to {stop.predicted_high_seconds or 0:.0f} s",
            "rows differing": f"{comparison.differing_rows} of {comparison.rows} compared by content",
            "ticket": f"{ticket['state']}, {len(ticket['history'])} entries",
            "dossier": str(page.paths(case).page),
            "whole demo": f"{seconds:.0f} s in this run",
        }
    )
    fab_here = Path(sys.prefix) / "bin" / "fab"
    root = prepared.workspace.root
    print(f"\nLook further: cd {root} && {fab_here} status --tenant {TENANT}", flush=True)
    if not (comparison.agrees and tests.passed and matrix.passed and stop.kept):
        give_up("the figures above are not what they must be")
