"""
The demo of the Quadra playbook: Belledonne, from first contact to people who work on an open, verified site.

Promise: the firm's databases are found and decided on, what is too old is purged, a disk with a planted fault
is refused before the whole one is loaded, and what was written meanwhile is there. Killed at any point and
started again, it goes on. After a finished demo it begins anew.
"""

import shutil
import time
from pathlib import Path

import yaml

from examples.belledonne.prepare import RESPONSIBLE, TENANT, VENDOR_PERSON, Prepared, prepare, remove
from examples.demo import begin, carry_on, fab, fab_or_stop, finish, give_up, say, show, sign, waive
from migrate.accounts.creating import Accounts
from migrate.archive import stage
from migrate.case import Case
from migrate.compare.verdict import Comparison
from migrate.dossier import page
from migrate.inventory.found import FoundDatabases
from migrate.journal import Record
from migrate.product.workstations import Matrix
from migrate.purge.purging import Purged
from migrate.stop import Stop
from provisioning.engine import Stack

PLAYBOOK = "quadra"
ROUNDS = 16
GATES = ("accept-inventory", "accept-purge", "confirm-offer", "accept-site")
DECIDED = {
    "postgresql serveur:5432 compta": "purge",
    "sqlite serveur:dossiers/caisse/suivi.dat": "move",
}
"""All others are left."""


def run(folder: Path, scale: float) -> None:
    """Carry Belledonne through its playbook in `folder`, and print what came of it."""
    began_at = time.monotonic()
    begin(folder, remove)
    say(f"Legacy: PostgreSQL, files, a workstation, an empty disk, scale {scale:g}")
    prepared = prepare(folder, scale)
    case = Case.of(prepared.workspace, TENANT)
    with prepared.provider():
        carry_on(case, lambda waiting: _do_what_a_person_would(prepared, case, waiting), rounds=ROUNDS)
        say("The supervisor disables the account of somebody who has left")
        words = ["--act", "disable", "--user", "PAUL", "--as", RESPONSIBLE]
        fab_or_stop(
            prepared.workspace, "users", "--tenant", TENANT, *words, "--key", str(prepared.keys[RESPONSIBLE])
        )
    _show(prepared, case, began_at)
    finish(folder)


def _do_what_a_person_would(prepared: Prepared, case: Case, waiting: Record | None) -> None:
    """Act on what the run waits for, as the responsible person or the vendor's staff would."""
    workspace = prepared.workspace
    about = waiting.about if waiting else "nothing"
    if about in GATES:
        say(f"The responsible person reads the document and signs: {about}")
        sign(workspace, TENANT, about, RESPONSIBLE, prepared.keys[RESPONSIBLE])
    elif about == "decide-inventory":
        say("The firm decides: the bookkeeping is purged and moves, the cash book moves, the rest is left")
        _decide(workspace.stacks / f"{TENANT}.inventory.yaml")
    elif about == "agree-schedule":
        say("Firm and vendor agree on the wished window")
        fab_or_stop(workspace, "schedule", "--tenant", TENANT)
    elif about == "carry-archive":
        _carry(prepared, case)
    elif about == "check-window":
        say("The window is months away; the vendor waives it, signed, for the next hour")
        reason = "Demonstration: the move is shown now, outside the agreed window."
        waive(workspace, TENANT, "window", reason, VENDOR_PERSON, prepared.keys[VENDOR_PERSON])
    else:
        give_up(f"the run waits for {about}, which this demo does not know")


def _decide(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    for one in content["databases"]:
        one.update(decision=DECIDED.get(one["id"], "leave"), by=RESPONSIBLE)
    form.write_text(yaml.safe_dump(content, allow_unicode=True))


def _carry(prepared: Prepared, case: Case) -> None:
    """Flip a bit on the disk, see it refused, mend it, and load the disk."""
    desk = stage.desks(case)[-1]
    words = ["--from", str(prepared.disk), "--archive", desk.archive]
    chunk = prepared.disk / desk.archive / "chunk-000001.age"
    kept = chunk.with_name(".kept")
    say("The disk travels, and one bit of it flips")
    shutil.copyfile(chunk, kept)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    if fab(prepared.workspace, "stage-in", "--tenant", TENANT, *words) == 0:
        give_up("a disk with a flipped bit was loaded")
    say("Meanwhile the firm goes on working; a copy without the fault arrives")
    with prepared.connect() as session:
        session.execute(
            "INSERT INTO compta.ecriture (dossier_id, le, libelle) VALUES (2, current_date, 'En route')"
        )
    kept.replace(chunk)
    fab_or_stop(prepared.workspace, "stage-in", "--tenant", TENANT, *words)


def _show(prepared: Prepared, case: Case, began_at: float) -> None:
    """Print the figures that the demo is about, and where to look."""
    found = case.read_evidence("inventory", FoundDatabases)
    purged, stop = case.read_evidence("purge", Purged), case.read_evidence("stop", Stop)
    comparison = case.read_evidence("comparison", Comparison)
    accounts = case.read_evidence("accounts", Accounts)
    met = {name: case.read_evidence(f"package-{name}", Matrix).counted for name in ("session", "impression")}
    site = Stack(prepared.workspace, f"{TENANT}-prod").outputs()
    show(
        {
            "site": f"{site.url} (open)",
            "databases": f"{len(found.databases)} found, each decided on",
            "purged": f"{purged.deleted} rows, {purged.plan.bytes} bytes, in an archive at {purged.to}",
            "rows differing": f"{comparison.differing_rows} of {comparison.rows} compared by content",
            "stop": f"{stop.actual_seconds:.1f} s",
            "accounts": f"{len(accounts.accounts)} in {len({one.role for one in accounts.accounts})} roles",
            "workstations": ", ".join(f"{name}: {counted}" for name, counted in met.items()),
            "services": ", ".join(site.services),
            "dossier": str(page.paths(case).page),
            "whole demo": f"{time.monotonic() - began_at:.0f} s in this run",
        }
    )
    if not comparison.agrees:
        give_up("the figures above are not what they must be")
