"""
The demo tenant carried on a disk, by the playbook as it ships, with people writing.

One tenant, so the order counts: each test takes it on from where the one before left it.
"""

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from migrate import status
from migrate.archive import stage
from migrate.compare.verdict import Comparison
from migrate.rehearsal.evidence import Rehearsal
from migrate.transfer.contract import Transferred
from tests.support.e2e import WAITING, eventually
from tests.support.e2e_alpenblick import INTERFACES, NUMBERS, Alpenblick, alpenblick

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each waits for an event, none for a time

TRACES = (
    "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)"
    " + (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bascule%')"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alpenblick]:
    base = tmp_path_factory.mktemp("carried")
    with alpenblick(base / "demo", rehearsed=True) as here:
        disk = base / "disk"
        disk.mkdir()
        path = here.prepared.workspace.stacks / "alpenblick.yaml"
        asked = yaml.safe_load(path.read_text())
        for database in asked["legacy"]["databases"]:
            database["transfer"] = {"mode": "staged", "archive": {"to": str(disk)}}
        path.write_text(yaml.safe_dump(asked, sort_keys=False, allow_unicode=True))
        yield here


def disk_of(home: Alpenblick) -> Path:
    place = home.operator.case.manifest.archive
    assert place is not None
    return Path(place.to)


def test_killed_while_it_is_written_the_same_archive_is_finished(home: Alpenblick) -> None:
    """A run killed while the archive is made goes on with that one, and ends saying who has to do what."""
    operator = home.operator
    said = operator.carry_on(command="prepare")
    assert said.code == 0, said.text
    with operator.at_work("rehearse") as run:
        run.until("intent", "rehearse")
        eventually(lambda: bool(stage.desks(operator.case)))
        run.signal(signal.SIGKILL)
        run.ended()

    said = operator.fab("run")

    assert said.code == WAITING, said.text
    (desk,) = stage.desks(operator.case)
    assert desk.is_finished
    assert f"lies whole at {disk_of(home)} and has to be carried" in said.text
    shown = operator.fab("status").text
    flat = re.sub(r"\s+", " ", shown)
    loading = f"fab stage-in --tenant alpenblick --from {disk_of(home)} --archive {desk.archive}"
    assert f"{loading} --environment test" in flat, shown
    assert operator.fab("run").code == WAITING
    assert [one.archive for one in stage.desks(operator.case)] == [desk.archive]
    assert home.on_legacy(TRACES) != [(0,)]


def test_abandoned_while_it_travels_legacy_keeps_nothing(home: Alpenblick) -> None:
    """The slot is gone from legacy, and the disk that still holds data is named, with how to destroy it."""
    operator = home.operator
    (desk,) = stage.desks(operator.case)
    said = operator.fab("abandon")
    assert said.code == 0, said.text
    assert home.on_legacy(TRACES) == [(0,)]
    place = disk_of(home) / desk.archive
    assert f"to destroy it: rm -rf {place}" in re.sub(r"\s+", " ", said.text)
    shutil.rmtree(place)


def test_carried_it_goes_live_and_comes_back(home: Alpenblick) -> None:
    """Carried anew, with legacy written to throughout: live with nothing lost, and back with every write."""
    operator = home.operator
    assert operator.fab("rehearse").code == WAITING
    archives = [one.name for one in disk_of(home).iterdir()]
    said = operator.fab("stage-in", "--from", str(disk_of(home)), "--environment", "test")
    assert said.code == 0, said.text
    said = operator.fab("rehearse")
    assert said.code == 0, said.text
    assert "not rehearsed: the pass over files" in said.text
    rehearsal = operator.case.read_evidence("rehearsal", Rehearsal)
    assert (rehearsal.passed, {one.direction for one in rehearsal.switches}) == (True, {"forward", "back"})
    assert (len(rehearsal.faults) > 6, rehearsal.acknowledged > 0) == (True, True)
    assert operator.fab("replicate").code == WAITING
    assert [one.name for one in disk_of(home).iterdir()] == archives  # the rehearsed one is carried on
    written = home.work()["writes_acknowledged"]
    travelled = disk_of(home).with_name("where the site is")
    disk_of(home).rename(travelled)
    eventually(lambda: home.work()["writes_acknowledged"] > written + 20)
    said = operator.fab("stage-in", "--from", str(travelled))
    assert said.code == 0, said.text

    operator.prepare()
    (copied,) = operator.case.read_evidence("transfer", Transferred).databases
    assert copied.mode == "staged-live"
    said = operator.fab("stage-release")
    assert said.code != 0
    assert "fab abandon --tenant alpenblick ends the move" in re.sub(r"\s+", " ", said.text)
    said = operator.carry_on(command="cutover")

    assert said.code == 0, said.text
    assert home.door() == ("open", True)
    verdict = operator.case.read_evidence("comparison", Comparison)
    assert verdict.agrees
    assert 0 < sum(one.compared_in_freeze or 0 for one in verdict.databases) < verdict.rows
    last = home.work()["last_number"]
    assert home.on_site(NUMBERS) == [(last,) * 3]
    for interface in INTERFACES:
        home.all_stored(interface, home.on_site)
    assert status.of(operator.case).way_back == "armed"

    said = operator.fab("rollback")

    assert said.code == 0, said.text
    assert home.door() == ("closed", False)
    for interface in INTERFACES:
        home.all_stored(interface, home.on_legacy)
    said = operator.fab("abandon")
    assert said.code == 0, said.text
    assert home.on_legacy(TRACES) == [(0,)]
    assert not (home.file_on_site("home") / ".bascule/staged/alpenblick").exists()
