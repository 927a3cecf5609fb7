"""
What a person sees of a run: a bar with rate and time left on a terminal, plain lines elsewhere.

Promise: a log file gets whole lines only, at most one every few seconds per long step.
"""

import sys
import time
from typing import Protocol, TextIO

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from migrate.step import Progress

PLAIN_LINE_EVERY_SECONDS = 5.0


class Screen(Progress, Protocol):
    """A `Progress` that the run itself opens and closes."""

    def finish(self) -> None:
        """The long step that was started is over, well or not."""


def screen(stream: TextIO | None = None) -> Screen:
    """Return bars when `stream` (by default stderr's sibling stdout) is a terminal, else plain lines."""
    stream = stream or sys.stdout
    return TerminalScreen(stream) if stream.isatty() else PlainScreen(stream)


class Pace:
    """How fast something goes. Bytes are shown as bytes, everything else as it is called."""

    def __init__(self, total: float | None, unit: str) -> None:
        self.total, self.unit = total, unit
        self.done = 0.0
        self._began_at = time.monotonic()

    def __str__(self) -> str:
        elapsed = max(time.monotonic() - self._began_at, 1e-6)
        rate = self.done / elapsed
        of = f" of {self._amount(self.total)}" if self.total else ""
        said = f"{self._amount(self.done)}{of}, {self._amount(rate)}/s"
        if self.total and 0 < self.done < self.total:
            said += f", {_duration((self.total - self.done) / rate)} left"
        return said

    def _amount(self, count: float) -> str:
        if self.unit == "bytes":
            return decimal(int(count))
        return f"{count:,.0f}".replace(",", " ") + f" {self.unit}"


class PlainScreen:
    """Whole lines, for a log file or another program."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._what, self._pace, self._last_at = "", Pace(None, ""), 0.0

    def start(self, what: str, total: float | None, unit: str) -> None:
        self._what, self._pace, self._last_at = what, Pace(total, unit), time.monotonic()

    def advance_to(self, done: float) -> None:
        self._pace.done = done
        if time.monotonic() - self._last_at >= PLAIN_LINE_EVERY_SECONDS:
            self._last_at = time.monotonic()
            self.say(f"  {self._what}: {self._pace}")

    def say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def finish(self) -> None:
        if self._pace.done:
            self.say(f"  {self._what}: {self._pace}")
        self._pace = Pace(None, "")


class TerminalScreen:
    """One bar at a time under the lines said so far."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._bars: Bars | None = None
        self._task = TaskID(0)
        self._pace = Pace(None, "")

    def start(self, what: str, total: float | None, unit: str) -> None:
        self.finish()
        self._pace = Pace(total, unit)
        self._bars = Bars(
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._task = self._bars.add_task(what, total=total, pace="")
        self._bars.start()

    def advance_to(self, done: float) -> None:
        self._pace.done = done
        if self._bars is not None:
            self._bars.update(self._task, completed=done, pace=str(self._pace))

    def say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    def finish(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
