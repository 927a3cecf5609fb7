"""A MariaDB's move is rehearsed forward and back on a server of its own; nothing of it stays anywhere."""

from collections.abc import Iterator

import pytest

from migrate.assess import Assessment
from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.rehearsal import run
from migrate.rehearsal.mariadb import stage, stand_in
from migrate.rehearsal.run import rehearse
from migrate.step import known_steps
from migrate.transfer.mariadb_live import MariadbLive
from migrate.waiting import wait_until
from provisioning.local.ports import answers
from tests.support.cut_short import cut_short
from tests.support.mariadb_hosts import HARD_SCHEMA
from tests.support.mariadb_rehearsed import STATE, Rehearsed, a_rehearsal

MORE = """
SET sql_mode = '';
CREATE TABLE notiz (id int AUTO_INCREMENT PRIMARY KEY, was varchar(40), tag date, KEY nach_tag (tag));
INSERT INTO notiz (was, tag) SELECT CONCAT('Notiz ', seq), '2026-01-01' + INTERVAL seq DAY FROM seq_1_to_40;
CREATE TABLE anhang (id int PRIMARY KEY, notiz int,
    FOREIGN KEY (notiz) REFERENCES notiz (id) ON DELETE SET NULL);
INSERT INTO anhang SELECT seq, seq FROM seq_1_to_6;
CREATE TABLE fehler (id int PRIMARY KEY, art enum('1', '2'), wo point, f float);
INSERT INTO fehler VALUES (1, 'x', POINT(1.5, -2), 2.33333333), (2, '2', NULL, NULL);
"""
KINDS = {
    *("changed character", "truncated text", "lost row", "extra row", "sequence behind"),
    *("missing index", "cascade rule changed"),
}
ROWS = 4 + 5 + 4 + 3 + 40 + 6 + 2


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    with a_rehearsal(tmp_path_factory.mktemp("rehearsal"), HARD_SCHEMA + MORE) as rehearsed:
        with rehearsed.hosts() as hosts:
            rehearsed.assessed(hosts)
        yield rehearsed


@pytest.fixture
def hosts(rehearsed: Rehearsed) -> Iterator[Hosts]:
    """Afterwards both servers are as they were, and nothing of a rehearsal is on the test site's host."""
    servers = rehearsed.move.legacy, rehearsed.move.site
    before = [server.sql(STATE) for server in servers]
    written = rehearsed.move.legacy.sql("SELECT @@GLOBAL.gtid_binlog_pos")
    with rehearsed.hosts() as hosts:
        yield hosts
    assert [server.sql(STATE) for server in servers] == before
    assert rehearsed.move.legacy.sql("SELECT @@GLOBAL.gtid_binlog_pos") == written
    assert rehearsed.left() == []


def test_forward_and_back_after_one_that_was_killed(
    rehearsed: Rehearsed, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed one left is cleared first; every fault is found, every row compared, no write lost."""
    ctx = rehearsed.context(hosts)
    cut_short(ctx, monkeypatch, MariadbLive, stage)
    assert [one.split()[0].rpartition("/")[2] for one in rehearsed.left()] == [stand_in.JOB, "mariadbd"]
    assert rehearsed.move.site.sql("SELECT @@GLOBAL.read_only") == [["1"]]

    found = rehearse(ctx)

    assert found.passed
    assert found.lost == 0
    assert found.acknowledged > 3 * run.WRITES_PER_SIDE
    assert {fault.kind for fault in found.faults} == KINDS
    assert [fault.name for fault in found.faults if not fault.found] == []
    forward, back = found.switches
    assert (forward.direction, back.direction) == ("forward", "back")
    assert list(forward.parts) == ["fence", "drain", "settle", "compare", "turn", "open"]
    assert back.rows_compared > forward.rows_compared > ROWS  # the ledger grows between them
    assert forward.rows_read < forward.rows_compared
    assert max(one.stop_seconds for one in found.switches) < 15  # this machine is busy
    assert 0 < found.low_seconds < found.high_seconds
    assert found.fingerprint == ctx.case.read_evidence("assessment", Assessment).fingerprint


def test_forgotten_it_ends_by_itself_and_abandon_takes_the_rest(
    rehearsed: Rehearsed, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes with its data and opens the site; copy and flow go with the move that is abandoned."""
    monkeypatch.setattr(stand_in, "LEASE_SECONDS", 3)
    monkeypatch.setattr(stand_in, "_RENEWED_SECONDS", 0.5)
    ctx, site = rehearsed.context(hosts), rehearsed.move.site
    cut_short(ctx, monkeypatch, MariadbLive, stage)
    address, port = stand_in.job(hosts.target("test")).look().spec.split(":")
    assert answers(address, int(port))

    assert wait_until(lambda: rehearsed.left() == [], deadline_seconds=60)

    assert not answers(address, int(port))
    assert site.sql("SELECT @@GLOBAL.read_only") == [["0"]]
    assert site.sql("SHOW DATABASES LIKE 'bascule_fence'") == []
    assert site.sql("SHOW TABLES") != []
    ctx.case.journal.append("evidence", "site-test", sha256="of its deployment")
    known_steps()["abandon-replication"].act(ctx)
    assert site.sql("SHOW TABLES") == []
    assert not run.clear(ctx)


def test_a_server_that_does_not_start_is_told(
    rehearsed: Rehearsed, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server said is in the message, and nothing of it stays."""
    wrong = stand_in.Like("NO_SUCH_MODE", 0, "utf8mb4", "utf8mb4_general_ci", 1, 1)
    monkeypatch.setattr(stand_in, "like", lambda _: wrong)

    with pytest.raises(TransferError, match=r"(?s)did not start: .*NO_SUCH_MODE"):
        rehearse(rehearsed.context(hosts))


def test_a_full_disk_is_told_before_anything_is_copied(
    rehearsed: Rehearsed, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy, the moved copy and the log between them must fit on the test site's host."""
    monkeypatch.setattr("migrate.remote.free_bytes", lambda _: 200 << 20)

    with pytest.raises(TransferError, match=r"has 200 MiB free, the rehearsal needs \d+ MiB"):
        rehearse(rehearsed.context(hosts))
