"""
The demo of the BESA playbook: Alpenblick, from the offer to an open, verified site.

Promise: the tenant goes live with people writing throughout, writes on its new site, goes back with all of
it, goes live again, and gives the way back up. Killed at any point and started again, it goes on. After a
finished demo it begins anew. The site stays open for looking at, until `make clean`.
"""

import json
import sys
import time
from pathlib import Path

from examples.alpenblick.prepare import RESPONSIBLE, TENANT, VENDOR_PERSON, Prepared, prepare, remove
from examples.alpenblick.site_work import Notes, held_by_legacy, held_by_site, write_notes
from examples.demo import WAITING, begin, carry_on, fab_or_stop, finish, give_up, say, show, sign, waive
from migrate import status
from migrate.case import Case, write_whole
from migrate.compare.verdict import Comparison
from migrate.dossier import page
from migrate.interfaces import Interfaces
from migrate.journal import Record
from migrate.rehearsal.evidence import Rehearsal
from migrate.schedule import Schedule
from migrate.stop import Return, Stop
from provisioning.engine import Stack

PLAYBOOK = "besa"
ROUNDS = 14
"""A person is asked seven times; more rounds than these mean that nothing moves."""
NOTES = 25
"""Written on the new site before the way back is taken."""


def run(folder: Path, scale: float) -> None:
    """Carry Alpenblick through its playbook in `folder`, and print what came of it."""
    Demo(folder, scale).run()


