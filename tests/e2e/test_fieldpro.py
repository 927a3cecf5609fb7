"""
The demo tenant that begins afresh, by the playbook as it ships: from first contact to an open, billed site.

One tenant, so the order counts: each test takes it on from where the one before left it.
"""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest

from examples.fieldpro.billing_system import BillingSystem
from migrate import door, environment, status
from migrate.billing import subscription
from migrate.connections import Hosts
from migrate.deadlines import Steered
from migrate.dossier import page, seal
from migrate.environment import Configured, SetUp
from migrate.web import ask
from migrate.workbook.adopting import DOCUMENT
from provisioning.configuration_mark import CONFIGURATION_MARK
from tests.support.e2e import FAILED, WAITING
from tests.support.e2e_fieldpro import FieldPro, fieldpro, from_template

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each waits for an event, none for a time

Home = tuple[FieldPro, BillingSystem]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    # Nine weeks ago, so that every deadline has slipped.
    begins_on = datetime.now(UTC).date() - timedelta(weeks=9)
    with fieldpro(tmp_path_factory.mktemp("fieldpro") / "home", begins_on) as here:
        yield here


def killed_at(operator: FieldPro, step: str) -> None:
    """Kill the run, and all that it started, as soon as it begins a step."""
    with operator.at_work("run") as run:
        run.until("intent", step)
        run.signal(signal.SIGKILL)
        run.ended()


def waits_for(operator: FieldPro) -> str:
    """Run once; return what it waits for."""
    said = operator.fab("run")
    assert said.code == WAITING, said.text
    record = operator.case.journal.last("waiting")
    assert record is not None
    return record.about


def test_prerequisites_are_gates(home: Home) -> None:
    """Contact, fee and contract each hold the deployment up; a run that was killed goes on."""
    operator, _ = home
    killed_at(operator, "name-contact")
    for gate in ("confirm-contact", "check-fee", "sign-contract", "take-over", "receive-workbook"):
        assert waits_for(operator) == gate
        if gate in ("confirm-contact", "sign-contract"):
            assert operator.sign(gate, signer=operator.vendor).code == FAILED
        if gate != "receive-workbook":
            operator.do(gate)
        if gate == "take-over":
            killed_at(operator, "write-workbook")


def test_faulty_workbook_is_not_adopted(home: Home) -> None:
    """A faulty file is told at its cells and changes nothing; the sound one waits for its signature."""
    operator, _ = home
    blank = operator.case.document("workbook.xlsx")
    filled = operator.workspace.root / "filled-in.xlsx"
    book = openpyxl.load_workbook(blank)
    book["web_users"].append(["W-01", "Ousmane Ba", "nobody", "admin"])
    book.save(filled)
    said = operator.fab("config", "check", "--file", str(filled))
    assert said.code == FAILED
    assert "web_users!C4: email: 'nobody' is no e-mail address" in said.text
    assert not operator.case.document(DOCUMENT).exists()
    operator.do("receive-workbook")
    assert waits_for(operator) == "sign-configuration"
    operator.do("sign-configuration")


def test_slipped_deadline_calls_the_steering_committee(home: Home) -> None:
    """What is late and why is written; later days count once they are signed."""
    operator, _ = home
    assert waits_for(operator) == "keep-deadline:scope:1"
    said = operator.fab("deadlines")
    assert "week 1  scope: due" in said.text
    until = (datetime.now(UTC).date() + timedelta(weeks=8)).isoformat()
    for milestone in ("scope", "environment", "validation", "golive"):
        words = [
            "--milestone",
            milestone,
            "--until",
            until,
            "--reason",
            "Récolte",
            "--by",
            operator.responsible,
        ]
        assert operator.fab("postpone", *words).code == 0
    assert waits_for(operator) == "keep-deadline:scope:1"
    assert operator.fab("steer").code == WAITING
    assert operator.fab("run").code == WAITING  # the committee's paper comes before all else
    assert operator.sign("agree-on-days").code == 0
    assert operator.fab("steer").code == 0
    assert set(operator.case.read_evidence("steering", Steered).until) == {
        "scope", "environment", "validation", "golive",
    }  # fmt: skip


