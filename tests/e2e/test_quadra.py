"""
An accounting firm from first contact to its last phase, its data on a disk, by the Quadra playbook.

One tenant, so the order counts: each test takes it on from where the one before left it.
"""

import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrate import door, remote, status
from migrate.accounts.creating import Accounts
from migrate.archive import stage
from migrate.compare.verdict import Comparison
from migrate.connections import Hosts
from migrate.dossier import page, seal
from migrate.engines import site_database
from migrate.files import trees
from migrate.inventory.content import HEAD_BYTES, kind_of
from migrate.mariadb.session import mariadb_of
from migrate.product.workstations import Matrix
from migrate.purge.purging import Purged
from migrate.transfer.contract import Transferred
from migrate.web import ask
from tests.support.crossing import hard_server, is_writable
from tests.support.e2e import FAILED, WAITING, Operator
from tests.support.e2e_belledonne import Firm, firm
from tests.support.e2e_mariadb import asking
from tests.support.mariadb_hosts import MariaServer
from tests.support.private_hosts import private_host

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each waits for an event, none for a time

COUNTS = "SELECT (SELECT count(*) FROM compta.dossier), (SELECT count(*) FROM compta.ecriture)"
MARIADB = """
CREATE TABLE dossier (id int AUTO_INCREMENT PRIMARY KEY, etat varchar(10), cloture_le date);
CREATE TABLE ecriture (id int AUTO_INCREMENT PRIMARY KEY, dossier_id int NOT NULL, libelle text,
    CONSTRAINT FOREIGN KEY (dossier_id) REFERENCES dossier (id));
INSERT INTO dossier (etat, cloture_le)
    SELECT IF(seq <= 20, 'clos', 'ouvert'), IF(seq <= 20, '2012-05-01', NULL) FROM seq_1_to_40;
INSERT INTO ecriture (dossier_id, libelle) SELECT d.id, CONCAT('Écriture ', n.seq)
    FROM dossier AS d JOIN seq_1_to_10 AS n;
"""
OLD = "SELECT count(*) FROM compta.dossier WHERE cloture_le < now() - interval '5 years'"


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    with firm(tmp_path_factory.mktemp("belledonne") / "demo", scale=0.1) as here:
        yield here


def test_nothing_moves_that_nobody_decided_on(operator: Firm) -> None:
    """Four databases are found, three of them unknown to the manifest; each needs a decision, signed."""
    _killed(operator, "take-inventory")
    said = operator.carry_on(until="decide-inventory")
    assert said.code == WAITING, said.text
    assert "4 to decide on databases of belledonne" in said.text
    operator.decide(anciens="move")
    said = operator.fab("run")
    assert said.code == WAITING
    assert "CLIENTS98.DBF: move, yet nothing under legacy.files moves it" in said.text
    operator.decide()
    _only_the_right_signature_opens(operator, "accept-inventory", "inventory.pdf")


def test_what_is_too_old_is_purged_and_can_be_brought_back(operator: Firm) -> None:
    """Not without a signature; killed in it, once more; there, back, and there again."""
    before, old = operator.on_legacy(COUNTS), operator.on_legacy(OLD)
    _only_the_right_signature_opens(operator, "accept-purge", "purge.pdf")
    assert operator.on_legacy(COUNTS) == before
    _killed(operator, "purge-legacy")
    said = operator.carry_on(until="confirm-offer")
    assert said.code == WAITING, said.text
    purged = operator.case.read_evidence("purge", Purged)
    # Every ninth of the closed files has an entry that is kept for ten years.
    assert old == [(30,)]
    assert operator.on_legacy(OLD) == [(3,)]
    assert purged.deleted == purged.plan.rows > 500

    said = operator.fab("purge-restore")
    assert said.code == 0, said.text
    assert f"{purged.deleted} rows brought back, 0 were there" in said.text
    assert operator.on_legacy(COUNTS) == before
    said = operator.fab("replan-purge")
    assert said.code == 0, said.text
    said = operator.carry_on(until="confirm-offer")
    assert said.code == WAITING, said.text
    assert operator.on_legacy(OLD) == [(3,)]
    _only_the_right_signature_opens(operator, "confirm-offer", "offer.pdf")


