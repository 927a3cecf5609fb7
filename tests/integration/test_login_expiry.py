"""A login of legacy that would expire while it is needed: refused before anything is held or frozen."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate.errors import Refused
from migrate.schedule import Schedule
from migrate.step import StepContext, known_steps
from tests.support.crossing import a_crossing
from tests.support.mariadb_hosts import ADMIN
from tests.support.moves import Move, Told, a_move


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("expiry")) as move:
        yield move


def in_the_window(ctx: StepContext, closes_in: timedelta) -> StepContext:
    now = datetime.now(UTC)
    ctx.case.write_evidence(
        "schedule",
        Schedule(
            opens_at=now - timedelta(hours=1),
            closes_at=now + closes_in,
            time_zone="Europe/Zurich",
            site_name="alpenblick.care.example",
            on_weekend=True,
            agreed_at=now - timedelta(days=1),
            agreed_with="anna.kaeser@alpenblick.example",
            estimate_high_seconds=60,
        ),
    )
    return ctx


def valid_for(move: Move, span: str) -> None:
    """Have the password of legacy's own login end so long from now, by its server's clock."""
    until = "'infinity'" if span == "infinity" else f"(now() + interval '{span}')"
    move.legacy.psql(
        "postgres",
        f"DO $$ BEGIN EXECUTE format('ALTER ROLE postgres VALID UNTIL %L', {until}::timestamptz); END $$",
    )


@pytest.fixture
def ctx(move: Move) -> Iterator[StepContext]:
    with move.hosts() as hosts:
        yield in_the_window(move.context(hosts), timedelta(hours=5))
    valid_for(move, "infinity")


def check_window(ctx: StepContext) -> list[str]:
    """What the first step of the cutover says."""
    known_steps()["check-window"].act(ctx)
    assert isinstance(ctx.progress, Told)
    return ctx.progress.lines


def test_a_login_that_expires_before_the_window_closes_bars_the_freeze(move: Move, ctx: StepContext) -> None:
    """Named with its moment and the statement that lengthens it; lengthened, the move may begin."""
    valid_for(move, "4 hours")

    with pytest.raises(Refused) as told:
        check_window(ctx)

    assert re.search(
        r"\n  besa on server: the password of postgres expires at 20\d\d-\d\d-\d\d \d\d:\d\d UTC$",
        told.value.what,
    )
    assert told.value.state == "Nothing began: no interface was held, nothing was frozen."
    assert told.value.next_step == (
        'ALTER ROLE "postgres" VALID UNTIL a day well after the move; then fab run --tenant alpenblick'
    )
    valid_for(move, "infinity")
    assert check_window(ctx) == []


def test_a_login_that_expires_while_one_may_go_back_is_said(move: Move, ctx: StepContext) -> None:
    """It lasts for the move and not for the days after it, in which legacy may have to be opened again."""
    valid_for(move, "6 hours")
    (line,) = check_window(ctx)
    assert line.startswith("besa on server: the password of postgres expires at ")
    assert "while one may still go back" in line
    valid_for(move, "9 days")
    assert check_window(ctx)[1:] == []


def test_a_rollback_whose_login_ends_in_its_course_is_refused(move: Move, ctx: StepContext) -> None:
    """Whoever goes back logs in at legacy until it is done."""
    valid_for(move, "10 minutes")
    with pytest.raises(Refused, match="does not last until the way back is over") as told:
        known_steps()["check-way-back"].act(ctx)
    assert told.value.next_step.endswith("then fab rollback --tenant alpenblick")


def test_a_mariadb_account_that_expires_bars_the_freeze(tmp_path: Path) -> None:
    """The other engine counts days since the password was set; its own never is well."""
    with a_crossing(tmp_path) as (move, server), move.hosts() as hosts:
        # The host logs in as well, and the playbook's window is a day off.
        ctx = in_the_window(move.context(hosts), timedelta(days=2))
        assert check_window(ctx) == []
        server.sql(f"ALTER USER {ADMIN}@'%' PASSWORD EXPIRE INTERVAL 1 DAY")
        with pytest.raises(Refused, match=f"the password of {ADMIN} expires at") as told:
            check_window(ctx)
        assert told.value.next_step.startswith(f"ALTER USER {ADMIN} PASSWORD EXPIRE NEVER")
        server.sql(f"ALTER USER {ADMIN}@'%' PASSWORD EXPIRE NEVER")
        assert check_window(ctx) == []