class Demo:
    """One run of the demo in one folder."""

    def __init__(self, folder: Path, scale: float) -> None:
        self.folder, self.scale = folder, scale
        self.began_at = time.monotonic()

    def run(self) -> None:
        """Prepare, carry on until nothing is left to do, and print the figures."""
        begin(self.folder, remove)
        say(f"Legacy: PostgreSQL, an application, two interfaces and a workload, scale {self.scale:g}")
        prepared = prepare(self.folder, self.scale)
        say(f"Legacy answers at {prepared.url}")
        case = Case.of(prepared.workspace, TENANT)
        carry_on(case, lambda waiting: self._do_what_a_person_would(prepared, case, waiting), rounds=ROUNDS)
        if status.of(case).way_back == "armed":
            say("Everybody is content with the new site: the way back is given up")
            fab_or_stop(prepared.workspace, "finalize", "--tenant", TENANT)
        self._show(prepared, case)
        finish(self.folder)

    def _do_what_a_person_would(self, prepared: Prepared, case: Case, waiting: Record | None) -> None:
        """Act on what the run waits for, as the responsible person or the vendor's staff would."""
        about = waiting.about if waiting else f"exit status {WAITING}"
        if about == "accept-site" and case.journal.last("done", "reopen-legacy") is None:
            self._go_back_once(prepared, case)
            return
        match about:
            case "confirm-offer" | "accept-site":
                say(f"The responsible person reads the document and signs: {about}")
                sign(prepared.workspace, TENANT, about, RESPONSIBLE, prepared.keys[RESPONSIBLE])
            case "agree-schedule":
                say("Customer and vendor agree on the wished window")
                fab_or_stop(prepared.workspace, "schedule", "--tenant", TENANT)
            case "check-window":
                say("The window is months away; the vendor waives it, signed, for the next hour")
                reason = "Demonstration: the move is shown now, outside the agreed window."
                key = prepared.keys[VENDOR_PERSON]
                waive(prepared.workspace, TENANT, "window", reason, VENDOR_PERSON, key)
            case "write-settlement":
                say("The vendor's staff record the hours they worked")
                for position, hours, note in _hours(waiting):
                    words = ["--position", position, "--hours", hours, "--note", note]
                    fab_or_stop(prepared.workspace, "hours", "--tenant", TENANT, *words)
            case _:
                give_up(f"the run waits for {about}, which this demo does not know")

    def _go_back_once(self, prepared: Prepared, case: Case) -> None:
        """Write on the open site, go back with what was written, and see that legacy has it."""
        kept = self.folder / ".state" / "demo-notes.json"
        if not kept.exists():
            say("People work on the new site")
            notes = write_notes(prepared, TENANT, NOTES)
            write_whole(kept, json.dumps(notes).encode())
        fab_or_stop(prepared.workspace, "status", "--tenant", TENANT)
        say("They want to go back for now, and keep what they wrote")
        fab_or_stop(prepared.workspace, "rollback", "--tenant", TENANT)
        held = held_by_legacy(prepared, TENANT, _notes(kept))
        say(f"Legacy has {held} of the {NOTES} notes; then, once more:")

    def _show(self, prepared: Prepared, case: Case) -> None:
        """Print the figures that the demo is about, and where to look."""
        stop = case.read_evidence("stop", Stop)
        comparison = case.read_evidence("comparison", Comparison)
        interfaces = case.read_evidence("interfaces", Interfaces)
        stood_up = [r for r in case.journal if r.kind == "done" and r.about.startswith("deploy-site")]
        began_at = time.monotonic()
        matches, _ = Stack(prepared.workspace, f"{TENANT}-prod").matches_its_program()
        preview_seconds = time.monotonic() - began_at
        workload = json.loads((prepared.folder / "run" / "workload.json").read_text())
        agreed = case.read_evidence("schedule", Schedule)
        waited = sum(one.at_release.waiting for one in interfaces.interfaces if one.at_release)
        rehearsal = case.read_evidence("rehearsal", Rehearsal)
        back = case.read_evidence("return", Return)
        stops = [r.data["result"]["stop_seconds"] for r in case.journal if _is_done(r, "open-door")]
        read = sum(one.compared_in_freeze or 0 for one in comparison.databases)
        notes = _notes(self.folder / ".state" / "demo-notes.json")
        kept = held_by_site(prepared, TENANT, notes)
        found = sum(fault.found for fault in rehearsal.faults)
        lines = {
            "site": f"{prepared_url(prepared)} (open; agreed name {agreed.site_name})",
            "faults planted": f"{len(rehearsal.faults)} in the rehearsal, {found} found",
            "stop": " and ".join(f"{seconds:.1f} s" for seconds in stops)
            + f", predicted {stop.predicted_low_seconds or 0:.0f}"
            f" to {stop.predicted_high_seconds or 0:.0f} s",
            "rollback": f"{back.seconds:.1f} s; {kept} of {len(notes)} notes from the site kept",
            "messages lost": f"{interfaces.lost} ({interfaces.duplicates} duplicated, {waited} waited)",
            "rows differing": f"{comparison.differing_rows} of {comparison.rows} compared by content,"
            f" {read} of them in the freeze",
            "legacy since": f"read-only; {workload['writes_acknowledged']} writes until then, "
            f"{workload['reads']} reads and counting",
            "sites stood up": " and ".join(f"{r.data['seconds']:.1f} s ({r.about})" for r in stood_up),
            "no-change preview": f"{preview_seconds:.1f} s" + ("" if matches else " (and it found drift)"),
            "dossier": str(page.paths(case).page),
            "whole demo": f"{time.monotonic() - self.began_at:.0f} s in this run",
        }
        show(lines)
        # As it can be typed in any shell: fab need not be on PATH.
        fab_here = Path(sys.prefix) / "bin" / "fab"
        print(
            f"\nLook further: cd {prepared.workspace.root} && {fab_here} status --tenant {TENANT}", flush=True
        )
        lost = interfaces.lost or interfaces.duplicates or kept < len(notes)
        if lost or found < len(rehearsal.faults) or not comparison.agrees or not matches:
            give_up("the figures above are not what they must be")


def _is_done(record: Record, step: str) -> bool:
    return record.kind == "done" and record.about == step


def _notes(path: Path) -> Notes:
    return {int(number): text for number, text in json.loads(path.read_text()).items()}


def prepared_url(prepared: Prepared) -> str:
    """Where the new site answers."""
    return Stack(prepared.workspace, f"{TENANT}-prod").outputs().url


def _hours(waiting: Record | None) -> list[tuple[str, str, str]]:
    """Return hours for every position that the settlement asks for."""
    asked = str(waiting.data["what"]) if waiting else ""
    known = {
        "conversion": ("7.5", "Preparation, the evening of the move, and the pharmacy's interface"),
        "training-online": ("2", "One session with the night shift"),
    }
    return [(position, *worked) for position, worked in known.items() if position in asked]
