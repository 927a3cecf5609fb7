"""An armed way back, watched night after night on two real hosts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from migrate import watching
from migrate.errors import Refused
from migrate.freeze import unfreeze
from migrate.step import StepContext, known_steps
from migrate.waiting import wait_until
from tests.support.moves import Move, a_move

STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("start-replication", {}),
    ("copy-files", {"pass": "base"}),
    ("compare-live", {}),
    ("catch-up", {}),
    ("copy-files", {"pass": "ready"}),
    ("freeze-legacy", {}),
    ("final-sync", {}),
    ("compare-content", {}),
    ("arm-way-back", {}),
)


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("watch")) as move:
        move.legacy.psql(
            "besa",
            "CREATE TABLE resident (id int PRIMARY KEY, name text);"
            "INSERT INTO resident SELECT n, 'r' || n FROM generate_series(1, 500) n;"
            # As it will be set back to: an end that is never is told from none.
            "ALTER ROLE postgres VALID UNTIL 'infinity';",
        )
        yield move


@pytest.fixture
def armed(move: Move) -> Iterator[StepContext]:
    """A tenant that works on its site, with changes flowing back to a legacy that is fenced."""
    with move.hosts() as hosts:
        ctx = move.context(hosts)
        for name, params in STEPS:
            known_steps()[name].act(replace(ctx, params=params))
        known_steps()["let-go"].act(ctx)
        for name in ("freeze-legacy", "arm-way-back", "open-door"):
            ctx.case.journal.append("done", name, result={})
        yield ctx
        ctx.case.journal.append("door", "alpenblick-prod", state="closed")
        unfreeze(ctx, "the test is over")
        known_steps()["abandon-replication"].act(ctx)
        hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)


def test_watched_no_log_piles_up_and_trouble_is_named(move: Move, armed: StepContext) -> None:
    """A look compares what was written since; by the next one its log is gone. It names what differs."""
    with move.site.connect("besa") as site:
        site.execute("INSERT INTO resident SELECT n, repeat('x', 500) FROM generate_series(1000, 9000) n")

    with move.legacy.connect("besa") as legacy:
        everything = "SELECT count(*) FROM resident"
        assert wait_until(lambda: legacy.execute(everything).fetchall() == [(8501,)], deadline_seconds=20)

    first = watching.watch(armed)

    assert first.rows == 8501
    assert (first.different, first.runs_out) == ((), ())
    kept = {one.side: one for one in first.kept}
    assert kept["site"].before_bytes > 4_000_000

    for side in (move.site, move.legacy):
        side.psql("postgres", "CHECKPOINT")
    with move.site.connect("besa") as site:
        site.execute("UPDATE resident SET name = 'again' WHERE id = 7")
    with move.legacy.connect("besa") as legacy:
        arrived = "SELECT count(*) FROM resident WHERE name = 'again'"
        assert wait_until(lambda: legacy.execute(arrived).fetchall() == [(1,)], deadline_seconds=20)
        legacy.execute("SET default_transaction_read_only = off")
        legacy.execute("SET session_replication_role = replica")
        legacy.execute("UPDATE resident SET name = 'by hand' WHERE id = 8")

    second = watching.watch(armed)

    assert all(one.after_bytes < 1_000_000 for one in second.kept), second.kept
    assert second.different == ("public.resident",)
    assert second.runs_out == ("public.resident differs between legacy and the site",)


def test_a_login_of_legacy_that_ends_before_the_next_night_is_named(move: Move, armed: StepContext) -> None:
    """Without it nobody could make legacy writable again, however well changes flow back."""
    expires = "DO $$ BEGIN EXECUTE format('ALTER ROLE postgres VALID UNTIL %L', now() + '20 hours'); END $$"
    move.legacy.psql("postgres", expires)
    try:
        (why,) = watching.watch(armed).runs_out
    finally:
        move.legacy.psql("postgres", "ALTER ROLE postgres VALID UNTIL 'infinity'")
    assert why.startswith("besa on server: the password of postgres expires at ")
    assert watching.watch(armed).runs_out == ()


def test_without_a_way_back_there_is_nothing_to_watch(move: Move) -> None:
    """Before going live the command is refused by name of the tenant."""
    with move.hosts() as hosts:
        ctx = move.context(hosts)
        ctx.case.journal.path.unlink(missing_ok=True)
        with pytest.raises(Refused, match="alpenblick has no way back armed"):
            watching.watch(ctx)
