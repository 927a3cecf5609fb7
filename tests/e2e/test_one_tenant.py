"""
The demo tenant's way from offer to acceptance, on which everything goes wrong that may.

One tenant, so the order counts: each test takes it on from where the one before left it, and reaches
that point by itself when it is run alone.
"""

import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from migrate import status
from migrate.compare.verdict import Comparison
from migrate.dossier import page, seal
from migrate.interfaces import Interfaces
from tests.support.e2e import FAILED, WAITING, Said, eventually
from tests.support.e2e_alpenblick import INTERFACES, NUMBERS, Alpenblick, alpenblick
from tests.support.local_sites import place_of

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each waits for an event, none for a time

SHORT_LEASE_SECONDS = 8


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alpenblick]:
    with alpenblick(tmp_path_factory.mktemp("alpenblick") / "demo") as here:
        yield here


def test_no_site_stands_up_before_the_offer_is_signed(home: Alpenblick) -> None:
    """Unsigned, signed by another, or changed after signing: the offer lets nobody on; nothing stands up."""
    _only_the_right_signature_opens(home, "confirm-offer", "offer.pdf")
    workspace = home.prepared.workspace
    assert not list((workspace.state / "pulumi").rglob("alpenblick-*.json"))
    for environment in ("test", "prod"):
        assert not place_of(workspace, f"alpenblick-{environment}").exists


def test_a_second_operator_is_refused(home: Alpenblick) -> None:
    """While one run is at work, another is refused, and told who is at work and since when."""
    operator = home.operator
    operator.carry_on(until="agree-schedule")
    operator.do("agree-schedule")
    with operator.at_work("prepare") as first:
        first.until("intent", "deploy-site")
        second = operator.fab("run")
        assert first.process.poll() is None
        assert second.code == FAILED
        holder = rf"alpenblick is being worked on by \S+ on \S+ \(process {first.process.pid}\) since 20\d\d-"
        assert re.search(holder, second.text), second.text
        assert "Nothing was changed by this command." in second.text
        said = first.ended()
    assert said.code == 0, said.text


def test_an_offer_that_is_changed_later_stops_the_move(home: Alpenblick) -> None:
    """What was signed is looked at again before legacy is touched."""
    home.operator.prepare()
    offer = home.operator.case.document("offer.pdf")
    signed = offer.read_bytes()
    offer.write_bytes(signed + b"\n")
    try:
        with home.operator.at_work("cutover") as run:
            said = run.ended()
            assert not run.wrote("intent", "hold-interfaces")
    finally:
        offer.write_bytes(signed)
    assert said.code == FAILED
    assert "offer.pdf" in said.text


def test_a_row_that_differs_puts_everything_back(home: Alpenblick) -> None:
    """A row that somebody changes on the site inside the freeze is found; the tenant works on as before."""
    operator = home.operator
    operator.prepare()
    with operator.at_work("cutover") as run:
        run.until("done", "freeze-legacy")
        run.signal(signal.SIGSTOP)
        assert not run.wrote("intent", "compare-content")
        (before,) = home.on_site("SELECT notiz FROM rai.assessment WHERE id = 1")
        home.on_site("UPDATE rai.assessment SET notiz = 'planted' WHERE id = 1")
        home.require_buffering()
        assert not home.work()["writing"]
        run.signal(signal.SIGCONT)
        said = run.ended()
    _fell_back(home, said, "compare-content")
    assert re.search(r"rai\.assessment: source \d+ rows, target \d+ rows\n +changed: \(1\)\n", said.text)
    # Who planted it takes it back; that somebody wrote there is not forgotten before the copy is made anew.
    home.on_site("UPDATE rai.assessment SET notiz = %s WHERE id = 1", *before)
    _begin_anew(home)


def test_a_site_that_fails_the_suite_stops_the_move_before_the_freeze(home: Alpenblick) -> None:
    """A key that everybody may write is found before anything is frozen; the tenant notices nothing."""
    home.operator.prepare()
    key = next(home.file_on_site("etc").rglob("*.key"))
    mode = key.stat().st_mode
    key.chmod(0o666)
    try:
        with home.operator.at_work("cutover") as run:
            said = run.ended()
            assert not run.wrote("intent", "freeze-legacy")
    finally:
        key.chmod(mode)
    assert said.code == FAILED
    assert "realisation stopped at verify-site:before" in said.text
    assert "Legacy is writable; the site is closed." in said.text
    assert "files.nothing-is-world-writable" in said.text


def test_legacy_does_not_wait_for_a_run_that_is_gone(home: Alpenblick) -> None:
    """Killed after the freeze and not back within the lease: legacy lifts it alone; that attempt is over."""
    operator, legacy = home.operator, home.prepared.address
    operator.prepare()
    home.use_playbook(lease_seconds=SHORT_LEASE_SECONDS)
    with operator.at_work("cutover") as run:
        run.until("done", "freeze-legacy")
        run.signal(signal.SIGKILL)
        run.ended()
    assert status.of(operator.case).standing.legacy == "read-only"

    eventually(lambda: bool(home.work()["writing"]))
    eventually(lambda: home.interfaces_go_to(legacy))

    with operator.at_work("run") as again:
        said = again.ended()
        assert not again.wrote("intent", "open-door")
    home.use_playbook()
    # Killed between the journal's word and the workflow's, it asks for the freeze again and is refused.
    asks_again = "realisation stopped at freeze-legacy" in said.text
    _fell_back(home, said, "freeze-legacy" if asks_again else "final-sync")
    assert "lifted the freeze" in said.text
    assert "nobody renewed the lease" in said.text


