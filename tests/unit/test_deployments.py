"""Deployments of tenants who begin afresh: what each kind does, what is waited for, and what is late."""

import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import ValidationError

from migrate import adjustments, deadlines, gates, plan, signatures
from migrate.billing import payments
from migrate.case import Case
from migrate.connections import Hosts
from migrate.dossier import page
from migrate.environment_template import template_of
from migrate.errors import GateError, MigrationError, Refused, Waiting, WorkbookError
from migrate.kpis import adopting as kpi_file
from migrate.playbook import OWN_FOLDER, Playbook, read
from migrate.step import Act, Result, StepContext, known_steps
from migrate.steps import deployment, preparation
from migrate.workbook import adopting
from migrate.workbook.values import Value
from migrate.workbook.writing import write
from provisioning.errors import ManifestError
from tests.support.fieldpro import EXAMPLE, ROWS, a_case, manifest
from tests.support.moves import Told

MARIAMA = "mariama.ndiaye@rivage.example"


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return read(OWN_FOLDER / "fieldpro.yaml", known_steps())


@pytest.fixture
def case(tmp_path: Path) -> Case:
    made = a_case(tmp_path)
    (tmp_path / "stacks" / "rates.yaml").write_bytes((EXAMPLE / "stacks" / "rates.yaml").read_bytes())
    key = tmp_path / "mariama"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    (tmp_path / "stacks" / "allowed_signers").write_text(f'{MARIAMA} namespaces="bascule" {public}\n')
    return made


def sign(case: Case, document: str) -> None:
    signatures.sign(case.document(document), case.workspace.root / "mariama")


def do(case: Case, act: Act, **params: Any) -> Result:
    return act(StepContext(case, Hosts(case.workspace, case.manifest), Told(), "scope-1", params))


def planned(playbook: Playbook, **changes: Any) -> list[str]:
    """Every entry that a tenant goes through, in order."""
    tenant, steps = manifest(**changes), dict(known_steps())
    return [
        entry.id
        for phase in playbook.phases
        if not phase.on_request
        for entry in plan.make(playbook, phase, tenant, steps, number=1).entries
        if entry.kind != "signatures"
    ]


def test_template_environment_is_the_short_way(playbook: Playbook) -> None:
    """From a template: no contract, no hand-over, no KPIs, no pilot, and live in week 2."""
    assert planned(playbook, deployment={"kind": "template", "officer": None, "pilot": None}) == [
        *("name-contact", "confirm-contact", "check-fee"),
        *("write-workbook", "receive-workbook", "sign-configuration", "keep-deadline:scope:1"),
        *("deploy-site:prod", "install-template", "configure-site", "import-history", "prove-environment"),
        *("keep-deadline:environment:1", "list-training", "write-validation", "validate-environment"),
        *("prove-environment:golive", "keep-deadline:golive:2", "verify-site", "open-door", "declare-open"),
        *("start-subscription", "hand-over-support", "write-dossier"),
    ]


def test_custom_environment_has_its_milestones(playbook: Playbook) -> None:
    """Custom: contract, hand-over and KPIs; live in week 4, or in week 8 where there is a pilot."""
    without = planned(playbook, deployment={"pilot": None})
    assert {"sign-contract", "take-over", "sign-kpis", "build-dashboards"} <= set(without)
    assert "keep-deadline:golive:4" in without
    assert not any("pilot" in entry for entry in without)
    with_pilot = planned(playbook)
    assert {"begin-pilot", "await-pilot-end", "erase-pilot", "keep-deadline:golive:8"} <= set(with_pilot)
    assert "keep-deadline:golive:4" not in with_pilot


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "template"}, "officer belongs to kind: custom"),
        ({"officer": None}, "officer is missing"),
        ({"pilot": {"days": 32}}, "less than or equal to 31"),
    ],
)
def test_manifest_that_makes_no_sense_is_refused(changes: dict[str, Any], says: str) -> None:
    """What only a custom environment has, and a pilot above a month, are refused with their reason."""
    with pytest.raises(ValidationError, match=says):
        manifest(deployment=changes)


def test_site_without_legacy_names_its_database() -> None:
    """Where no legacy database gives it its name, the application's settings have to."""
    with pytest.raises(ValidationError, match=r"application\.settings\.database\s+Value error, is missing"):
        manifest(application={"settings": {}})
    with pytest.raises(ValidationError, match="templates are for PostgreSQL"):
        manifest(site_engine="mariadb")
    assert manifest().begins_afresh
    assert manifest().site_dbname == "rivage"


def test_who_leaves_no_system_is_not_measured(case: Case) -> None:
    """A playbook that moves a system stops at once for a tenant who has none."""
    with pytest.raises(MigrationError, match="rivage leaves no system"):
        do(case, preparation.assess)


