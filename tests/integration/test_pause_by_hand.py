"""Pause and resume by hand, on two real hosts: databases and files, beside a run and between runs."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from migrate import pausing
from migrate.errors import Refused, Waiting
from migrate.files import base_pass, forget, trees
from migrate.moving import moving_now
from migrate.step import StepContext, known_steps
from migrate.waiting import wait_until
from tests.support.live_copy import LIVE, Meanwhile, let_go, settled_differences, standing_still_at, task
from tests.support.moves import Move, Told, a_move

SCHEMA = """
CREATE TABLE kunde (id int PRIMARY KEY, name text);
INSERT INTO kunde SELECT n, 'k' || n FROM generate_series(1, 200) n;
"""
FROZEN = "legacy of alpenblick is frozen"


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("pause")) as move:
        move.legacy.psql("besa", SCHEMA)
        yield move


@pytest.fixture
def ctx(move: Move) -> Iterator[StepContext]:
    with move.hosts() as hosts:
        ctx = move.context(hosts)
        yield ctx
        LIVE.empty(task(move, hosts))
        for tree in trees(hosts):
            forget(tree)
        ctx.case.journal.path.unlink(missing_ok=True)


def act(name: str, ctx: StepContext, **params: Any) -> dict[str, Any]:
    return known_steps()[name].act(StepContext(ctx.case, ctx.hosts, ctx.progress, ctx.attempt, params))


def keys(move: Move) -> list[Any]:
    with move.site.connect("besa") as site:
        return site.execute("SELECT id FROM kunde WHERE id > 200").fetchall()


def test_a_paused_flow_lets_nothing_begin_and_goes_on_where_it_stood(move: Move, ctx: StepContext) -> None:
    """Every step up to the freeze says who paused, when, why and what to type; resumed, it flows."""
    work = task(move, ctx.hosts)
    LIVE.copy(work, ctx.progress)

    assert pausing.pause(ctx, "Monats-\nabschluss") == ["main-db"]
    first = pausing.paused(ctx.case.journal)
    assert pausing.pause(ctx, "Monats- abschluss") == ["main-db"]

    held = pausing.paused(ctx.case.journal)
    assert held is not None
    assert held == first, "the second time it is still the pause of the first"
    assert str(held).startswith("paused by ")
    assert str(held).endswith(" UTC: Monats- abschluss")
    assert "Monats- abschluss (by " in LIVE.flow(work).says
    move.legacy.psql("besa", "INSERT INTO kunde VALUES (901, 'meanwhile')")
    for step in ("check-window", "catch-up", "copy-files", "compare-live", "freeze-legacy"):
        with pytest.raises(Waiting, match="Monats- abschluss") as waits:
            # The journal decides: neither host is asked, nor changed.
            act(step, ctx)
        assert waits.value.next_step == "fab resume --tenant alpenblick; then fab run --tenant alpenblick"
    assert keys(move) == []

    assert pausing.resume(ctx)
    assert not pausing.resume(ctx)

    assert wait_until(lambda: keys(move) == [(901,)], deadline_seconds=20)
    assert LIVE.flow(work).says == ""
    move.legacy.psql("besa", "DELETE FROM kunde WHERE id = 901")


def test_a_copy_waits_beside_its_run(move: Move, ctx: StepContext) -> None:
    """Another operator has a running copy wait; its own progress says who and why, and it ends whole."""
    work = task(move, ctx.hosts)

    def pause_first() -> bool:
        if not any("paused: Mittag (by " in line for line in told.lines):
            with move.hosts() as hosts:
                assert pausing.pause(move.context(hosts), "Mittag") == ["main-db"]
            return False
        return True

    def resume_it() -> None:
        with move.hosts() as hosts:
            assert pausing.resume(move.context(hosts))
        let_go(move)

    def look_and_resume() -> None:
        with move.hosts() as hosts:
            shown.extend(moving_now(move.context(hosts)))
        resume_it()

    shown: list[str] = []
    with standing_still_at(move, "public.kunde"):
        told = Meanwhile(look_and_resume, pause_first)
        LIVE.copy(work, told)
    assert settled_differences(work) == []
    assert shown[0].startswith("main-db: copying (paused: Mittag (by ")


def test_files_wait_beside_their_run(move: Move, ctx: StepContext) -> None:
    """A running pass over files stands still, says who and why, and ends whole once it is resumed."""
    large = move.legacy.folder / "documents" / "large.bin"
    large.write_bytes(os.urandom(24 * 1024**2))
    (tree,) = trees(ctx.hosts)
    told = Told()
    with ThreadPoolExecutor(1) as run, move.hosts() as hosts:
        running = run.submit(base_pass, tree, "realisation-1", told, limit_kib=8192)
        assert wait_until(lambda: tree.pull.look().state == "running", deadline_seconds=40)
        operator = move.context(hosts)
        assert pausing.pause(operator, "the backup runs") == ["documents"]
        says = "documents: paused: the backup runs (by "
        assert wait_until(lambda: any(says in line for line in told.lines), deadline_seconds=20)
        assert not running.done()
        assert pausing.resume(operator)
        running.result()
    assert "documents: goes on" in told.lines
    assert (move.site.folder / "files" / "large.bin").read_bytes() == large.read_bytes()


def test_nothing_that_moves_cannot_wait(ctx: StepContext) -> None:
    """With nothing begun a pause is refused, and nobody is told of one; resuming says that nobody waited."""
    with pytest.raises(Refused, match="nothing of alpenblick moves"):
        pausing.pause(ctx, "why not")
    assert pausing.paused(ctx.case.journal) is None
    assert not pausing.resume(ctx)


@pytest.mark.parametrize("kind", ["intent", "done"])
def test_in_the_freeze_nothing_waits(move: Move, ctx: StepContext, kind: str) -> None:
    """From the intent to freeze on a pause is refused, and changes go on flowing."""
    work = task(move, ctx.hosts)
    LIVE.copy(work, ctx.progress)
    ctx.case.journal.append(kind, "freeze-legacy")

    with pytest.raises(Refused, match=FROZEN):
        pausing.pause(ctx, "stop!")

    assert LIVE.flow(work).state == "flowing"


def test_a_freeze_that_begins_meanwhile_wins(
    move: Move, ctx: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause during which the freeze begins takes itself back: the flow flows, and nobody has it wait."""
    work = task(move, ctx.hosts)
    LIVE.copy(work, ctx.progress)
    hold = type(LIVE).pause

    def hold_while_somebody_freezes(self: Any, held: Any, why: str) -> None:
        hold(self, held, why)
        ctx.case.journal.append("intent", "freeze-legacy")

    monkeypatch.setattr(type(LIVE), "pause", hold_while_somebody_freezes)
    with pytest.raises(Refused, match=FROZEN):
        pausing.pause(ctx, "too late")

    assert LIVE.flow(work).state == "flowing"
    assert pausing.paused(ctx.case.journal) is None


def test_an_abandoned_move_holds_nobody_up(move: Move, ctx: StepContext) -> None:
    """Taken back while it waits, the next move of the tenant does not wait."""
    LIVE.copy(task(move, ctx.hosts), ctx.progress)
    pausing.pause(ctx, "for good")

    act("abandon-replication", ctx)

    assert pausing.paused(ctx.case.journal) is None
