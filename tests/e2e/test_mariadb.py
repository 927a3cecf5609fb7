"""A tenant that leaves MariaDB goes the whole way to a site with PostgreSQL, by the playbook as it ships."""

import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from migrate import door, status
from migrate.assess import Assessment
from migrate.compare.verdict import Comparison
from migrate.connections import Hosts
from migrate.databases import site_database
from migrate.transfer.contract import Transferred
from migrate.verify import GoLive
from tests.support.crossing import hard_server, is_writable
from tests.support.e2e import FAILED, Operator
from tests.support.e2e_mariadb import agreed
from tests.support.mariadb_hosts import MariaServer
from tests.support.private_hosts import private_host

pytestmark = pytest.mark.timeout(900)  # on a busy machine; each waits for an event, none for a time

TENANT = "birke"
VENDOR = "vera@vendor.example"
NAMES = 'SELECT "Name" FROM public."Kunde" ORDER BY "Id"'


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    folder = tmp_path_factory.mktemp("workspace")
    with private_host("old", folder) as host, hard_server(host) as server:
        papers = host.folder / "papers"
        papers.mkdir()
        (papers / "brief.txt").write_text("Guten Tag")
        yield server


@pytest.fixture(scope="module")
def operator(legacy: MariaServer) -> Iterator[Operator]:
    with agreed(
        legacy, TENANT, VENDOR, files=[{"name": "papers", "host": "old", "path": "papers"}]
    ) as operator:
        yield operator


def on_site(operator: Operator, statement: str, role: str = "application") -> list[tuple[Any, ...]]:
    with (
        Hosts(operator.workspace, operator.case.manifest) as hosts,
        site_database(hosts, role=role).opened() as session,
    ):
        cursor = session.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_assessment_names_what_would_hurt(operator: Operator) -> None:
    """The mode with its reason, the estimated stop, and what becomes of dates, tables and routines."""
    found = operator.case.read_evidence("assessment", Assessment)
    (database,) = found.databases
    assert database.product.startswith("MariaDB 1")
    assert found.mode == "bulk"
    assert "nothing replicates from MariaDB into it" in found.mode_because
    assert found.estimate.high_seconds > 0
    seen = {one.id for one in found.findings}
    assert {
        "mariadb-zero-dates",
        "mariadb-times-over-a-day",
        "mariadb-table-without-key",
        "mariadb-table-without-transactions",
        "mariadb-own-language",
        "mariadb-events-at-work",
    } <= seen
    assert not found.blockers
    said = operator.fab("assess")
    assert said.code == 0, said.text
    assert re.search(r"kartei: MariaDB 1[\d.]+, ", said.text), said.text


def test_what_differs_puts_everything_back(operator: Operator, legacy: MariaServer) -> None:
    """A table that somebody makes on the site in the freeze is found; legacy takes writes again."""
    operator.prepare()
    _waive_way_back(operator)
    with operator.at_work("cutover") as run:
        run.until("done", "freeze-legacy")
        run.signal(signal.SIGSTOP)
        assert not is_writable(legacy)
        on_site(operator, "CREATE TABLE public.fremd (nr int); INSERT INTO public.fremd VALUES (1)", "mover")
        run.signal(signal.SIGCONT)
        said = run.ended()

    assert said.code == FAILED
    assert "fremd" in said.text
    assert re.search(r"Fallen back in [\d.]+ s: everything is put back\.", said.text), said.text
    assert "Legacy is writable; the site is closed." in said.text
    assert is_writable(legacy)
    on_site(operator, "DROP TABLE public.fremd", "mover")
    assert on_site(operator, "SELECT relname FROM pg_class WHERE relkind = 'r' AND oid >= 16384") == []


def test_the_site_opens_with_every_row(operator: Operator, legacy: MariaServer) -> None:
    """By the ordinary commands the tenant goes live; every row was compared, and legacy stays readable."""
    operator.prepare()
    _waive_way_back(operator)
    said = operator.carry_on()
    assert said.code == 0, said.text

    case = operator.case
    comparison = case.read_evidence("comparison", Comparison)
    assert comparison.agrees, comparison.summary
    assert comparison.rows == 4 + 5 + 4 + 3
    assert case.read_evidence("transfer", Transferred).databases[0].engine == "mariadb"
    assert case.read_evidence("golive", GoLive).passed
    with Hosts(operator.workspace, case.manifest) as hosts:
        assert door.seen_open(hosts.site())
    assert not is_writable(legacy)
    there = [(name,) for (name,) in on_site(operator, NAMES)]
    with legacy.client() as client, client.cursor() as cursor:
        cursor.execute("SELECT `Name` FROM `Kunde` ORDER BY `Id`")
        assert list(cursor.fetchall()) == there
    assert status.of(case).standing.door == "open"


def test_there_is_no_way_back_to_another_engine(operator: Operator, legacy: MariaServer) -> None:
    """A waived way back is none: a rollback is refused, so that no write on the site is lost."""
    assert status.of(operator.case).way_back == "none"
    said = operator.fab("rollback")
    assert said.code == FAILED, said.text
    assert "rollback cannot begin: no changes flow back to legacy" in said.text
    said = operator.fab("status")
    assert said.code == 0, said.text
    assert status.of(operator.case).standing.door == "open"
    assert not is_writable(legacy)


def test_finalize_leaves_nothing_of_the_move(operator: Operator, legacy: MariaServer) -> None:
    """The site loses its mover, and matches its program; legacy stays readable and takes no writes."""
    said = operator.fab("finalize")
    assert said.code == 0, said.text
    with Hosts(operator.workspace, operator.case.manifest) as hosts:
        assert hosts.site().database.mover is None
    assert not is_writable(legacy)


def _waive_way_back(operator: Operator) -> None:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    waiver = ["--what", "way-back", "--by", operator.vendor, "--reason", "Another engine.", "--expires"]
    said = operator.fab("waive", *waiver, expires, "--key", str(operator.keys[operator.vendor]))
    assert said.code == 0, said.text
