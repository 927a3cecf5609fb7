"""
The demo of the Skydrift playbook: Fjordvik's archive, from the mapping meeting to an upgrade in operation.

Promise: people file records until the freeze, and what was tested is what opens. Killed at any point and
started again, it goes on. After a finished demo it begins anew. The site stays open until `make clean`.
"""

import sys
from pathlib import Path

import yaml

from examples.demo import begin, carry_on, fab_or_stop, finish, give_up, say, show, sign, waive
from examples.fjordvik.prepare import RESPONSIBLE, TENANT, VENDOR_PERSON, Prepared, prepare, remove
from migrate import status
from migrate.case import Case, write_whole
from migrate.compare.verdict import Comparison
from migrate.dossier import page
from migrate.hypercare import Followed
from migrate.journal import Record
from migrate.planning.plan import Plan
from migrate.product.evidence import ProductionCopy
from migrate.product.releases import Release
from migrate.stop import Stop

PLAYBOOK = "skydrift"
ROUNDS = 24
"""A person is asked a dozen times; more rounds than these mean that nothing moves."""
ANSWERS = {
    "needs": "Ett arkiv for alle etater",
    "why": "Mindre drift, alltid ny versjon",
    "resources": "Én IT-medarbeider",
}
WAIVED = {
    "check-window": ("window", "The window is months away; the vendor waives it"),
    "check-hours": ("operating-hours", "It may be an hour of work; the vendor waives it for the demo"),
    "follow-up": ("hypercare-length", "Nobody waits for weeks here; the vendor waives the length alone"),
    "require-notice": ("upgrade-notice", "The notice's days are waived, too"),
    "upgrade-production": ("operating-hours", "It may be an hour of work; the vendor waives it"),
}


def run(folder: Path, scale: float) -> None:
    """Carry Fjordvik through its playbook in `folder`, and print what came of it."""
    begin(folder, remove)
    say(f"Legacy: PostgreSQL, people who file records, a terminal server for tests, scale {scale:g}")
    prepared = prepare(folder, scale)
    case = Case.of(prepared.workspace, TENANT)

    def act(waiting: Record | None) -> None:
        if waiting is not None:
            _do_what_a_person_would(prepared, waiting)

    carry_on(case, act, rounds=ROUNDS, once=True)
    if status.of(case).way_back == "armed":
        say("Everybody is content with the new site: the way back is given up")
        fab_or_stop(prepared.workspace, "finalize", "--tenant", TENANT)
    say("Months later version 9.1 comes, through test first")
    order = prepared.workspace.stacks / f"{TENANT}.upgrade.yaml"
    write_whole(order, order.read_text().replace('to: "9"\n', 'to: "9.1"\n').encode())
    if case.journal.last("evidence", "release-prod") is None:
        carry_on(case, act, rounds=ROUNDS, command="upgrade", once=True)
    _show(case)
    finish(folder)


def _do_what_a_person_would(prepared: Prepared, waiting: Record) -> None:
    """Act on what the run waits for, as the customer or the vendor's staff would."""
    workspace, about = prepared.workspace, waiting.about
    signers = {"take-over": VENDOR_PERSON}
    match about:
        case "record-mapping":
            say("The mapping meeting: the form is written, answered, and fills the manifest")
            form = workspace.stacks / f"{TENANT}.questionnaire.yaml"
            if not form.exists():
                fab_or_stop(workspace, "questionnaire", "--tenant", TENANT)
            answered = {**yaml.safe_load(form.read_text()), **ANSWERS}
            write_whole(form, yaml.safe_dump(answered, allow_unicode=True).encode())
            fab_or_stop(workspace, "questionnaire", "--tenant", TENANT)
        case "accept-offer" | "sign-contract" | "accept-version" | "accept-handover" | "take-over":
            who = signers.get(about, RESPONSIBLE)
            say(f"{who} reads the document and signs: {about}")
            sign(workspace, TENANT, about, who, prepared.keys[who])
        case "agree-schedule":
            say("Customer and vendor agree on the wished window")
            fab_or_stop(workspace, "schedule", "--tenant", TENANT)
        case "write-settlement":
            say("The vendor's staff record the hours of training")
            words = ["--position", "training", "--hours", "6", "--note", "Two courses"]
            fab_or_stop(workspace, "hours", "--tenant", TENANT, *words)
        case known if known in WAIVED:
            what, why = WAIVED[known]
            say(f"{why}, signed, for the next hour")
            reason = "Demonstration: it is shown now."
            waive(workspace, TENANT, what, reason, VENDOR_PERSON, prepared.keys[VENDOR_PERSON])
        case _:
            give_up(f"the run waits for {about}, which this demo does not know")


def _show(case: Case) -> None:
    """Print the figures that the demo is about, and where to look."""
    copied, stop = case.read_evidence("test-copy", ProductionCopy), case.read_evidence("stop", Stop)
    comparison, plan = case.read_evidence("comparison", Comparison), case.read_evidence("plan", Plan)
    upgraded, last = (
        case.read_evidence("release-prod", Release),
        case.read_evidence("hypercare", Followed).days[-1],
    )
    read = sum(one.compared_in_freeze or 0 for one in comparison.databases)
    show(
        {
            "latency before": copied.before.shown,
            "during the copy": f"{copied.during.shown}; {copied.during.waiting_for_us} waited for it",
            "project": f"{plan.begins_on} to {plan.ends_on}, at the latest {plan.at_latest_on}",
            "stop": f"{stop.actual_seconds:.1f} s, predicted {stop.predicted_low_seconds or 0:.0f}"
            f" to {stop.predicted_high_seconds or 0:.0f} s",
            "rows differing": f"{comparison.differing_rows} of {comparison.rows} compared by content,"
            f" {read} of them in the freeze",
            "hypercare": f"{last.errors} of {last.requests} requests failed; suite {last.verification}",
            "upgrade": f"{upgraded.from_version} to {upgraded.to_version} in {upgraded.seconds:.1f} s",
            "dossier": str(page.paths(case).page),
        }
    )
    fab_here = Path(sys.prefix) / "bin" / "fab"
    print(f"\nLook further: cd {case.workspace.root} && {fab_here} status --tenant {TENANT}", flush=True)
    if not comparison.agrees:
        give_up("the figures above are not what they must be")