def test_contact_needs_both_skills(tmp_path: Path, case: Case) -> None:
    """A point of contact without one of the two trainings is waited for; with both, the paper is written."""
    lacking = manifest(deployment={"contact": {"name": "A B", "email": "a@b.example", "knows_it": True}})
    with pytest.raises(Waiting, match="A B has no commercial training"):
        do(Case(case.workspace, lacking), deployment.name_contact)
    first = do(case, deployment.name_contact)
    before = case.document("contact.pdf").read_bytes()
    assert do(case, deployment.name_contact) == first
    assert case.document("contact.pdf").read_bytes() == before


def test_fee_is_waited_for(case: Case) -> None:
    """Nothing begins before the deployment fee is paid."""
    with pytest.raises(Waiting, match=r"the deployment fee of EUR 1800.00 is not paid yet"):
        do(case, deployment.check_fee)
    payments.record(case, "deployment", date(2027, 1, 4), "vera@fieldvendor.example")
    assert do(case, deployment.check_fee)["paid_on"] == "2027-01-04"


def test_papers_are_in_every_language(case: Case) -> None:
    """Contract and hand-over can be written for a tenant of any language."""
    for language in ("fr", "de", "nb", "en"):
        tenant = Case(case.workspace, manifest(language=language))
        assert do(tenant, deployment.write_contract) == {"document": "contract.pdf"}
        assert do(tenant, deployment.write_handover) == {"document": "handover.pdf"}


def adopt(case: Case, folder: Path) -> None:
    filled = folder / "filled-in.xlsx"
    filled.write_bytes(write(template_of(case).form, ROWS))
    adopting.adopt(case, filled)


def test_workbook_is_adopted_signed_and_stops_when_changed(case: Case, tmp_path: Path) -> None:
    """A sound file is what is signed; one changed cell, and neither gate nor loading lets it pass."""
    with pytest.raises(Waiting, match="is not filled in and checked yet"):
        do(case, deployment.receive_workbook)
    adopt(case, tmp_path)
    with pytest.raises(Waiting, match="has not signed"):
        gates.check_document(case, adopting.DOCUMENT)
    sign(case, adopting.DOCUMENT)
    assert gates.check_document(case, adopting.DOCUMENT)["signer"] == MARIAMA
    document = case.document(adopting.DOCUMENT)
    book = openpyxl.load_workbook(document)
    book["products"]["C4"].value = 1
    book.save(document)
    with pytest.raises(GateError, match="was changed after it was signed"):
        gates.check_document(case, adopting.DOCUMENT)
    with pytest.raises(WorkbookError, match="was changed since it was checked"):
        adopting.adopted(case)


def test_signed_workbook_is_replaced_on_request_only(case: Case, tmp_path: Path) -> None:
    """Another file voids the signature, so it has to be asked for; the same file again does not."""
    adopt(case, tmp_path)
    sign(case, adopting.DOCUMENT)
    adopt(case, tmp_path)
    assert signatures.signature_of(case.document(adopting.DOCUMENT)).exists()
    other = tmp_path / "other.xlsx"
    other.write_bytes(write(template_of(case).form, {**ROWS, "customers": []}))
    with pytest.raises(Refused, match="is signed; another file would void the signature"):
        adopting.adopt(case, other)
    adopting.adopt(case, other, replace=True)
    with pytest.raises(Waiting):
        gates.check_document(case, adopting.DOCUMENT)


def test_csv_files_become_a_workbook(case: Case) -> None:
    """The example's CSV files are adopted as one workbook, the same again byte for byte."""
    found = adopting.adopt(case, EXAMPLE / "configuration")
    assert found.rows == {"lists": 5, "web_users": 2, "mobile_users": 3, "customers": 4, "products": 4}
    assert adopting.adopt(case, EXAMPLE / "configuration").sha256 == found.sha256


def test_all_faults_stand_in_a_file(case: Case, tmp_path: Path) -> None:
    """More faults than fit on a screen are counted there, and each stands in the report."""
    path = tmp_path / "faulty.xlsx"
    many: list[list[Value]] = [[f"P-{n}", None, 1, 1] for n in range(100)]
    path.write_bytes(write(template_of(case).form, {**ROWS, "products": many}))
    with pytest.raises(WorkbookError, match=r"faulty.xlsx: 100 to correct") as told:
        adopting.adopt(case, path)
    assert "… and 60 more" in str(told.value)
    report = case.document("configuration-faults.txt").read_text().splitlines()
    assert (len(report), report[-1]) == (100, "products!B103: name: missing")


