"""Assessing the volumes of a real legacy server: sizes, growth, bursts of log, rows beyond measure."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from migrate.assess import database as measuring
from migrate.assess.findings import replication
from migrate.case import Case
from tests.support.assessing import assessed, found, make_quick
from tests.support.moves import Move, a_move


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("volumes")) as started:
        started.legacy.psql(
            started.dbname,
            'CREATE TABLE t (id int PRIMARY KEY, name text COLLATE "de-x-icu");'
            "INSERT INTO t SELECT n, 'name ' || n FROM generate_series(1, 5000) n;"
            "CREATE TABLE doppelt (id int); INSERT INTO doppelt VALUES (1), (1);"
            "CREATE EXTENSION pg_trgm; ANALYZE",
        )
        yield started


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def test_server_that_can_replicate_is_moved_live(move: Move) -> None:
    """With its reason, the stop in seconds, and the copy before it."""
    assessment = assessed(move)
    (database,) = assessment.databases
    assert (assessment.mode, database.mode, database.live_obstacles) == ("live", "live", ())
    assert 3 <= assessment.estimate.low_seconds <= assessment.estimate.high_seconds < 15
    assert assessment.before_stop.high_seconds > 0
    assert database.wal_disk is not None
    assert database.wal_disk.free_bytes > 0
    assert database.wal_disk.path.startswith(str(move.base)[:4])
    assert [index.name for index in database.indexes] == ["t_pkey"]
    assert database.server.user == "postgres"


def test_row_beyond_what_a_text_can_hold_is_found(move: Move) -> None:
    """One that cannot even be read as text is a finding, not the end of the assessment."""
    move.legacy.psql(
        move.dbname,
        "CREATE TABLE gross (b bytea); INSERT INTO gross VALUES (convert_to(repeat('x', 540000000), 'UTF8'))",
    )
    try:
        finding = found(move)["row-very-large"]
    finally:
        move.legacy.psql(move.dbname, "DROP TABLE gross")
    assert finding.what == "a row of 1.1 GB among those that were read"


def test_growth_is_told_from_what_is_known(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the server's own statistics, once they reach back; better from the assessment before."""
    move.legacy.psql(move.dbname, "SELECT pg_stat_reset()")
    assert assessed(move).databases[0].growth is None
    monkeypatch.setattr(measuring, "GROWTH_DAYS", 0.0)
    first = assessed(move)
    assert first.databases[0].growth is not None
    assert first.databases[0].growth.rests_on.startswith("rows added less rows deleted in the 0 days")

    was = first.databases[0]
    smaller = was.server.model_copy(update={"bytes": was.server.bytes - 10_000_000})
    before = first.model_copy(
        update={
            "measured_at": first.measured_at - timedelta(days=10),
            "databases": (was.model_copy(update={"server": smaller}),),
        }
    )
    with move.hosts() as hosts:
        Case(hosts.workspace, move.manifest).write_evidence("assessment", before)
    growth = assessed(move).databases[0].growth
    assert growth is not None
    assert growth.rests_on == "its size 10 days ago, at the assessment before"
    assert 900_000 < growth.bytes_per_day < 1_200_000


def test_bursts_of_log_are_told(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three segments written within a minute are seen as that, from the files of the log alone."""
    segment = 16 * 1024 * 1024
    with move.legacy.connect(move.dbname) as session:
        for _ in range(3):
            session.execute("INSERT INTO doppelt VALUES (3)")
            session.execute("SELECT pg_switch_wal()")
    (database,) = assessed(move).databases
    assert database.wal_history is not None
    assert 3 * segment <= database.wal_history.burst_bytes <= database.wal_history.bytes
    monkeypatch.setattr(replication, "BURST_BYTES", 3 * segment)
    assert "of log within one minute of the last " in found(move)["batch-job-recent"].what
