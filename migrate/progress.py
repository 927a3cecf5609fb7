"""
What a person sees of a run: bars with rate and time left on a terminal, plain lines elsewhere, or one
JSON object a line for a program.

Promise: a log file gets whole lines only, at most one every few seconds per thing that goes on. While
the tenant is stopped a clock runs, against what was predicted and against the limit.
"""

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from migrate.step import Progress

PLAIN_LINE_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Clock:
    """The tenant cannot work since then. Seconds; None where nothing was predicted, or nothing limits it."""

    since: datetime
    predicted_low: float | None = None
    predicted_high: float | None = None
    limit: float | None = None

    @property
    def seconds(self) -> float:
        return (datetime.now(UTC) - self.since).total_seconds()

    @property
    def is_late(self) -> bool:
        return self.predicted_high is not None and self.seconds > self.predicted_high

    def __str__(self) -> str:
        said = f"stopped for {self.seconds:.1f} s"
        if self.predicted_high is not None:
            low = f"{self.predicted_low:.0f} to " if self.predicted_low is not None else "at most "
            said += f", predicted {low}{self.predicted_high:.0f} s"
        return said + (f", limit {self.limit:.0f} s" if self.limit is not None else "")


class Screen(Progress, Protocol):
    """A `Progress` that the run itself opens and closes."""

    def finish(self) -> None:
        """The long step that was started is over, well or not."""

    def clock(self, clock: Clock | None) -> None:
        """The tenant is stopped from now on; None when it is so no longer."""


def screen(stream: TextIO | None = None, *, as_json: bool = False) -> Screen:
    """Return bars when `stream` (by default stdout) is a terminal, else plain lines, or JSON lines."""
    stream = stream or sys.stdout
    if as_json:
        return JsonScreen(stream)
    return TerminalScreen(stream) if stream.isatty() else PlainScreen(stream)


class Pace:
    """How fast something goes. Bytes are shown as bytes, everything else as it is called."""

    def __init__(self, total: float | None, unit: str) -> None:
        self.total, self.unit = total, unit
        self.done = 0.0
        self.says = ""
        self._began_at = time.monotonic()

    @property
    def rate(self) -> float:
        """A second, since it began."""
        return self.done / max(time.monotonic() - self._began_at, 1e-6)

    @property
    def seconds_left(self) -> float | None:
        if self.total and 0 < self.done < self.total:
            return (self.total - self.done) / self.rate
        return None

    def __str__(self) -> str:
        of = f" of {self._amount(self.total)}" if self.total else ""
        said = f"{self._amount(self.done)}{of}, {self._amount(self.rate)}/s"
        if (left := self.seconds_left) is not None:
            said += f", {_duration(left)} left"
        return said + (f" ({self.says})" if self.says else "")

    def _amount(self, count: float) -> str:
        if self.unit == "bytes":
            return decimal(int(count))
        return f"{count:,.0f}".replace(",", " ") + f" {self.unit}"


class _Paces:
    """The paces of what goes on at once, by name; the first is the step's own."""

    def __init__(self) -> None:
        self.own = ""
        self.every: dict[str, Pace] = {}

    def start(self, what: str, total: float | None, unit: str) -> None:
        self.own, self.every = what, {what: Pace(total, unit)}

    def own_to(self, done: float) -> Pace | None:
        if (pace := self.every.get(self.own)) is not None:
            pace.done = done
        return pace

    def lane_to(self, name: str, done: float, total: float | None, unit: str, says: str) -> Pace:
        pace = self.every.setdefault(name, Pace(total, unit))
        pace.done, pace.total, pace.says = done, total, says
        return pace


