"""A MariaDB carried on a disk to a site with MariaDB: exact rows, then what legacy wrote meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest

from migrate.archive import stage
from migrate.compare.mariadb import compare
from migrate.connections import Hosts
from migrate.errors import TransferError, Waiting
from migrate.freeze import unfreeze
from migrate.remote_jobs import FOLDER as JOBS
from migrate.step import StepContext, known_steps
from migrate.transfer.contract import Task
from migrate.transfer.mariadb_staged import MariadbStagedLive
from migrate.waiting import wait_until
from tests.support.mariadb_hosts import HARD_SCHEMA
from tests.support.moves import Told
from tests.support.staging import CHUNK_BYTES
from tests.support.staging_mariadb import MariaStaged, a_staged_maria_move

WAY = MariadbStagedLive()
# Enough that no compression brings it down to one chunk; a table without rows; an enum's error value.
MORE = """
SET sql_mode = '';
CREATE TABLE leer (id int AUTO_INCREMENT PRIMARY KEY, was varchar(20));
CREATE TABLE bild (id int PRIMARY KEY, bild longblob, art enum('1', '2'), wo point);
INSERT INTO bild SELECT n.seq, (SELECT UNHEX(GROUP_CONCAT(MD5(n.seq * 1000 + m.seq) SEPARATOR ''))
    FROM seq_1_to_32 AS m), IF(n.seq % 7, n.seq % 2 + 1, 'x'), POINT(n.seq, -1) FROM seq_1_to_400 AS n;
"""
WHILE_IT_TRAVELS = """
SET sql_mode = '';
INSERT INTO leer (was) SELECT CONCAT('unterwegs ', seq) FROM seq_1_to_50;
UPDATE ohne_schluessel SET latin = 'anders'; DELETE FROM messung WHERE kunde = 2;
DELETE FROM bild WHERE id % 3 = 0; INSERT INTO alt VALUES (99, 'klein'); SELECT NEXTVAL(belegnummer)
"""
STATE = (
    "SELECT User, Host FROM mysql.global_priv WHERE User <> 'PUBLIC' ORDER BY 1, 2;"
    "SELECT @@GLOBAL.gtid_slave_pos, @@GLOBAL.expire_logs_days, @@GLOBAL.binlog_row_metadata;"
    "SHOW DATABASES; SHOW EVENTS; SHOW ALL SLAVES STATUS"
)
BESIDE_WORK: tuple[tuple[str, dict[str, Any]], ...] = (
    ("start-replication", {}),
    ("copy-files", {"pass": "base"}),
    ("compare-live", {}),
)
SWITCH: tuple[tuple[str, dict[str, Any]], ...] = (
    ("catch-up", {}),
    ("copy-files", {"pass": "ready"}),
    ("compare-live", {"part": "again"}),
    ("freeze-legacy", {"limit_seconds": 600}),
    ("carry-changes", {}),
    ("final-sync", {}),
    ("compare-content", {}),
)


class Killed(Told):
    """Whoever tells it of a certain thing dies of it, as an operator's machine may at any time."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at

    def start(self, what: str, total: float | None, unit: str) -> None:
        super().start(what, total, unit)
        if self.at in what:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaStaged]:
    with a_staged_maria_move(tmp_path_factory.mktemp("staged"), HARD_SCHEMA + MORE) as staged:
        staged.move.legacy.sql("SET GLOBAL expire_logs_days = 7")
        yield staged


@pytest.fixture
def hosts(staged: MariaStaged) -> Iterator[Hosts]:
    """Legacy is as it was found afterwards, and the site empty."""
    before = staged.move.legacy.sql(STATE)
    with staged.hosts() as hosts:
        yield hosts
        WAY.empty(staged.task(hosts))
        stage.release(staged.case, hosts)
    assert staged.move.legacy.sql(STATE) == before
    assert staged.move.site.sql("SHOW TABLES") == []
    assert not list((staged.move.legacy.host.folder / JOBS).glob("stage-*")), "a clear dump stayed on legacy"


