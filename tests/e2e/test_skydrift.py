"""
A municipality's archive through the Skydrift playbook, from first contact to an upgrade in operation.

One tenant, so the order counts: each test takes it on from where the one before left it. In each phase
the run is killed once, and no gate opens without its signature.
"""

import signal
from collections.abc import Iterator
from datetime import datetime

import pytest

from migrate.hypercare import Followed
from migrate.journal import Record
from migrate.outbox import Outbox
from migrate.product.evidence import ProductionCopy
from migrate.product.in_step import InStep
from migrate.product.releases import Release
from migrate.stop import Stop
from tests.support.calendars import events
from tests.support.e2e import FAILED, WAITING, Said
from tests.support.e2e_fjordvik import DAYS, Archivist, archive

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each waits for an event, none for a time

FENCES = "SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%transaction_read_only=on%'"
SLOTS = "SELECT count(*) FROM pg_replication_slots"
RECORDS = "SELECT count(*), max(id) FROM websak.journalpost"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archivist]:
    with archive(tmp_path_factory.mktemp("fjordvik") / "site") as here:
        yield here


def killed_at(home: Archivist, step: str, command: str = "run") -> None:
    """Begin a run and kill it, as kill -9 does, once it has begun a step."""
    with home.at_work(command) as run:
        run.until("intent", step)
        run.signal(signal.SIGKILL)
        run.ended()


def waits_at(home: Archivist, about: str, command: str = "run") -> Record:
    """Carry on, and require that it waits there."""
    said = home.fab(command)
    record = home.case.journal.last("waiting")
    assert said.code == WAITING, said.text
    assert record is not None
    assert record.about == about, said.text
    return record


def signed(home: Archivist, gate: str, signer: str = "") -> Said:
    """Require that a run waits at a gate and that another person's key opens none; then sign it."""
    waits_at(home, gate)
    waits_at(home, gate)
    right = signer or home.responsible
    wrong = next(email for email in home.keys if email != right)
    assert home.sign(gate, signer=right, key_of=wrong).code == FAILED
    waits_at(home, gate)
    said = home.sign(gate, signer=right)
    assert said.code == 0, said.text
    return said


def goes_live(home: Archivist) -> None:
    """Go live; on a busy machine what was killed comes over the freeze's limit, and falls back first."""
    said = home.fab("switch")
    if "Fallen back" in said.text:
        said = home.fab("switch")
    assert said.code == 0, said.text
    assert home.on_site(RECORDS) == home.on_legacy(RECORDS)


def test_mapping_fills_the_manifest_and_a_contract_is_signed(home: Archivist) -> None:
    """The form fills the manifest; offer and contract wait for their signatures, and no project begins."""
    waits_at(home, "record-mapping")
    assert home.fab("questionnaire").code == 0
    said = home.answer(working_days=["mon", "sometimes"])
    assert (said.code, "operations/hours/days/1" in said.text) == (FAILED, True), said.text
    assert home.answer(working_days=DAYS).code == 0
    assert home.case.manifest.operations is not None
    assert list(home.case.manifest.operations.hours.days) == DAYS

    killed_at(home, "assess")
    signed(home, "accept-offer")
    killed_at(home, "write-project-contract")
    said = home.fab("start-project")
    assert (said.code, "contract is not finished" in said.text) == (FAILED, True), said.text
    signed(home, "sign-contract")


def test_the_project_is_planned_and_software_is_fetched(home: Archivist) -> None:
    """Plan, picture and calendar; what IT keeps shut is waited for by name; programs are fetched whole."""
    said = home.on_legacy("SELECT 1")
    assert said == [(1,)]
    closed = home.workspace.stacks / "fjordvik.software.yaml"
    asked = closed.read_text()
    closed.write_text(asked.replace("port: 5432", "port: 5433"))
    record = waits_at(home, "check-openings")
    assert "database: " in record.data["what"]
    closed.write_text(asked)
    killed_at(home, "fetch-software")
    assert home.fab("start-project").code == 0

    assert len(events(home.case.document("plan.ics").read_bytes())) == 8
    assert home.case.document("plan.svg").read_text().count("<rect") == 2 * 8
    fetched = home.case.folder / "software" / "websak-server"
    assert (fetched / "websak-server.txt").read_text() == "WebSak 8, tjener\n"
    (message,) = Outbox(home.case).of("ready")
    assert Outbox(home.case).read(message)["Subject"] == "Prosjektplan for fjordvik.arkiv.example"


def test_the_test_goes_on_beside_work_and_the_target_is_kept_in_step(home: Archivist) -> None:
    """No stop; a client with two versions is refused; abandoned and begun anew, the target is in step."""
    before = home.on_legacy(RECORDS)
    home.on_terminal("mkdir -p programs/websak-client-8")
    home.name_terminal("kontor-01")
    killed_at(home, "start-replication", "establish")
    killed_at(home, "upgrade-in-step", "establish")
    record = waits_at(home, "check-clients")
    assert "kontor-01: has the client of version 8" in record.data["what"]
    assert "kontor-01: people work there with the present version" in record.data["what"]

    said = home.fab("abandon")
    assert said.code == 0, said.text
    assert home.on_legacy(SLOTS) == [(0,)]
    for environment in ("test", "prod"):
        left = home.on_site("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'websak%'", environment)
        assert left == [], environment
    assert home.on_legacy(RECORDS) > before
    waits_at(home, "check-clients", "establish")
    home.on_terminal("rmdir programs/websak-client-8")
    home.name_terminal("terminal-01")
    waits_at(home, "accept-version")

    copied = home.case.read_evidence("test-copy", ProductionCopy)
    assert (copied.way, copied.during.waiting_for_us) == ("live", 0)
    assert home.on_legacy(RECORDS) > before  # people worked throughout
    assert home.case.read_evidence("in-step", InStep).schemas == ("websak9",)
    assert home.on_site("SELECT verdi FROM websak9.oppsett WHERE navn = 'versjon'") == [("9",)]
    signed(home, "accept-version")