def test_a_disk_with_a_fault_loads_nothing(operator: Firm) -> None:
    """Written with a kill -9; a flipped bit, swapped and missing chunks, a pulled disk: each is named."""
    said = operator.carry_on(until="agree-schedule")
    operator.do("agree-schedule")
    _killed(operator, "deploy-site")
    _killed(operator, "carry-archive")
    said = operator.carry_on(until="carry-archive")
    assert said.code == WAITING, said.text
    (desk,) = stage.desks(operator.case)
    whole = operator.disk / desk.archive
    kept = whole.with_name("kept")
    shutil.copytree(whole, kept)
    chunks = sorted(path.name for path in whole.glob("chunk-*.age"))
    assert len(chunks) > 1

    content = bytearray((whole / chunks[0]).read_bytes())
    content[len(content) // 3] ^= 4
    (whole / chunks[0]).write_bytes(content)
    _refused(operator, f"{chunks[0]} is not what was written")
    (whole / chunks[0]).write_bytes((kept / chunks[1]).read_bytes())
    (whole / chunks[1]).write_bytes((kept / chunks[0]).read_bytes())
    _refused(operator, f"{chunks[0]} is ", f"{chunks[1]} is ")
    (whole / chunks[0]).unlink()
    (whole / chunks[1]).write_bytes((kept / chunks[1]).read_bytes())
    _refused(operator, f"{chunks[0]} is missing")
    pulled = operator.disk.with_name("retire")
    operator.disk.rename(pulled)
    _refused(operator, "connect the disk")
    pulled.rename(operator.disk)
    said = operator.fab("run")
    assert said.code == WAITING, "half a disk is no reason to go on"
    shutil.copyfile(kept / chunks[0], whole / chunks[0])
    shutil.rmtree(kept)


def test_the_firm_goes_live_with_what_changed_since(operator: Firm) -> None:
    """What was written while the disk travelled is there, every row was compared, and the site is open."""
    operator.on_legacy(
        "INSERT INTO compta.ecriture (dossier_id, le, libelle) VALUES (2, current_date, 'En route')"
    )
    said = operator.carry_on(until="check-window")
    assert said.code == WAITING, said.text
    operator.do("check-window")
    _killed(operator, "final-sync")
    said = operator.carry_on(until="accept-site")
    if "Fallen back" in said.text:
        # On a busy machine the new run comes over the freeze's limit: all is put back, and done once more.
        said = operator.fab("cutover")
        assert said.code == 0, said.text
        said = operator.carry_on(until="accept-site")

    assert said.code == WAITING, said.text
    assert operator.on_site(COUNTS) == operator.on_legacy(COUNTS)
    assert operator.on_site("SELECT count(*) FROM compta.ecriture WHERE libelle = 'En route'") == [(1,)]
    assert operator.on_site(OLD) == [(3,)]
    assert operator.case.read_evidence("comparison", Comparison).agrees
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        assert door.seen_open(hosts.site())
        # A database that is a file, and was decided to move: the same file, and still what it was.
        (tree,) = trees(hosts)
        here, there = (
            remote.read_file(side.host, f"{side.folder}/caisse/suivi.dat")
            for side in (tree.sends, tree.receives)
        )
        assert here == there
        assert kind_of(there[:HEAD_BYTES], len(there)) == "sqlite"
    assert status.of(operator.case).way_back == "armed"


def test_people_work_there_in_their_roles(operator: Firm) -> None:
    """Accounts and roles, a session and a page from the workstation, services on; then it is accepted."""
    case = operator.case
    accounts = {one.user: one for one in case.read_evidence("accounts", Accounts).accounts}
    assert accounts["PAUL"].may == ("dossiers:read", "paie:read", "paie:write")
    for package in ("session", "impression"):
        assert case.read_evidence(f"package-{package}", Matrix).counted["met"] == 2
    with Hosts(operator.workspace, case.manifest) as hosts:
        site = hosts.site()
        assert site.services == ("connect", "box", "suivi-caisse", "devis-fact")
        assert ask(site, "/devis").status == 200
    # Each of two users opened a session once, and closed it.
    assert "0 open, 2 closed, 0 lines" in operator.fab("console", "--once").text
    # What the identity provider says of each is what the site gives.
    assert operator.on_files("CLAIRE", "PUT", "dossiers/Essai.txt") == 201
    assert operator.on_files("PAUL", "GET", "dossiers/Essai.txt") == 200
    assert operator.on_files("PAUL", "PUT", "dossiers/Essai.txt") == 403
    assert operator.on_files("CLAIRE", "DELETE", "dossiers/Essai.txt") == 403
    assert operator.on_files("CHEF", "DELETE", "dossiers/Essai.txt") == 204
    words = ["--act", "disable", "--user", "PAUL", "--as", operator.responsible]
    said = operator.fab("users", *words, "--key", str(operator.keys[operator.responsible]))
    assert said.code == 0, said.text
    assert "PAUL             paie             inactive" in operator.fab("users").text
    assert operator.on_files("PAUL", "GET", "dossiers/Dossier 001 – bilan.txt") == 403
    assert "disable PAUL by elodie.chef@belledonne.example, done" in operator.fab("users", "--log").text
    said = operator.fab("verify", "--environment", "prod")
    assert said.code == 0, said.text

    _only_the_right_signature_opens(operator, "accept-site", "acceptance.pdf")
    _killed(operator, "hand-over-support")
    said = operator.carry_on()
    assert said.code == 0, said.text
    required = [phase.state for phase in status.of(case).phases if phase.state != "on request"]
    # Six that every firm goes through, and the purge that was planned anew.
    assert required == ["finished"] * 7
    place = page.paths(case)
    assert seal.check(case, place.page, place.facts) == []
    said = operator.fab("finalize")
    assert said.code == 0, said.text
    assert operator.on_legacy("SELECT count(*) FROM pg_replication_slots") == [(0,)]


@pytest.fixture(scope="module")
def with_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Operator, MariaServer]]:
    """A firm whose bookkeeping is in a MariaDB, and stays in one."""
    folder = tmp_path_factory.mktemp("workspace")
    disk, rule = folder / "disque", {"by": "cloture_le", "years": 5, "where": {"etat": "clos"}}
    disk.mkdir()
    words: dict[str, Any] = {
        "transfer": {"mode": "staged", "archive": {"to": str(disk)}},
        "more": {
            "playbook": "quadra",
            "purge": {
                "database": "kartei",
                "drop": [{"name": "clos", "table": ["besa", "dossier"], **rule}],
                "archive": {"to": str(disk)},
            },
        },
    }
    with private_host("old", folder) as host, hard_server(host) as server:
        server.sql(MARIADB)
        with asking(
            server, "linde", "vera@vendor.example", site_engine="mariadb", settings={}, **words
        ) as it:
            yield it, server