def agree(staged: MariaStaged, task: Task) -> None:
    """Both sides hold the same, once everything was applied."""
    WAY.drain(task, timeout_seconds=30)
    WAY.settle(task)
    found = compare(task.name, staged.move.source, staged.move.target)
    assert found.agrees, (found.differing_tables, found.differences)
    assert {table.name for table in found.tables} >= {"bild", "Kunde", "leer", "alt"}


def test_everything_arrives_by_disk_and_then_what_changed_since(staged: MariaStaged, hosts: Hosts) -> None:
    """Killed at the dump and at the restore; both are attached to, and what was written meanwhile flows."""
    task, again = staged.task(hosts), Told()
    with pytest.raises(KeyboardInterrupt):
        staged.out(hosts, Killed("main-db: dump"), live=True)

    made = staged.out(hosts, again, live=True)

    assert "main-db: dump (attached)" in again.lines
    assert [item.flows for item in made.items] == [True, False]
    assert len(made.chunks) > 5
    for sealed in made.chunks:
        assert (staged.disk / made.archive / sealed.name).stat().st_size < CHUNK_BYTES * 1.3
    for path in (staged.disk / made.archive).iterdir():
        assert b"gleich" not in path.read_bytes()
    (kept,) = stage.kept_on_legacy(staged.case, hosts, made).values()
    assert kept == "keeps 0 MiB of log, without a limit: until its disk is full"
    staged.move.legacy.sql(WHILE_IT_TRAVELS)
    staged.move.legacy.sql("FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() - INTERVAL 1 DAY")
    loaded = staged.load(hosts)
    assert [(item.kind, item.unsettled) for item in loaded.items] == [("database", ()), ("files", ())]
    with pytest.raises(KeyboardInterrupt):
        WAY.copy(task, Killed("main-db: restore"))
    assert WAY.flow(task).state in ("copying", "absent")

    restored = Told()
    assert stage.followed(staged.case, hosts) == []
    copied = WAY.copy(task, restored)

    assert restored.lines == ["main-db: restore (attached)"]
    assert (copied.mode, copied.engine) == ("staged-live", "mariadb")
    staged.move.legacy.sql("INSERT INTO leer (was) VALUES ('danach')")
    assert WAY.copy(task, Told()).mode == "staged-live"
    WAY.catch_up(task, Told(), within_seconds=10, timeout_seconds=60)
    assert stage.followed(staged.case, hosts) == ["main-db"]
    agree(staged, task)
    WAY.make_ready(task)
    WAY.turn(task, timeout_seconds=30)
    assert WAY.flow(task.turned()).state == "flowing"
    WAY.turn_back(task)
    assert WAY.end(task) == ()


def test_a_log_that_is_not_whole_lets_nothing_flow(staged: MariaStaged, hosts: Hosts) -> None:
    """Somebody purged legacy's log: told before anything is restored, and to whoever asks what is kept."""
    made = staged.out(hosts, live=True)
    staged.load(hosts, made.archive)
    staged.move.legacy.sql("FLUSH BINARY LOGS")
    (newest,) = staged.move.legacy.sql("SHOW MASTER STATUS")
    staged.move.legacy.sql(f"PURGE BINARY LOGS TO '{newest[0]}'")

    (kept,) = stage.kept_on_legacy(staged.case, hosts, made).values()

    assert kept == "keeps nothing any more: another archive is needed"
    with pytest.raises(TransferError, match="its log has no longer all that changed since 0-11-"):
        WAY.copy(staged.task(hosts), Told())
    assert staged.move.site.sql("SHOW TABLES") == []


def test_a_server_that_was_started_anew_is_told_with_its_limit(staged: MariaStaged, hosts: Hosts) -> None:
    """A restart brings the limit back by which legacy removes its log; as long as it is whole, it flows."""
    made = staged.out(hosts, live=True)
    staged.load(hosts, made.archive)
    staged.move.legacy.sql("SET GLOBAL expire_logs_days = 3")  # as the server's configuration would
    (kept,) = stage.kept_on_legacy(staged.case, hosts, made).values()
    assert "(expire_logs_days is 3); set that to 0 there" in kept
    task = staged.task(hosts)
    WAY.copy(task, Told())
    agree(staged, task)