def test_the_next_attempt_goes_live_and_loses_nothing(home: Alpenblick) -> None:
    """After all that the site opens: it has every message once and in order, and every acknowledged write."""
    operator = home.operator
    operator.prepare()
    said = operator.carry_on(command="cutover")
    assert said.code == 0, said.text

    assert home.door() == ("open", True)
    site = operator.prod.outputs()
    assert home.interfaces_go_to(site.database.host)
    counted = operator.case.read_evidence("interfaces", Interfaces)
    assert [(one.lost, one.duplicates, one.in_order) for one in counted.interfaces] == [(0, 0, True)] * 2
    assert operator.case.read_evidence("comparison", Comparison).agrees
    for interface in INTERFACES:
        stored = home.all_stored(interface, home.on_site)
        # What the site takes from now on flows back to legacy, message by message.
        assert home.all_stored(interface, home.on_legacy)[: len(stored)] == stored

    work = home.work()
    assert not work["writing"]
    (numbers,) = home.on_site(NUMBERS)
    assert numbers == (work["last_number"],) * 3
    (numbers,) = home.on_legacy(NUMBERS)
    assert numbers == (work["last_number"],) * 3


def test_nothing_is_handed_over_before_the_acceptance_is_signed(home: Alpenblick) -> None:
    """Unsigned, signed by another, or changed after signing: the move is not accepted, and not settled."""
    operator = home.operator
    said = operator.carry_on(until="accept-site")
    assert said.code == WAITING, said.text
    _only_the_right_signature_opens(home, "accept-site", "acceptance.pdf")
    assert not operator.case.document("support.pdf").exists()

    said = operator.carry_on()
    assert said.code == 0, said.text
    states = {phase.name: phase.state for phase in status.of(operator.case).phases}
    walked = ("preparation", "replication", "realisation", "start")
    assert {name: states[name] for name in walked} == dict.fromkeys(walked, "finished")
    assert status.of(operator.case).way_back == "armed"
    place = page.paths(operator.case)
    assert seal.check(operator.case, place.page, place.facts) == []


def _begin_anew(home: Alpenblick) -> None:
    """Take the copy back, and copy again."""
    said = home.operator.fab("abandon")
    assert said.code == 0, said.text
    tables = (
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'S')"
    )
    assert home.on_site(tables) == []
    assert not [path for path in home.file_on_site("files").rglob("*") if path.is_file()]
    said = home.operator.fab("replicate")
    assert said.code == 0, said.text


def _only_the_right_signature_opens(home: Alpenblick, gate: str, name: str) -> None:
    """Try every other signature; leave the document well signed, and the run still before the gate."""
    operator = home.operator
    document = operator.case.document(name)
    signature = document.with_name(f"{name}.sig")
    said = operator.carry_on(until=gate)
    assert said.code == WAITING
    assert f"{operator.responsible} has not signed" in said.text

    by_another = f"{name} is signed by {operator.vendor}, not by {operator.responsible}"
    said = operator.sign(gate, key_of=operator.vendor)
    assert said.code == FAILED
    assert by_another in said.text
    assert not signature.exists()
    # Somebody may also sign with OpenSSH alone.
    key = operator.keys[operator.vendor]
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "bascule", "-f", key, document], check=True)
    _stays_shut(home, gate, by_another)
    signature.unlink()

    said = operator.sign(gate)
    assert said.code == 0, said.text
    signed = document.read_bytes()
    document.write_bytes(signed + b"\n")
    _stays_shut(home, gate, f"{name} was changed after it was signed")
    document.write_bytes(signed)


def _stays_shut(home: Alpenblick, gate: str, why: str) -> None:
    with home.operator.at_work("run") as run:
        said = run.ended()
    tried = [r.about for r in home.operator.case.journal if r.kind == "intent" and r.at >= run.began_at]
    assert tried == [gate]
    assert said.code == FAILED
    assert f"gate {gate} stays shut: {why}" in said.text


def _fell_back(home: Alpenblick, said: Said, at: str) -> None:
    """Require that a run said so, and that users, interfaces and site are as they were before it."""
    assert said.code == FAILED
    assert f"realisation stopped at {at}" in said.text
    assert re.search(r"Fallen back in [\d.]+ s: everything is put back\.", said.text), said.text
    assert "Legacy is writable; the site is closed." in said.text
    assert "fab cutover --tenant alpenblick" in said.text

    written = home.work()["writes_acknowledged"]
    eventually(lambda: bool(home.work()["writing"]) and home.work()["writes_acknowledged"] > written)
    assert home.interfaces_go_to(home.prepared.address)
    for interface in INTERFACES:
        home.all_stored(interface, home.on_legacy)

    assert home.door() == ("closed", False)
    # The closed site goes on following legacy, so that the next attempt need not copy anything again.
    (numbers,) = home.on_legacy(NUMBERS)
    eventually(lambda: home.on_site(NUMBERS)[0][2] >= numbers[2])