class PlainScreen:
    """Whole lines, for a log file or another program."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._paces = _Paces()
        self._last_at: dict[str, float] = {}
        self._clock: Clock | None = None

    def start(self, what: str, total: float | None, unit: str) -> None:
        self._paces.start(what, total, unit)
        self._last_at = {what: time.monotonic()}

    def advance_to(self, done: float) -> None:
        self._tell(self._paces.own, self._paces.own_to(done))

    def lane(
        self, name: str, done: float, total: float | None = None, unit: str = "bytes", says: str = ""
    ) -> None:
        self._tell(name, self._paces.lane_to(name, done, total, unit, says))

    def _tell(self, name: str, pace: Pace | None) -> None:
        now = time.monotonic()
        if pace and now - self._last_at.setdefault(name, now) >= PLAIN_LINE_EVERY_SECONDS:
            self._last_at[name] = now
            self.say(f"  {name}: {pace}")

    def say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def finish(self) -> None:
        for name, pace in self._paces.every.items():
            if pace.done:
                self.say(f"  {name}: {pace}")
        self._paces = _Paces()
        if self._clock is not None:
            self.say(f"  {self._clock}")

    def clock(self, clock: Clock | None) -> None:
        self._clock = clock


class JsonScreen:
    """One JSON object a line: ``{"event": "progress" | "said" | "stopped" | "going", …}``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._paces = _Paces()
        self._clock: Clock | None = None

    def start(self, what: str, total: float | None, unit: str) -> None:
        self._paces.start(what, total, unit)

    def advance_to(self, done: float) -> None:
        self._tell(self._paces.own, self._paces.own_to(done))

    def lane(
        self, name: str, done: float, total: float | None = None, unit: str = "bytes", says: str = ""
    ) -> None:
        self._tell(name, self._paces.lane_to(name, done, total, unit, says))

    def _tell(self, name: str, pace: Pace | None) -> None:
        if pace is not None:
            left = pace.seconds_left
            self._write(
                event="progress",
                what=name,
                done=pace.done,
                total=pace.total,
                unit=pace.unit,
                per_second=round(pace.rate, 3),
                seconds_left=None if left is None else round(left, 1),
                says=pace.says,
            )

    def say(self, line: str) -> None:
        self._write(event="said", line=line)

    def finish(self) -> None:
        self._paces = _Paces()

    def clock(self, clock: Clock | None) -> None:
        if clock is None:
            if self._clock is not None:
                self._write(event="going", seconds=round(self._clock.seconds, 3))
        else:
            self._write(
                event="stopped",
                since=clock.since.isoformat(),
                predicted_low=clock.predicted_low,
                predicted_high=clock.predicted_high,
                limit=clock.limit,
            )
        self._clock = clock

    def _write(self, **event: Any) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        print(json.dumps({"at": at, **event}, ensure_ascii=False), file=self._stream, flush=True)


class _Said(ProgressColumn):
    """The pace of a bar, or the running clock; drawn anew some times a second."""

    def render(self, task: Task) -> Text:
        clock: Clock | None = task.fields.get("clock")
        if clock is not None:
            return Text(str(clock), style="bold red" if clock.is_late else "bold yellow")
        return Text(str(task.fields.get("pace", "")))


class TerminalScreen:
    """Bars under the lines said so far, one for each thing that goes on, and the clock under them."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._paces = _Paces()
        self._clock: Clock | None = None

    def start(self, what: str, total: float | None, unit: str) -> None:
        self._stop()
        self._paces.start(what, total, unit)
        self._show(what, self._paces.every[what])

    def advance_to(self, done: float) -> None:
        self._show(self._paces.own, self._paces.own_to(done))

    def lane(
        self, name: str, done: float, total: float | None = None, unit: str = "bytes", says: str = ""
    ) -> None:
        self._show(name, self._paces.lane_to(name, done, total, unit, says))

    def say(self, line: str) -> None:
        (self._bars.console if self._bars else self._console).print(Text(line), soft_wrap=True)

    def finish(self) -> None:
        self._stop()
        if self._clock is not None:
            self._open()  # between two steps the clock goes on

    def clock(self, clock: Clock | None) -> None:
        self._clock = clock
        self._stop()
        if clock is not None:
            self._open()

    def _open(self) -> Bars:
        if self._bars is None:
            self._bars = Bars(
                TextColumn("  {task.description}"),
                BarColumn(),
                _Said(),
                TimeElapsedColumn(),
                console=self._console,
                transient=self._clock is not None,
            )
            if self._clock is not None:
                self._bars.add_task("the tenant", total=self._clock.limit, clock=self._clock)
            self._bars.start()
        return self._bars

    def _show(self, name: str, pace: Pace | None) -> None:
        if pace is None:
            return
        bars = self._open()
        if name not in self._tasks:
            self._tasks[name] = bars.add_task(name, total=pace.total, pace="")
        bars.update(self._tasks[name], completed=pace.done, total=pace.total, pace=pace)

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._tasks, self._paces = None, {}, _Paces()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