def test_a_schema_that_changed_meanwhile_is_told_with_both_definitions(
    staged: MariaStaged, hosts: Hosts
) -> None:
    """Nothing is restored that could not be compared; the column that was added is shown."""
    made = staged.out(hosts, live=True)
    staged.load(hosts, made.archive)
    staged.move.legacy.sql("ALTER TABLE leer ADD COLUMN dazu int")
    try:
        with pytest.raises(
            TransferError, match=r"(?s)changed since the archive was made: table leer.*`dazu`"
        ):
            WAY.copy(staged.task(hosts), Told())
    finally:
        staged.move.legacy.sql("ALTER TABLE leer DROP COLUMN dazu")
    assert staged.move.site.sql("SHOW TABLES") == []


def test_an_archive_without_what_changes_is_refused(staged: MariaStaged, hosts: Hosts) -> None:
    """Made by hand without --live it can be loaded, and no move begins with it: legacy kept nothing."""
    made = staged.out(hosts)
    staged.load(hosts, made.archive)
    assert staged.move.legacy.sql("SELECT @@GLOBAL.expire_logs_days") == [["7.000000"]]
    with pytest.raises(TransferError, match="was made without --live"):
        WAY.copy(staged.task(hosts), Told())


def act(name: str, ctx: StepContext, **params: Any) -> dict[str, Any]:
    return known_steps()[name].act(StepContext(ctx.case, ctx.hosts, Told(), ctx.attempt, params))


def test_the_steps_of_a_playbook_carry_it_with_legacy_at_work(staged: MariaStaged) -> None:
    """Carried, loaded, placed, followed, compared row by row, frozen, turned; and all of it taken back."""
    before = staged.move.legacy.sql(STATE)
    with staged.hosts() as hosts:
        ctx = staged.context(hosts, "replication-1")
        try:
            with pytest.raises(Waiting) as waiting:
                act("carry-archive", ctx)
            (archive,) = (desk.archive for desk in stage.desks(ctx.case) if desk.begun.attempt == ctx.attempt)
            assert f"--archive {archive}, once it has arrived" in waiting.value.next_step
            staged.load(hosts, archive)
            staged.move.legacy.sql("INSERT INTO leer (was) VALUES ('unterwegs')")
            (staged.documents / "unterwegs.txt").write_text("unterwegs")
            assert act("carry-archive", ctx)["placed"]["documents"] > 60
            for name, params in BESIDE_WORK:
                act(name, ctx, **params)
            staged.move.legacy.sql("INSERT INTO leer (was) VALUES ('kurz davor')")
            results = {name: act(name, ctx, **params) for name, params in SWITCH}

            assert results["carry-changes"] == {"archive": None}
            here, there = (
                server.sql("SELECT COUNT(*) FROM leer") for server in (staged.move.legacy, staged.move.site)
            )
            assert here == there
            assert act("arm-way-back", ctx)["main-db"]["round_trip_seconds"] > 0
            staged.move.site.sql("INSERT INTO leer (was) VALUES ('auf dem neuen')")
            assert wait_until(
                lambda: (
                    staged.move.legacy.sql("SELECT COUNT(*) FROM leer WHERE was = 'auf dem neuen'") == [["1"]]
                ),
                deadline_seconds=20,
            )
            known_steps()["arm-way-back"].undo(ctx)  # type: ignore[misc]  # it has one
        finally:
            unfreeze(ctx, "the test is over")
            said = act("abandon-replication", ctx)["still_hold_data"]
            hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)
    assert any(archive in line for line in said)
    assert staged.move.legacy.sql(STATE) == before
    assert not (staged.move.site.host.folder / ".bascule/staged/alpenblick").exists()
