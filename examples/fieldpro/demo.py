"""
The demo of the FieldPro playbook: Rivage begins afresh, from its point of contact to its first invoice.

Promise: the customer fills in and signs a workbook, tries the site in a pilot that leaves nothing, goes live,
does not pay and pays. Whatever stands there of an earlier demo is taken away first. The site stays open for
looking at, until `make clean`.
"""

import html
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from examples.demo import carry_on, fab_or_stop, give_up, say, show, sign
from examples.fieldpro.billing_system import SECRET, BillingSystem, billing_system
from examples.fieldpro.prepare import HERE, OFFICER, RESPONSIBLE, TENANT, prepare, take_away
from examples.workspaces import key_file
from migrate.billing import subscription
from migrate.case import Case
from migrate.connections import Hosts
from migrate.dossier import page
from migrate.environment import Proof
from migrate.journal import Record
from migrate.verify import GoLive
from migrate.web import ask
from provisioning.workspace import Workspace

PLAYBOOK = "fieldpro"
ROUNDS = 16
"""A person is asked ten times; more rounds than these mean that nothing moves."""
VISITS = 25


def run(folder: Path, scale: float) -> None:
    """Carry Rivage through its playbook in `folder`, and print what came of it."""
    began_at = time.monotonic()
    if folder.exists():
        say("A demo stands here; it is taken away, and a new one begins.")
        take_away(folder)
    folder.mkdir(parents=True)
    with billing_system(folder) as system:
        workspace = prepare(folder, endpoint=system.url, ca=system.ca, secret=SECRET)
        say(f"The vendor's billing system takes events at {system.url}")
        case = Case.of(workspace, TENANT)
        visits = max(1, round(VISITS * scale))
        carry_on(case, lambda waiting: _do_what_a_person_would(case, waiting, visits), rounds=ROUNDS)
        seen = _let_a_month_pass(case)
        _show(case, system, visits, seen, time.monotonic() - began_at)


def _do_what_a_person_would(case: Case, waiting: Record | None, visits: int) -> None:
    workspace = case.workspace
    about = waiting.about if waiting else ""
    today = datetime.now(UTC).date().isoformat()
    match about:
        case (
            "confirm-contact" | "sign-contract" | "sign-configuration" | "sign-kpis" | "validate-environment"
        ):
            say(f"The responsible person reads the document and signs: {about}")
            _sign(workspace, about, RESPONSIBLE)
        case "take-over":
            say("The customer success officer takes over")
            _sign(workspace, about, OFFICER)
        case "check-fee":
            say("The deployment fee arrives")
            words = ["--invoice", "deployment", "--paid-on", today, "--by", OFFICER]
            fab_or_stop(workspace, "payment", "--tenant", TENANT, *words)
        case "receive-workbook":
            say("The customer fills the workbook in")
            file = str(HERE / "configuration")
            fab_or_stop(workspace, "config", "check", "--tenant", TENANT, "--file", file)
        case "receive-kpis":
            say("Both sides agree on the figures")
            fab_or_stop(workspace, "kpis", "--tenant", TENANT, "--file", str(HERE / "kpis.yaml"))
        case "await-pilot-end":
            say(f"Sales people record {visits} visits; then everybody has seen enough")
            _work(case, visits)
            fab_or_stop(workspace, "end-pilot", "--tenant", TENANT)
        case _:
            give_up(f"the run waits for {about}, which this demo does not know")


def _sign(workspace: Workspace, gate: str, email: str) -> None:
    sign(workspace, TENANT, gate, email, key_file(workspace, email))


def _work(case: Case, visits: int) -> None:
    with Hosts(case.workspace, case.manifest) as hosts:
        site = hosts.site()
    for number in range(visits):
        body = {"user": "M-01", "customer": "C-0001", "note": f"visit {number}", "orders": {"P-100": 1}}
        if ask(site, "/visits", body=body).status != 201:
            give_up("the site does not take a visit")


def _let_a_month_pass(case: Case) -> str:
    """Look at the subscription as of a month later, then pay; return what users read meanwhile."""
    say("A month later nobody has paid")
    with Hosts(case.workspace, case.manifest) as hosts:
        due = subscription.bring_up_to_date(case, hosts, datetime.now(UTC) + timedelta(days=32))
        site = hosts.site()
    page_shown = ask(site)
    say(f"{site.url} answers {page_shown.status}")
    today = datetime.now(UTC).date().isoformat()
    for line in due:
        words = ["--invoice", line.id, "--paid-on", today, "--by", OFFICER]
        fab_or_stop(case.workspace, "payment", "--tenant", TENANT, *words)
    fab_or_stop(case.workspace, "billing", "--tenant", TENANT)
    return html.unescape(page_shown.body.partition("<p>")[2].partition("</p>")[0])


def _show(case: Case, system: BillingSystem, visits: int, seen: str, seconds: float) -> None:
    proof, golive = case.read_evidence("environment-proof", Proof), case.read_evidence("golive", GoLive)
    erased = case.journal.last("done", "erase-pilot")
    with Hosts(case.workspace, case.manifest) as hosts:
        site, opened = hosts.site(), ask(hosts.site()).status == 200
    show(
        {
            "site": f"{site.url} ({'open' if opened else 'not open'}; agreed name {case.manifest.site_name})",
            "rows": f"{proof.rows - proof.rejected} as signed, compared by content; {proof.rejected} refused",
            "template": f"{proof.template_sha256[:16]}…, on the host as it was published",
            "workbook": f"{proof.workbook_sha256[:16]}…, signed and declared in the stack",
            "pilot": f"{visits} visits recorded, erased: {erased.data['result']['erased'] if erased else ''}",
            "go-live checks": golive.summary,
            "billing events": f"{len(system.events)} taken in {len(system.posts)} deliveries",
            "while unpaid": seen,
            "dossier": str(page.paths(case).page),
            "whole demo": f"{seconds:.0f} s",
        }
    )
