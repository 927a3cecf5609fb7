"""
An ERP with customisations, from its ticket to production, by the Clipper playbook as it ships.

One tenant, so the order counts: each test takes it on from where the one before left it, and reaches that
point by itself when it is run alone.
"""

import json
import signal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from examples.mecavallon.prepare import Prepared
from migrate import door, status
from migrate.compare.verdict import Comparison
from migrate.connections import Hosts
from migrate.dossier import page, seal
from migrate.offer import Offer
from migrate.product.evidence import Preproduction, ProductionCopy
from migrate.product.workstations import Matrix
from migrate.stop import Stop
from tests.support.e2e import FAILED, WAITING, Said
from tests.support.e2e_clipper import Workshop, workshop

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each waits for an event, none for a time

NOTICED_MS = 2000
"""An order that took longer while production was copied would have been noticed."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workshop, Prepared]]:
    with workshop(tmp_path_factory.mktemp("mecavallon") / "demo", scale=0.5) as here:
        yield here


@pytest.fixture
def operator(both: tuple[Workshop, Prepared]) -> Workshop:
    return both[0]


def test_customisations_are_found_priced_and_approved(operator: Workshop) -> None:
    """All twelve are found and have a line each; V6 takes the flat rate; nobody goes on before approval."""
    _killed(operator, "move-ticket")
    _killed(operator, "assess")
    _killed(operator, "write-offer")
    _only_the_right_signature_opens(operator, "confirm-offer", "offer.pdf")
    offer = operator.case.read_evidence("offer", Offer)
    positions = [line.position for line in offer.lines]
    assert (
        len(
            [
                name
                for name in positions
                if name.startswith(("object-", "large-object-", "report-", "script-"))
            ]
        )
        == 12
    )
    assert "assistance" in positions
    assert operator.ticket()["state"] == "PRÉPARATION OFFRE"
    assert not list((operator.workspace.state / "pulumi").rglob("mecavallon-*.json"))


def test_pre_production_is_copied_beside_its_users_work(both: tuple[Workshop, Prepared]) -> None:
    """Nobody waits for the copy, orders go on, both versions answer, and legacy is left as it was."""
    operator, prepared = both
    if operator.case.journal.last("signed", "confirm-offer") is None:
        operator.carry_on(until="confirm-offer")
        operator.do("confirm-offer")
    before = _workload(prepared)["changes"]
    _killed(operator, "copy-production")
    said = operator.carry_on(until="upgrade-customisations")
    assert said.code == WAITING, said.text
    copied = operator.case.read_evidence("test-copy", ProductionCopy)
    assert copied.way == "live"
    assert copied.during.waiting_for_us == 0
    work = _workload(prepared)
    slowest = max(work["slowest_ms"].values())
    print(
        f"probes before {copied.before.shown}; during {copied.during.shown}; slowest write {slowest:.0f} ms"
    )
    assert work["changes"] > before
    assert slowest < NOTICED_MS
    assert operator.on_legacy("SELECT count(*) FROM pg_replication_slots") == [(0,)]
    assert operator.on_legacy("SELECT version FROM erp.societe") == [("6",)]
    assert operator.on_site("SELECT version FROM erp.societe", "test") == [("2023",)]
    # V6 takes the extra steps of the chain: codes of units, and a routing for every article.
    assert operator.on_site("SELECT count(*) FROM erp.article WHERE unite <> upper(unite)", "test") == [(0,)]
    assert operator.on_site(
        "SELECT count(*) FROM erp.article a WHERE NOT EXISTS"
        " (SELECT FROM erp.gamme g WHERE g.article_id = a.id)",
        "test",
    ) == [(0,)]
    assert "ADM,Administration des ventes,full" in operator.case.document("licences.csv").read_text()
    assert "bureau-01,CDE" in operator.case.document("workstations.csv").read_text()


def test_customisations_are_decided_put_back_and_tested(operator: Workshop) -> None:
    """A conflict waits for a person; a test that fails stops; each document has to be signed."""
    said = operator.carry_on(until="upgrade-customisations")
    assert "function erp.remise(integer): keep, replace or drop, and by whom" in said.text
    operator.decide()
    form = operator.workspace.stacks / "mecavallon.customisations.yaml"
    right = form.read_text()
    form.write_text(right.replace("    text: decided/remise.sql\n", ""))
    said = operator.fab("run")
    assert said.code == WAITING
    assert "function erp.remise(integer): conflict, both sides changed the same place; resolve" in said.text
    form.write_text(right.replace("erp.remise(7) = 0.02", "erp.remise(7) = 0.03"))
    said = operator.fab("run")
    assert (
        "1 of 11 customisations fail their test on test:\n  function erp.remise(integer): False" in said.text
    )
    form.write_text(right)
    _killed(operator, "write-customisations")
    _only_the_right_signature_opens(operator, "accept-customisations", "customisations.pdf")
    _only_the_right_signature_opens(operator, "accept-version", "preproduction.pdf")
    assert operator.on_site("SELECT erp.prix_vente(100), erp.prix_vente(-1)", "test") == [
        (Decimal("53.96"), 0)
    ]


def test_a_date_is_refused_until_what_it_asserts_is_shown(operator: Workshop) -> None:
    """A workstation that does not open holds the ticket; a schema that changed since refuses the date."""
    order = operator.workspace.stacks / "mecavallon.upgrade.yaml"
    right = order.read_text()
    order.write_text(right.replace("[MET, AT1]", "[MET, AT1, XYZ]"))
    said = operator.carry_on(until="roll-out-client")
    assert said.code == WAITING, said.text
    assert "methodes-01 XYZ: failed" in said.text
    said = operator.fab("workstations")
    assert said.code == WAITING
    assert "4 met, 1 failed, 0 not tried" in said.text
    order.write_text(right)
    said = operator.carry_on(until="agree-schedule")
    assert operator.case.read_evidence("workstations", Matrix).passed, said.text
    operator.do("agree-schedule")

    operator.on_legacy("ALTER TABLE erp.client ADD COLUMN note text")
    _killed(operator, "propose-date")
    said = operator.carry_on(until="propose-date:REPLANIFICATION")
    assert said.code == WAITING
    assert "stale: the schema of clipper is another" in said.text
    assert operator.ticket()["state"] == "REPLANIFICATION"
    assert operator.case.journal.last("date-refused", "mecavallon") is not None
    told = operator.ticket()["history"][-1]["message"]
    assert "Version testée: périmé : la production n'est plus celle qui a été testée" in told
    said = operator.fab("run")
    assert said.code == WAITING
    assert "the date was refused on" in said.text
    operator.on_legacy("ALTER TABLE erp.client DROP COLUMN note")
    operator.do("propose-date")
    _only_the_right_signature_opens(operator, "accept-date", "production.pdf")


def test_production_is_what_was_tested(operator: Workshop) -> None:
    """Killed in the stop, it goes on; the site opens with the new version, every row and customisation."""
    said = operator.carry_on(until="check-window")
    assert said.code == WAITING, said.text
    operator.do("check-window")
    said = operator.carry_on(until="require-way-back")
    assert said.code == WAITING, said.text
    operator.do("require-way-back")
    _killed(operator, "upgrade-product")
    _killed(operator, "hand-over-support")
    said = operator.carry_on()
    assert said.code == 0, said.text

    case = operator.case
    required = [phase.state for phase in status.of(case).phases if phase.state != "on request"]
    assert required == ["finished"] * 8
    with Hosts(operator.workspace, case.manifest) as hosts:
        assert door.seen_open(hosts.site())
    assert case.read_evidence("comparison", Comparison).agrees
    orders = "SELECT count(*), max(id) FROM erp.commande"
    assert operator.on_site(orders) == operator.on_legacy(orders)
    assert operator.on_legacy("SHOW default_transaction_read_only") == [("on",)]
    assert operator.on_site("SELECT version, erp.remise(7), erp.prix_vente(100) FROM erp.societe") == [
        ("2023", Decimal("0.02"), Decimal("53.96"))
    ]
    assert operator.on_site(
        "SELECT to_regclass('erp.z_ancien'), to_regclass('erp.z_stock_critique') IS NULL"
    ) == [(None, False)]
    states = [one["state"] for one in operator.ticket()["history"] if "state" in one]
    assert states == [
        "OPEN",
        "ATTENTE DU CLIENT",
        "PRÉPARATION OFFRE",
        "MIGRATION TEST",
        "MIGRATION SPE",
        "MIGRATION PROD",
        "REPLANIFICATION",
        "CLOSED",
    ]
    predicted, stop = case.read_evidence("preproduction", Preproduction), case.read_evidence("stop", Stop)
    print(
        f"stop {stop.actual_seconds:.1f} s, predicted {predicted.low_seconds} to {predicted.high_seconds} s"
    )
    assert (stop.predicted_low_seconds, stop.predicted_high_seconds) == (
        predicted.low_seconds,
        predicted.high_seconds,
    )
    place = page.paths(case)
    assert seal.check(case, place.page, place.facts) == []


def _workload(prepared: Prepared) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((prepared.folder / "run" / "workload.json").read_text())
    return found


def _killed(operator: Workshop, step: str) -> None:
    """Kill -9 a run as soon as it begins a step; whoever starts it again finds it going on."""
    with operator.at_work("run") as run:
        run.until("intent", step)
        run.signal(signal.SIGKILL)
        run.ended()


def _only_the_right_signature_opens(operator: Workshop, gate: str, name: str) -> None:
    """Unsigned, signed by another, changed after signing: a run stays before the gate; then all is well."""
    said = operator.carry_on(until=gate)
    assert said.code == WAITING, said.text
    assert f"{operator.responsible} has not signed" in said.text
    said = operator.sign(gate, key_of=operator.vendor)
    assert said.code == FAILED
    said = operator.sign(gate)
    assert said.code == 0, said.text
    document = operator.case.document(name)
    signed = document.read_bytes()
    document.write_bytes(signed + b"\n")
    _stays_shut(operator.fab("run"), gate, name)
    document.write_bytes(signed)


def _stays_shut(said: Said, gate: str, name: str) -> None:
    assert said.code == FAILED
    assert f"gate {gate} stays shut: {name} was changed after it was signed" in said.text
