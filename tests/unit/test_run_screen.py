"""What a run shows of a long step."""

import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from migrate import progress
from migrate.progress import PlainScreen, TerminalScreen


class Clock:
    """Stands still until it is moved."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_log_gets_whole_lines_at_a_fair_pace(clock: Clock) -> None:
    """Rate and time left, one line every few seconds at most, and a last one with the whole."""
    log = io.StringIO()
    screen = progress.screen(log)
    assert isinstance(screen, PlainScreen)
    screen.start("copy assessments", 200e6, "bytes")
    for second in range(1, 11):
        clock.now += 1
        screen.advance_to(second * 10e6)
    screen.advance_to(200e6)
    screen.finish()
    screen.finish()
    assert log.getvalue() == (
        "  copy assessments: 50.0 MB of 200.0 MB, 10.0 MB/s, 15 s left\n"
        "  copy assessments: 100.0 MB of 200.0 MB, 10.0 MB/s, 10 s left\n"
        "  copy assessments: 200.0 MB of 200.0 MB, 20.0 MB/s\n"
    )


def test_a_total_may_be_unknown_and_a_time_long(clock: Clock) -> None:
    """Without a total there is a rate alone; minutes and hours are said as such."""
    pace = progress.Pace(None, "files")
    pace.done = 1234
    clock.now += 10
    assert str(pace) == "1 234 files, 123 files/s"
    slow = progress.Pace(100_000, "rows")
    clock.now += 10
    slow.done = 10
    assert str(slow).endswith("27 h 46 min left")
    slow.done = 5000
    assert str(slow).endswith("3 min 10 s left")


def test_a_terminal_shows_one_bar_under_the_lines() -> None:
    """The bar names what is done and how fast; lines said meanwhile stand above it, as they are."""
    stream = io.StringIO()
    screen = TerminalScreen(stream)
    screen._console = Console(file=stream, force_terminal=True, width=120, highlight=False)
    screen.start("copy files", 100, "files")
    screen.advance_to(100)
    screen.say("[legacy] read-only")
    screen.finish()
    shown = stream.getvalue()
    assert "copy files" in shown
    assert "100 files of 100 files" in shown
    assert "[legacy] read-only" in shown


def test_several_things_go_on_at_once(clock: Clock) -> None:
    """Each lane has its own line with what holds it up, beside the step's own."""
    log = io.StringIO()
    screen = PlainScreen(log)
    screen.start("base copy", 200e6, "bytes")
    screen.lane("besa.note", 0, 100e6)
    clock.now += 10
    screen.lane("besa.note", 50e6, 100e6, says="legacy answers slowly: 80 ms")
    screen.advance_to(100e6)
    screen.finish()
    assert log.getvalue().splitlines()[:2] == [
        "  besa.note: 50.0 MB of 100.0 MB, 5.0 MB/s, 10 s left (legacy answers slowly: 80 ms)",
        "  base copy: 100.0 MB of 200.0 MB, 10.0 MB/s, 10 s left",
    ]


def stopped(seconds: float) -> progress.Clock:
    since = datetime.now(UTC) - timedelta(seconds=seconds)
    return progress.Clock(since, predicted_low=3, predicted_high=8, limit=30)


def test_the_clock_runs_against_prediction_and_limit() -> None:
    """From the freeze on every step's end says how long the tenant has been stopped."""
    log = io.StringIO()
    screen = PlainScreen(log)
    screen.finish()
    screen.clock(stopped(5))
    screen.finish()
    screen.clock(None)
    screen.finish()
    assert re.fullmatch(r"  stopped for 5\.\d s, predicted 3 to 8 s, limit 30 s\n", log.getvalue())
    assert (stopped(5).is_late, stopped(9).is_late) == (False, True)


def test_a_terminal_shows_the_clock_between_steps() -> None:
    """It stands under the bars while a step is at work, and alone between two."""
    stream = io.StringIO()
    screen = TerminalScreen(stream)
    screen._console = Console(file=stream, force_terminal=True, width=120, highlight=False)
    screen.clock(stopped(9))
    screen.start("final sync", None, "rows")
    screen.lane("files", 3, 10, "files")
    screen.say("drained")
    screen.finish()
    screen.clock(None)
    shown = stream.getvalue()
    assert re.search(r"stopped for 9\.\d s, predicted 3 to 8 s, limit 30 s", shown)
    assert "3 files of 10 files" in shown
    assert "drained" in shown


def test_a_program_gets_one_object_a_line(clock: Clock) -> None:
    """Progress with rate and seconds left, lines said, the stop and its end."""
    log = io.StringIO()
    screen = progress.screen(log, as_json=True)
    screen.start("base copy", 100, "bytes")
    clock.now += 10
    screen.advance_to(50)
    screen.say("done")
    screen.clock(stopped(5))
    screen.clock(None)
    first, second, third, fourth = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (first["event"], first["what"], first["per_second"], first["seconds_left"]) == (
        *("progress", "base copy"),
        *(5.0, 10.0),
    )
    assert (second["event"], second["line"]) == ("said", "done")
    assert (third["event"], third["limit"]) == ("stopped", 30)
    assert (fourth["event"], round(fourth["seconds"])) == ("going", 5)