def test_changed_cell_stops_the_configuration(home: Home) -> None:
    """One cell changed after signing, and nothing is configured; the signed file put back, it goes on."""
    operator, _ = home
    document = operator.case.document(DOCUMENT)
    signed = document.read_bytes()
    book = openpyxl.load_workbook(document)
    book["products"]["C4"].value = 1
    book.save(document)
    said = operator.fab("run")
    assert said.code == FAILED
    assert "was changed after it was signed" in said.text
    document.write_bytes(signed)
    killed_at(operator, "install-template")
    killed_at(operator, "configure-site")
    assert waits_for(operator) == "receive-kpis"


def test_site_is_what_was_signed(home: Home) -> None:
    """Every row is there but the one that the site's tables refuse; another file's digest is drift."""
    operator, _ = home
    (refused,) = operator.case.read_evidence("history", Configured).rejected
    assert (refused.sheet, refused.key) == ("products", "P-400")
    assert "P-400" in operator.case.document("rejected-rows.txt").read_text()
    assert operator.case.read_evidence("environment", SetUp).template == "visits"
    matches, said = operator.prod.matches_its_program()
    assert matches, said
    mark = operator.place.path(CONFIGURATION_MARK)
    right = mark.read_text()
    mark.write_text(json.dumps({"sha256": "0" * 64}))
    matches, said = operator.prod.matches_its_program()
    assert not matches
    assert "sha256" in said
    mark.write_text(right)


def test_dashboards_need_signed_kpis(home: Home) -> None:
    """A harmful KPI is refused; signed ones become views, and the customer validates after adjustments."""
    operator, _ = home
    harmful = operator.workspace.root / "harmful.yaml"
    harmful.write_text(
        "kpis:\n  - {name: x, title: {fr: x, en: x}, sql: 'SELECT pg_sleep(9) AS x FROM work.visit'}\n"
    )
    said = operator.fab("kpis", "--file", str(harmful))
    assert (said.code, "function pg_sleep is not among" in said.text) == (FAILED, True)
    operator.do("receive-kpis")
    assert waits_for(operator) == "sign-kpis"
    operator.do("sign-kpis")
    by = ["--by", operator.responsible]
    assert operator.fab("adjust", "--what", "Ajouter une région", *by).code == 0
    killed_at(operator, "build-dashboards")
    assert waits_for(operator) == "write-validation"
    assert operator.fab("adjust", "--done", "1", *by).code == 0
    killed_at(operator, "write-validation")
    assert waits_for(operator) == "validate-environment"
    with operator.superuser() as session:
        assert session.execute("SELECT count(*) FROM kpi.visits_by_user").fetchall() == [(3,)]
    operator.do("validate-environment")


def test_pilot_leaves_nothing(home: Home) -> None:
    """Pilot users work on the open site; at its end the door closes, and a row left over is found."""
    operator, _ = home
    killed_at(operator, "begin-pilot")
    assert waits_for(operator) == "await-pilot-end"
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        site = hosts.site()
    body = {"user": "M-01", "customer": "C-0001", "note": "essai", "orders": {"P-100": 3}}
    assert ask(site, "/visits", body=body).status == 201
    assert "Visites par vendeur" in ask(site, "/dashboards").body
    with operator.superuser() as session:
        assert session.execute("SELECT count(*) FROM work.visit WHERE bascule_pilot").fetchall() == [(1,)]
        session.execute("SET session_replication_role = replica")
        session.execute(
            "INSERT INTO work.visit (mobile_user, customer, note) VALUES ('M-02', 'C-0002', 'oubli')"
        )
        session.execute("UPDATE reference.product SET price = 1 WHERE code = 'P-100'")
    operator.do("await-pilot-end")
    assert ask(site, "/visits", body=body).status == 409
    killed_at(operator, "erase-pilot")
    said = operator.fab("run")
    assert said.code == FAILED
    assert "work.visit: 1 rows" in said.text
    assert "oubli" in said.text
    assert ask(site).status == 503
    with operator.superuser() as session:
        session.execute("DELETE FROM work.visit WHERE note = 'oubli'")
        price = session.execute("SELECT price::text FROM reference.product WHERE code = 'P-100'").fetchall()
    assert price == [("14.50",)]  # what the pilot changed is as it was signed


