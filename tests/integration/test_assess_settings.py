"""Assessing a real legacy server whose settings stand in the way, in force or waiting for a restart."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from migrate.assess import measure
from migrate.case import Case
from migrate.waiting import wait_until
from tests.support.assessing import assessed, found, make_quick
from tests.support.moves import Move, Told, a_move


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("settings")) as started:
        started.legacy.psql(started.dbname, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        yield started


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


@contextmanager
def altered(move: Move, *settings: str) -> Iterator[None]:
    """Settings of the legacy server, in force after a restart; taken back with another."""
    for setting in settings:
        move.legacy.psql("postgres", f"ALTER SYSTEM SET {setting}")
    move.legacy.stop_postgres()
    move.legacy.start_postgres()
    try:
        yield
    finally:
        move.legacy.psql("postgres", "ALTER SYSTEM RESET ALL")
        move.legacy.stop_postgres()
        move.legacy.start_postgres()


def test_server_that_cannot_replicate_gets_bulk(move: Move) -> None:
    """wal_level, slots and senders are looked at as they are after a restart; nothing else is wrong."""
    with altered(move, "wal_level = replica", "max_replication_slots = 1", "max_wal_senders = 1"):
        assessment = assessed(move)
    by_id = {finding.id for finding in assessment.findings}
    assert {"wal-level-not-logical", "slots-used-up", "wal-senders-used-up"} <= by_id
    assert assessment.mode == "bulk"
    assert len(assessment.databases[0].live_obstacles) == 3
    assert "wal_level is replica; changing it needs a restart" in assessment.mode_because
    assert assessment.estimate.low_seconds >= 15
    assert not assessment.blockers


def test_trouble_of_the_server_is_found(move: Move) -> None:
    """Archiving that fails, few locks, a standby that commits wait for, settings before their restart."""
    settings = ("archive_mode = on", "archive_command = 'false'", "max_locks_per_transaction = 10")
    with altered(move, *settings, "max_connections = 20", "max_prepared_transactions = 0"):
        with move.legacy.connect("postgres") as session:
            session.execute("SELECT pg_switch_wal()")
            failed = "SELECT last_failed_time IS NOT NULL FROM pg_stat_archiver"
            assert wait_until(lambda: session.execute(failed).fetchone() == (True,), deadline_seconds=30)
        move.legacy.psql(
            move.dbname,
            "DO $$ BEGIN FOR n IN 1..200 LOOP EXECUTE 'CREATE SEQUENCE s' || n; END LOOP; END $$;"
            "ALTER SYSTEM SET wal_level = minimal; ALTER SYSTEM SET synchronous_commit = local;"
            "ALTER SYSTEM SET synchronous_standby_names = 'second';"
            "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'; SELECT pg_reload_conf();"
            f"ALTER DATABASE {move.dbname} SET default_transaction_read_only = on",
        )
        try:
            assert wait_until(lambda: "settings-wait-for-restart" in found(move), deadline_seconds=30)
            every = found(move)
        finally:
            move.legacy.psql(
                "postgres",
                "SET synchronous_commit = local;"
                f"ALTER DATABASE {move.dbname} RESET default_transaction_read_only",
            )
            move.legacy.psql(
                move.dbname,
                "DO $$ BEGIN FOR n IN 1..200 LOOP EXECUTE 'DROP SEQUENCE s' || n; END LOOP; END $$",
            )
    assert every["settings-wait-for-restart"].what == "settings that a restart would change (1): wal_level"
    assert every["commits-wait-for-standbys"].what == "synchronous_standby_names: second"
    assert every["slot-wal-limit-small"].what.startswith("a slot keeps 1.0 MB of log at most; ")
    assert {"archiving-fails", "locks-few", "source-read-only"} <= every.keys()


def test_standby_is_a_blocker_that_nobody_waives(move: Move) -> None:
    """And its log is not asked for what a standby cannot tell."""
    signal = move.legacy.folder / "pg" / "standby.signal"
    move.legacy.stop_postgres()
    signal.touch()
    move.legacy.start_postgres()
    try:
        finding = found(move)["server-is-standby"]
    finally:
        move.legacy.stop_postgres()
        signal.unlink()
        move.legacy.start_postgres()
    assert (finding.severity, finding.waivable) == ("blocker", False)


def test_mode_that_cannot_be_is_a_blocker(move: Move) -> None:
    """The manifest asks for live, and the source cannot: told before anybody signs anything."""
    asked = move.manifest.model_copy(update={"mode": "live"})
    with altered(move, "wal_level = replica"), move.hosts() as hosts:
        assessment = measure(Case(hosts.workspace, asked), hosts, Told())
    (blocker,) = assessment.blockers
    assert blocker.id == "mode-impossible"
    assert blocker.what == "live is asked for, but wal_level is replica; changing it needs a restart"
    with move.hosts() as hosts:
        bulk = move.manifest.model_copy(update={"mode": "bulk"})
        assessment = measure(Case(hosts.workspace, bulk), hosts, Told())
    assert assessment.mode == "bulk"
    assert "mode-forced" in {finding.id for finding in assessment.findings}
