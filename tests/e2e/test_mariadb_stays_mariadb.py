"""A tenant that leaves MariaDB for a site with MariaDB: live, back with every write, and there again."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import pytest

from migrate import status
from migrate.assess import Assessment
from migrate.compare.verdict import Comparison
from migrate.connections import Hosts
from migrate.engines import site_database
from migrate.mariadb.session import mariadb_of
from migrate.rehearsal.evidence import Rehearsal
from migrate.rehearsal.mariadb import stand_in
from migrate.remote_jobs import FOLDER as JOBS
from migrate.stop import Stop
from provisioning.manifest import Environment
from tests.support.crossing import PASSWORD, USER, hard_server, is_writable
from tests.support.e2e import Operator, eventually
from tests.support.e2e_mariadb import agreed
from tests.support.local_sites import place_of
from tests.support.mariadb_hosts import MariaServer
from tests.support.mariadb_rehearsed import processes_in
from tests.support.private_hosts import private_host

pytestmark = pytest.mark.timeout(1200)  # on a busy machine; each waits for an event, none for a time

TENANT = "linde"
VENDOR = "vera@vendor.example"


@dataclass
class Writer:
    """An application of legacy's that writes numbers in turn, and remembers which were acknowledged."""

    server: MariaServer
    acknowledged: list[int] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                with self.server.client(USER, PASSWORD) as session, session.cursor() as cursor:
                    while not self.stopped.wait(0.02):
                        cursor.execute("INSERT INTO schreiben () VALUES ()")
                        self.acknowledged.append(cursor.lastrowid)
            except pymysql.MySQLError:
                self.stopped.wait(0.05)


@contextmanager
def writing(server: MariaServer) -> Iterator[Writer]:
    writer = Writer(server)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield writer
    finally:
        writer.stopped.set()
        thread.join()


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    folder = tmp_path_factory.mktemp("workspace")
    with private_host("old", folder) as host, hard_server(host) as server:
        server.sql("CREATE TABLE schreiben (id bigint AUTO_INCREMENT PRIMARY KEY, am timestamp(6))")
        yield server


@pytest.fixture(scope="module")
def operator(legacy: MariaServer) -> Iterator[Operator]:
    with agreed(legacy, TENANT, VENDOR, site_engine="mariadb", settings={}) as operator:
        yield operator


def on_site(operator: Operator, statement: str, environment: Environment = "prod") -> list[dict[str, Any]]:
    with (
        Hosts(operator.workspace, operator.case.manifest) as hosts,
        mariadb_of(site_database(hosts, environment, role="application")).opened() as session,
    ):
        return session.run(statement)


def numbers(operator: Operator) -> set[int]:
    return {row["id"] for row in on_site(operator, "SELECT id FROM schreiben")}


def stands_in(operator: Operator) -> Path:
    """Where the server that stands in for legacy lies on the test site's host, while it does."""
    return place_of(operator.workspace, f"{TENANT}-test").path(f"{JOBS}/{stand_in.JOB}")


def rehearse_killed_once(operator: Operator) -> None:
    """Rehearse, be killed in the middle of it, and again: the second finds and clears what was left."""
    said = operator.carry_on(command="prepare")
    assert said.code == 0, said.text
    with operator.at_work("rehearse") as run:
        run.until("intent", "rehearse")
        eventually(lambda: bool(processes_in(stands_in(operator))) or run.process.poll() is not None)
        assert run.process.poll() is None, run.ended().text
        run.signal(signal.SIGKILL)
        run.ended()
    assert processes_in(stands_in(operator))

    said = operator.fab("rehearse")

    assert said.code == 0, said.text
    found = operator.case.read_evidence("rehearsal", Rehearsal)
    assert (found.passed, [one.direction for one in found.switches]) == (True, ["forward", "back"])
    assert f"{found.acknowledged} writes acknowledged, 0 lost" in said.text
    assert not stands_in(operator).exists()
    assert not processes_in(stands_in(operator))
    assert on_site(operator, "SHOW TABLES", environment="test") == []


def test_there_back_and_there_again(operator: Operator, legacy: MariaServer) -> None:
    """By the ordinary commands, with somebody writing: no acknowledged row is lost on any of the ways."""
    with writing(legacy) as writer:
        rehearse_killed_once(operator)
        operator.prepare()
        said = operator.carry_on(command="cutover")
        assert said.code == 0, said.text
    found = operator.case.read_evidence("assessment", Assessment)
    assert found.mode == "live"
    assert not {one.id for one in found.findings} & {"mariadb-own-language", "mariadb-zero-dates"}
    compared = operator.case.read_evidence("comparison", Comparison)
    assert compared.agrees
    (growing,) = (one for one in compared.databases[0].tables if one.name == "schreiben")
    assert growing.changed_rows is not None, "it was read as a whole in the freeze"
    assert growing.changed_rows < (growing.source_rows or 0)
    assert not is_writable(legacy)
    assert len(writer.acknowledged) > 50
    assert set(writer.acknowledged) <= numbers(operator)
    assert status.of(operator.case).way_back == "armed"
    rehearsed, stop = (
        operator.case.read_evidence("rehearsal", Rehearsal),
        operator.case.read_evidence("stop", Stop),
    )
    assert stop.predicted_low_seconds == rehearsed.low_seconds
    assert stop.predicted_high_seconds == rehearsed.high_seconds

    on_site(operator, "INSERT INTO schreiben (id) VALUES (900000)")
    said = operator.fab("watch-way-back")
    assert said.code == 0, said.text
    said = operator.fab("rollback")
    assert said.code == 0, said.text
    assert is_writable(legacy)
    there = {int(row[0]) for row in legacy.sql("SELECT id FROM schreiben")}
    assert there >= {*writer.acknowledged, 900000}
    assert status.of(operator.case).standing.door == "closed"

    with writing(legacy) as again:
        eventually(lambda: len(again.acknowledged) > 20)
        operator.prepare()
        said = operator.carry_on(command="cutover")
        assert said.code == 0, said.text
    assert numbers(operator) >= {*writer.acknowledged, *again.acknowledged, 900000}

    said = operator.fab("finalize")
    assert said.code == 0, said.text
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        assert hosts.site().database.mover is None
    assert not legacy.sql("SHOW DATABASES LIKE 'bascule'")
    assert not legacy.sql("SHOW ALL SLAVES STATUS")
