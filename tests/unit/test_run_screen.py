"""What a run shows of a long step."""

import io

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