def test_a_firm_with_mariadb_is_purged_and_carried(with_mariadb: tuple[Operator, MariaServer]) -> None:
    """The same playbook, another engine: decided on, purged, carried on a disk, live with what changed."""
    operator, legacy = with_mariadb
    operator.do("record-request")
    said = operator.carry_on(until="decide-inventory")
    assert said.code == WAITING, said.text
    form = operator.workspace.stacks / "linde.inventory.yaml"
    content = yaml.safe_load(form.read_text())
    for one in content["databases"]:
        decision = "purge" if one["id"].endswith(f":{legacy.port} besa") else "leave"
        one.update(decision=decision, by=operator.responsible)
    form.write_text(yaml.safe_dump(content))
    for gate in ("accept-inventory", "accept-purge"):
        said = operator.carry_on(until=gate)
        assert said.code == WAITING, said.text
        assert operator.sign(gate).code == 0
    _killed(operator, "purge-legacy")
    said = operator.carry_on(until="carry-archive")
    assert said.code == WAITING, said.text
    assert operator.case.read_evidence("purge", Purged).deleted == 20 + 200
    assert legacy.sql("SELECT COUNT(*), (SELECT COUNT(*) FROM ecriture) FROM dossier") == [["20", "200"]]

    legacy.sql("INSERT INTO ecriture (dossier_id, libelle) VALUES (21, 'En route')")
    archive = stage.desks(operator.case)[-1]
    said = operator.fab("stage-in", "--from", archive.begun.location, "--archive", archive.archive)
    assert said.code == 0, said.text
    _killed(operator, "start-replication")
    operator.prepare()
    said = operator.carry_on(command="cutover")

    assert said.code == 0, said.text
    assert operator.case.read_evidence("transfer", Transferred).databases[0].mode == "staged-live"
    assert operator.case.read_evidence("comparison", Comparison).agrees
    assert status.of(operator.case).way_back == "armed"
    assert not is_writable(legacy)
    hosts = Hosts(operator.workspace, operator.case.manifest)
    with hosts, mariadb_of(site_database(hosts)).opened() as session:
        counted = session.value("SELECT CONCAT(COUNT(*), ' ', SUM(libelle = 'En route')) FROM ecriture")
        assert counted == "201 1"
        assert door.seen_open(hosts.site())
    said = operator.fab("finalize")
    assert said.code == 0, said.text
    assert legacy.sql("SHOW DATABASES LIKE 'bascule'") == []


def _refused(operator: Firm, *says: str) -> None:
    """Loading is refused for these reasons, and the site's host holds nothing that could be offered."""
    said = operator.carry()
    assert said.code == FAILED, said.text
    for words in says:
        assert words in said.text
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        held = remote.attempt(hosts.target(), "ls .bascule/staged/belledonne/*/tree 2>/dev/null")
        assert held.text == ""
        assert not door.seen_open(hosts.site())


def _killed(operator: Operator, step: str) -> None:
    """Kill -9 a run as soon as it begins a step; whoever starts it again finds it going on."""
    with operator.at_work("run") as run:
        run.until("intent", step)
        with suppress(ProcessLookupError):
            run.signal(signal.SIGKILL)
        run.ended()


def _only_the_right_signature_opens(operator: Firm, gate: str, name: str) -> None:
    """Unsigned, signed by another, changed after signing: a run stays before the gate; then all is well."""
    said = operator.carry_on(until=gate)
    assert said.code == WAITING, said.text
    assert f"{operator.responsible} has not signed" in said.text
    assert operator.sign(gate, key_of=operator.vendor).code == FAILED
    said = operator.sign(gate)
    assert said.code == 0, said.text
    document: Path = operator.case.document(name)
    signed = document.read_bytes()
    document.write_bytes(signed + b"\n")
    said = operator.fab("run")
    assert said.code == FAILED
    assert f"gate {gate} stays shut: {name} was changed after it was signed" in said.text
    document.write_bytes(signed)