def test_going_live_starts_the_subscription(home: Home) -> None:
    """The clean site passes the suite and opens; billing begins, told once although runs were killed."""
    operator, system = home
    for step in ("verify-site", "start-subscription", "write-dossier"):
        killed_at(operator, step)
    said = operator.fab("run")
    assert said.code == 0, said.text
    assert status.of(operator.case).next_step == ""
    assert sorted(system.types()) == ["bascule.invoice.issued", "bascule.subscription.started"]
    (invoice,) = [one.get_data() for one in system.events.values() if "invoice" in one.get_type()]
    issued, due = (datetime.fromisoformat(invoice[key]).date() for key in ("issued_on", "due_on"))
    assert due - issued == timedelta(days=30)
    assert system.refused == []
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        assert environment.differences(operator.case, hosts) == []
        assert ask(hosts.site()).status == 200
    dossier = page.paths(operator.case)
    assert seal.check(operator.case, dossier.page, dossier.facts) == []


def test_unpaid_invoice_suspends_the_site(home: Home) -> None:
    """A month later the unpaid site shows a readable reason; the payment opens it again."""
    operator, system = home
    later = datetime.now(UTC) + timedelta(days=32)
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        subscription.bring_up_to_date(operator.case, hosts, later)
        site = hosts.site()
        answer = ask(site)
        assert answer.status == 503
        assert "Accès suspendu" in answer.body
        assert door.read(hosts.target(), site) == "suspended"
    today = datetime.now(UTC).date().isoformat()
    for invoice in ("rivage-0001", "rivage-0002"):
        words = ["--invoice", invoice, "--paid-on", today, "--by", operator.vendor]
        assert operator.fab("payment", *words).code == 0
    said = operator.fab("billing")
    assert said.code == 0, said.text
    assert "rivage-0001" in said.text
    assert ask(site).status == 200
    assert "bascule.subscription.resumed" in system.types()
    assert len(system.events) == len(set(system.posts))
    matches, told = operator.prod.matches_its_program()
    assert matches, told


def test_template_environment_is_deployed_unchanged(home: Home) -> None:
    """Another tenant, in weeks 1 to 2, without contract, KPIs, pilot: the template as published, or none."""
    neighbour, system = home
    begins_on = datetime.now(UTC).date() - timedelta(days=10)
    with from_template(neighbour, begins_on) as operator:
        for gate in ("confirm-contact", "check-fee", "receive-workbook", "sign-configuration"):
            assert waits_for(operator) == gate
            operator.do(gate)
        # Week 1 is over: the committee meets, and going live in week 2 stays as it was planned.
        assert waits_for(operator) == "keep-deadline:scope:1"
        assert "week 2  golive: due" in operator.fab("deadlines").text
        until = (begins_on + timedelta(days=12)).isoformat()
        for milestone in ("scope", "environment"):
            words = ["--milestone", milestone, "--until", until, "--reason", "Récolte"]
            assert operator.fab("postpone", *words, "--by", operator.responsible).code == 0
        assert operator.fab("steer").code == WAITING
        assert operator.sign("agree-on-days").code == 0
        assert operator.fab("steer").code == 0

        killed_at(operator, "install-template")
        published = operator.workspace.root / "templates" / "visits" / "schema.sql"
        as_published = published.read_bytes()
        published.write_bytes(as_published + b"-- for this customer\n")
        said = operator.fab("run")
        assert (said.code, "published as" in said.text) == (FAILED, True), said.text
        published.write_bytes(as_published)
        assert waits_for(operator) == "validate-environment"
        assert operator.case.read_evidence("environment", SetUp).template == "visits"

        on_host = operator.place.path("template/schema.sql")
        on_host.write_bytes(as_published + b"-- by hand\n")
        operator.do("validate-environment")
        said = operator.fab("run")
        assert (said.code, "template visits: " in said.text) == (FAILED, True), said.text
        assert not operator.prod.matches_its_program()[0]
        on_host.write_bytes(as_published)
        killed_at(operator, "verify-site")
        said = operator.fab("run")
        assert said.code == 0, said.text

        done = {record.about for record in operator.case.journal if record.kind == "done"}
        assert {"keep-deadline:scope:1", "keep-deadline:environment:1", "keep-deadline:golive:2"} <= done
        assert not done & {"write-contract", "receive-kpis", "build-dashboards", "begin-pilot"}
        with Hosts(operator.workspace, operator.case.manifest) as hosts:
            assert environment.differences(operator.case, hosts) == []
            assert ask(hosts.site()).status == 200
        assert operator.prod.matches_its_program()[0]
        assert "estuaire-0001" in {one.get_subject() for one in system.events.values()}