def test_kpis_are_adopted_when_they_only_read(case: Case, tmp_path: Path) -> None:
    """The example's KPIs are sound; a file with a harmful or a doubled one is refused."""
    with pytest.raises(Waiting, match="file of KPIs is not defined"):
        do(case, deployment.receive_kpis)
    kpi_file.adopt(case, EXAMPLE / "kpis.yaml")
    assert do(case, deployment.receive_kpis) == {"kpis": ["visits_by_user", "turnover_by_region"]}
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kpis:\n  - {name: x, title: {fr: x, en: x}, sql: DROP TABLE work.visit}\n")
    with pytest.raises(WorkbookError, match="begins with DROP"):
        kpi_file.adopt(case, wrong)
    one = "  - {name: x, title: {fr: x, en: x}, sql: SELECT id FROM work.visit}\n"
    wrong.write_text("kpis:\n" + one + one)
    with pytest.raises(ManifestError, match="x stands twice"):
        kpi_file.adopt(case, wrong)


def test_adjustments_are_closed_before_validation(case: Case) -> None:
    """An open adjustment keeps the environment from being validated; it is named."""
    adjustments.ask(case, "Add a region", MARIAMA)
    with pytest.raises(Waiting, match=r"1 adjustment\(s\) are open: 1: Add a region"):
        do(case, deployment.write_validation)
    adjustments.close(case, 1, "vera@fieldvendor.example")
    adjustments.close(case, 1, "somebody.else@fieldvendor.example")
    assert [one.done_by for one in adjustments.every(case)] == ["vera@fieldvendor.example"]
    with pytest.raises(Refused, match="rivage has no adjustment 2"):
        adjustments.close(case, 2, MARIAMA)


BEGINS_ON = date(2027, 1, 11)


@pytest.mark.parametrize(
    ("zone", "on_time", "late"),
    [
        ("Africa/Dakar", "2027-01-17T23:59:59+00:00", "2027-01-18T00:00:00+00:00"),
        ("Europe/Paris", "2027-01-17T22:59:59+00:00", "2027-01-17T23:00:00+00:00"),
        ("America/New_York", "2027-01-18T04:59:59+00:00", "2027-01-18T05:00:00+00:00"),
    ],
)
def test_week_ends_with_its_last_day_where_the_tenant_is(
    case: Case, zone: str, on_time: str, late: str
) -> None:
    """Week 1 goes to the end of its Sunday on the tenant's own clock."""
    tenant = Case(case.workspace, manifest(window={"time_zone": zone}))
    deadlines.keep(tenant, "scope", 1, datetime.fromisoformat(on_time))
    with pytest.raises(Waiting, match=r"scope was due on 2027-01-17, 1 day\(s\) ago"):
        deadlines.keep(tenant, "scope", 1, datetime.fromisoformat(late))


def test_later_day_counts_once_it_is_signed(case: Case) -> None:
    """A proposed day is nothing yet; in the signed paper it is the deadline; a changed paper is none."""
    late = datetime(2027, 1, 20, tzinfo=UTC)
    with pytest.raises(Refused, match="no milestone scop"):
        deadlines.postpone(case, "scop", date(2027, 2, 1), "Harvest", MARIAMA)
    with pytest.raises(Refused, match="2027-01-17 as it is"):
        deadlines.postpone(case, "scope", date(2027, 1, 17), "Harvest", MARIAMA)
    deadlines.postpone(case, "scope", date(2027, 2, 1), "Harvest", MARIAMA)
    do(case, deployment.write_steering)
    with pytest.raises(Waiting):
        deadlines.keep(case, "scope", 1, late)
    sign(case, deadlines.PAPER)
    assert deadlines.due_on(case, "scope", 1) == date(2027, 2, 1)
    deadlines.keep(case, "scope", 1, late)
    deadlines.postpone(case, "scope", date(2027, 2, 8), "Harvest", MARIAMA)
    do(case, deployment.write_steering)
    with pytest.raises(Waiting):  # another day is another paper, which nobody has signed yet
        gates.check_document(case, deadlines.PAPER)
    sign(case, deadlines.PAPER)
    assert deadlines.due_on(case, "scope", 1) == date(2027, 2, 8)
    with case.document(deadlines.PAPER).open("ab") as file:
        file.write(b"\n")
    assert deadlines.due_on(case, "scope", 1) == date(2027, 1, 17)


def test_what_was_waited_for_is_told(case: Case) -> None:
    """The paper and the dossier say what is late by how many days, and on what it waited."""
    case.journal.append("waiting", "receive-workbook", attempt="scope-1", what="no workbook yet", next="")
    now = datetime.now(UTC) + timedelta(days=12)
    begins = (now - timedelta(days=10)).date()
    tenant = Case(case.workspace, manifest(deployment={"begins_on": begins.isoformat()}))
    scope = next(deadlines.milestones(tenant, now))
    assert (scope.name, scope.reached_at, scope.late_days) == ("scope", None, 4)
    (waited,) = scope.waited
    assert (waited.about, waited.days(now)) == ("receive-workbook", 12)
    place = page.write(Case(case.workspace, manifest(deployment={"begins_on": "2026-01-05"})))
    assert "Whether deadlines were kept" in place.page.read_text()
    assert "no workbook yet" in place.page.read_text()
