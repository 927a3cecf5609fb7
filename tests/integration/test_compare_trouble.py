"""A comparison that takes hours outlives kills, restarts and cut connections, and does not start over."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.compare import changes
from migrate.compare.frozen import standing_by
from migrate.compare.live import compare_live
from migrate.compare.verdict import BaseComparison
from tests.support.flowing import Flowing, flowing

SCHEMA = """
CREATE TABLE viele (id int PRIMARY KEY, was text);
INSERT INTO viele SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 40000) n;
"""


class Killed(BaseException):
    """As abrupt as a signal."""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flowing]:
    with flowing(tmp_path_factory.mktemp("trouble"), SCHEMA) as flow:
        yield flow


@pytest.fixture
def store(flow: Flowing, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "compare.sqlite"
    changes.end("alpenblick", "besa", flow.source, flow.target)


class Pace:
    """Do something before the n-th piece is read; count the pieces."""

    def __init__(self, at: int = 0, what: object = None) -> None:
        self.pieces = 0
        self._at, self._what = at, what

    def __call__(self) -> None:
        self.pieces += 1
        if self.pieces == self._at and callable(self._what):
            self._what()


def live(flow: Flowing, store: Path, pace: Pace) -> BaseComparison:
    return compare_live(
        "besa",
        flow.source,
        flow.target,
        tenant="alpenblick",
        store=store,
        pace=pace,
        workers=1,
        patience_seconds=20,
    )


def verdict(flow: Flowing, store: Path) -> bool:
    with standing_by(store, "besa", flow.source, flow.target) as standby:
        return standby.verdict(*flow.drain()).agrees


def kill() -> None:
    raise Killed


def test_one_look_before_the_fence_hides_nothing(flow: Flowing, store: Path) -> None:
    """Where the verdict is soon, a difference is not waited for: it stays open, and the verdict finds it."""
    assert live(flow, store, Pace()).agrees
    flow.tamper("UPDATE viele SET was = 'anders' WHERE id = 12")
    look = compare_live(
        "besa", flow.source, flow.target, tenant="alpenblick", store=store, patience_seconds=None
    )
    assert look.different == ()
    assert [table.name for table in look.tables if table.open_keys] == ["public.viele"]
    assert not verdict(flow, store)
    flow.tamper("UPDATE viele SET was = repeat(md5('12'), 20) WHERE id = 12")
    assert verdict(flow, store)


def test_trap_8_a_kill_loses_one_piece(flow: Flowing, store: Path) -> None:
    """Vitess 10495: what was compared before a kill is not compared again, and what changed since is."""
    whole = Pace()
    assert live(flow, store, whole).agrees
    changes.end("alpenblick", "besa", flow.source, flow.target)
    store.unlink()
    first, second = Pace(at=5, what=kill), Pace()
    with pytest.raises(Killed):
        live(flow, store, first)
    flow.write("UPDATE viele SET was = 'nach dem Abbruch' WHERE id IN (1, 40000)")
    base = live(flow, store, second)
    assert base.agrees
    # The piece that was not read, and the rows that changed; planning was done before.
    assert second.pieces == whole.pieces - (first.pieces - 1) + 1
    assert base.rows == 40000
    assert verdict(flow, store)


@pytest.mark.parametrize("side", ["legacy", "site"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["restart", "crash"])
def test_trap_8_a_server_that_goes_away_is_waited_for(
    flow: Flowing, store: Path, side: str, how: signal.Signals
) -> None:
    """Vitess 10618: a restarted source or target costs a repeated piece, not the comparison."""
    host = flow.legacy if side == "legacy" else flow.site

    def restart() -> None:
        host.stop_postgres(how)
        flow_back.append(host)

    flow_back: list[object] = []

    def again() -> None:
        restart()
        host.start_postgres()

    base = live(flow, store, Pace(at=3, what=again))
    assert flow_back
    assert base.retries >= 1
    assert base.agrees
    assert verdict(flow, store)


def test_the_source_is_asked_only_when_it_may_be(flow: Flowing, store: Path) -> None:
    """Every piece waits for the pace, so a source in trouble is left alone."""
    pace = Pace(at=1, what=kill)
    with pytest.raises(Killed):
        live(flow, store, pace)
    assert pace.pieces == 1


def test_a_dead_connection_does_not_hide_a_difference(flow: Flowing, store: Path) -> None:
    """A difference that lies in the very piece that was repeated is found."""
    flow.tamper("UPDATE viele SET was = 'anders' WHERE id = 12")

    def cut() -> None:
        flow.write(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'bascule' AND pid <> pg_backend_pid()"
        )

    base = compare_live(
        "besa",
        flow.source,
        flow.target,
        tenant="alpenblick",
        store=store,
        pace=Pace(2, cut),
        workers=1,
        patience_seconds=1,
    )
    assert [row.key for table in base.different for row in table.differing] == ["(12)"]
    assert base.retries >= 1
    flow.tamper("UPDATE viele SET was = repeat(md5('12'), 20) WHERE id = 12")


def test_a_record_that_fell_back_behind_its_slots_counts_for_nothing(flow: Flowing, store: Path) -> None:
    """A power cut takes back what was recorded last, after the slots had let go of it: all is read again."""
    whole = Pace()
    assert live(flow, store, whole).agrees
    before = store.read_bytes()
    flow.tamper("UPDATE viele SET was = 'anders' WHERE id = 77")
    assert not live(flow, store, Pace()).agrees

    store.write_bytes(before)
    again = Pace()

    assert [row.key for table in live(flow, store, again).different for row in table.differing] == ["(77)"]
    assert again.pieces >= whole.pieces
    flow.tamper("UPDATE viele SET was = repeat(md5(id::text), 20) WHERE id = 77")