def test_what_was_tested_opens_outside_operating_hours(home: Archivist) -> None:
    """Another configuration than the tested one is refused, so is an hour of work; then nothing is lost."""
    home.on_site("UPDATE websak9.oppsett SET verdi = 'fjell' WHERE navn = 'tema'")
    said = home.fab("run")
    assert (said.code, "rows websak9.oppsett" in said.text) == (FAILED, True), said.text
    home.on_site("UPDATE websak9.oppsett SET verdi = 'fjord' WHERE navn = 'tema'")
    killed_at(home, "require-same-release")
    waits_at(home, "agree-schedule")
    assert home.fab("schedule").code == 0
    waits_at(home, "check-window")
    assert home.waive("window").code == 0
    home.set_hours(DAYS)  # whatever the hour is now
    assert "people are at work" in waits_at(home, "check-hours").data["what"]
    today = datetime.now(home.case.manifest.window.zone).weekday()
    home.set_hours([DAYS[(today + 3) % 7]])

    killed_at(home, "final-sync", "switch")
    assert home.on_legacy(FENCES) == [(1,)]
    goes_live(home)
    stop = home.case.read_evidence("stop", Stop)
    assert stop.predicted_high_seconds is not None


def test_a_rollback_keeps_what_was_filed_on_the_site(home: Archivist) -> None:
    """Back on legacy with it, in the old version; then what was tested opens once more, with all of it."""
    filed = "INSERT INTO websak.journalpost (sak_id, tittel) VALUES (1, '{}')"
    home.on_site(filed.format("Ført på tjenesten"))
    killed_at(home, "close-door", "rollback")
    said = home.fab("rollback")
    assert said.code == 0, said.text
    found = "SELECT count(*) FROM websak.journalpost WHERE tittel LIKE 'Ført %'"
    assert home.on_legacy(found) == [(1,)]
    assert home.fab("door", "--environment", "prod").text.count("closed") >= 1
    home.on_legacy(filed.format("Ført etterpå"))
    goes_live(home)
    assert home.on_site(found) == [(2,)]


def test_hypercare_ends_by_its_criteria_and_both_sides_sign(home: Archivist) -> None:
    """Length and an open incident keep it going; then both sides sign, and the wheel is sent."""
    assert home.fab("incident", "--report", "Utskrift virker ikke").code == 0
    killed_at(home, "follow-up")
    what = waits_at(home, "follow-up").data["what"]
    assert ("it lasts until" in what, "1 incidents are open" in what) == (True, True)
    assert home.waive("hypercare-length").code == 0
    waits_at(home, "follow-up")
    ident = home.fab("incident").text.split()[1]
    assert home.fab("incident", "--close", ident, "--says", "Skriver satt opp").code == 0
    signed(home, "accept-handover")
    signed(home, "take-over", signer=home.vendor)
    assert home.case.read_evidence("hypercare", Followed).days[-1].verified

    waits_at(home, "write-settlement")
    hours = ["--position", "training", "--hours", "6", "--note", "Kurs"]
    assert home.fab("hours", *hours).code == 0
    killed_at(home, "write-dossier")
    assert home.fab("run").code == 0
    wheel = events(home.case.document("annual-wheel.ics").read_bytes())
    assert len(wheel) == 1 + 4 + 3
    assert all(event["RRULE"]["FREQ"] == ["YEARLY"] for event in wheel)
    assert len(Outbox(home.case).of("ready")) == 2


def test_an_upgrade_goes_through_test_and_has_a_way_back(home: Archivist) -> None:
    """Not before finalize, nor without notice; what fails in production alone is put back."""
    home.order("9.1")
    assert home.fab("upgrade").code == FAILED
    killed_at(home, "end-replication", "finalize")
    said = home.fab("finalize")
    assert said.code == 0, said.text

    waits_at(home, "require-notice", "upgrade")
    assert home.waive("upgrade-notice").code == 0
    home.set_hours(DAYS)
    waits_at(home, "upgrade-production", "upgrade")
    assert home.on_site("SELECT verdi FROM websak9.oppsett WHERE navn = 'versjon'") == [("9",)]

    home.on_site("ALTER TABLE websak.journalpost ADD COLUMN kanal int")  # not there when it was tested
    before = home.on_site(RECORDS)
    assert home.waive("operating-hours").code == 0
    said = home.fab("upgrade")
    assert (said.code, "users work with 9 as before" in said.text) == (FAILED, True), said.text
    assert home.on_site(RECORDS) == before
    assert home.fab("door", "--environment", "prod").text.count("open") >= 1

    home.on_site("ALTER TABLE websak.journalpost DROP COLUMN kanal")
    killed_at(home, "upgrade-production", "upgrade")
    said = home.fab("upgrade")
    assert said.code == 0, said.text
    assert home.on_site("SELECT verdi FROM websak9.oppsett WHERE navn = 'versjon'") == [("9.1",)]
    assert home.on_site(RECORDS) == before
    done = home.case.read_evidence("release-prod", Release)
    assert (done.from_version, done.to_version) == ("9", "9.1")
    assert home.fab("dossier", "--check").code == 0
    home.ask_for_patch_level("99.0")
    said = home.fab("drift")
    # Without the real engine nothing else could be told, which is 2 then.
    assert "maintenance postgresql: postgresql " in said.text, said.text
    assert said.code in (1, 2)
