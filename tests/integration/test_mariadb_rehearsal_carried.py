"""A MariaDB that is carried on a disk is rehearsed from what arrived, with legacy out of reach."""

from collections.abc import Iterator

import pytest

from migrate.archive import area, stage
from migrate.assess import assess
from migrate.rehearsal.run import rehearse
from migrate.step import StepContext
from tests.support.mariadb_hosts import HARD_SCHEMA
from tests.support.mariadb_rehearsed import left_on
from tests.support.moves import Told
from tests.support.staging_mariadb import MariaStaged, a_staged_maria_move

MORE = """
CREATE TABLE notiz (id int AUTO_INCREMENT PRIMARY KEY, was varchar(40), KEY nach_text (was));
INSERT INTO notiz (was) SELECT CONCAT('Notiz ', seq) FROM seq_1_to_40;
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaStaged]:
    base = tmp_path_factory.mktemp("staged")
    with a_staged_maria_move(base, HARD_SCHEMA + MORE, is_servers_own=True) as staged:
        yield staged


def test_forward_and_back_on_what_arrived(staged: MariaStaged) -> None:
    """Faults are found and nothing is lost, while legacy's server is not even at work."""
    case = staged.case
    with staged.hosts() as hosts:
        case.write_evidence("assessment", assess(case, hosts, Told()))
        staged.out(hosts, live=True)
        stage.stage_in(case, hosts, str(staged.disk), Told(), environment="test")
        staged.move.legacy.stop()
        try:
            found = rehearse(StepContext(case, hosts, Told(), "rehearsal-1"))
        finally:
            staged.move.legacy.start()
        area.clear(hosts.runner("test"), staged.manifest.tenant)
        stage.release(case, hosts)

    assert found.passed
    assert found.lost == 0
    assert {fault.kind for fault in found.faults} >= {"changed character", "lost row", "missing index"}
    assert found.switches[0].rows_compared > 4 + 5 + 4 + 40
    assert "no pass over files, to which no path led" in found.rests_on
    assert staged.move.site.sql("SHOW TABLES") == []
    assert left_on(staged.move.site.host) == []
