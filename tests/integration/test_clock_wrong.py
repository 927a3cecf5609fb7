"""Legacy's clock is an hour off, or set back in the freeze: the move goes on, and nobody is forgotten."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from migrate.databases import Database
from migrate.fence import FENCES
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import end, let_go
from migrate.transfer.postgresql_live.turn import prepare_turn, turn
from tests.support.assessing import found, make_quick
from tests.support.live import LiveMove, a_live_move, begin
from tests.support.wrong_clock import wrong_clock

FENCE = FENCES["postgresql"]
ROWS = "SELECT id FROM keyed ORDER BY 1"
IS_READ_ONLY = "SHOW default_transaction_read_only"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMove]:
    schema = "CREATE TABLE keyed (id int PRIMARY KEY); CREATE TABLE seen_by (id int);"
    with a_live_move(tmp_path_factory.mktemp("clock"), schema, begun=False) as live:
        yield live


def turn_round(task: Task) -> None:
    prepare_turn(task)
    drain(task, timeout_seconds=20)
    turn(task, timeout_seconds=20)


def besa(live: LiveMove) -> Database:
    source: Database = live.task.source
    return source


def lift_alone(database: Database, folder: Path) -> None:
    """As legacy's own host does, without Bascule."""
    for name, content in FENCE.lift_files("main-db", database).items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(content)
    subprocess.run(["sh", "./restore-main-db.sh"], cwd=folder, check=True)


@pytest.mark.parametrize("hours", [1, -1])
def test_there_and_back_with_a_clock_an_hour_off(
    live: LiveMove, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before; then every row arrives both ways, and the fence holds and is lifted."""
    make_quick(monkeypatch)
    with wrong_clock(live.legacy, hours):
        said = found(live.move)["clock-differs"].what
        assert said == f"its clock is 3,600 s {'ahead of' if hours > 0 else 'behind'} this machine's"
        begin(live.task)
        try:
            live.do(live.legacy, "INSERT INTO keyed VALUES (1)")
            frozen = FENCE.fence(besa(live), name="main-db", within_seconds=30)
            assert abs(frozen.frozen_at.timestamp() - time.time()) < 60
            turn_round(live.task)
            live.do(live.site, "INSERT INTO keyed VALUES (2)")
            assert live.arrives(live.legacy, ROWS, [(1,), (2,)])
            let_go(live.task)
            turn_round(live.task.turned())
            let_go(live.task.turned())
            FENCE.lift(besa(live))
            live.do(live.legacy, "INSERT INTO keyed VALUES (3)")
            assert live.arrives(live.site, ROWS, [(1,), (2,), (3,)])
        finally:
            FENCE.lift(besa(live))
            end(live.task)
            for host in (live.legacy, live.site):
                live.do(host, "TRUNCATE keyed")
    assert "clock-differs" not in found(live.move)


def test_set_back_before_the_freeze_every_session_ends(live: LiveMove) -> None:
    """One that began in what is the future now cannot write on under the fence."""
    with wrong_clock(live.legacy, 1) as set_clock, live.legacy.connect("besa") as old:
        set_clock(0)
        FENCE.fence(besa(live), name="main-db")
        try:
            with pytest.raises(psycopg.OperationalError):
                old.execute("INSERT INTO keyed VALUES (7)")
        finally:
            FENCE.lift(besa(live))
    assert live.rows(live.legacy, ROWS) == []


@pytest.mark.parametrize("by", ["bascule", "host"])
def test_set_back_in_the_freeze_nobody_stays_read_only(live: LiveMove, by: str, tmp_path: Path) -> None:
    """A session of the freeze would go on reading only: either lift ends it, whatever the clock says."""
    with wrong_clock(live.legacy, 1) as set_clock:
        FENCE.fence(besa(live), name="main-db")
        with live.legacy.connect("besa") as of_the_freeze:
            assert of_the_freeze.execute(IS_READ_ONLY.encode()).fetchone() == ("on",)
            set_clock(0)
            if by == "bascule":
                FENCE.lift(besa(live))
            else:
                lift_alone(besa(live), tmp_path)
            with pytest.raises(psycopg.OperationalError):
                of_the_freeze.execute("SELECT 1")
        assert live.rows(live.legacy, IS_READ_ONLY) == [("off",)]
