"""
What a benchmark found: rows for a table, and measures that are held to a goal.

Promise: a measure that misses its goal is called short, in the line, in the table and in the file alike;
every result says when, on what and beside what load it was made.
"""

import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import AwareDatetime

from provisioning.model import Model


class Measure(Model):
    """One figure and its goal."""

    name: str
    """Without blanks; ends in ``_seconds``, or tells a ratio."""
    value: float
    goal: float
    better: Literal["lower", "higher"]

    @property
    def is_met(self) -> bool:
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    @property
    def line(self) -> str:
        """As ``make bench`` prints it last: ``measure value goal met|short``."""
        return f"{self.name} {self.value:.3g} {self.goal:.3g} {'met' if self.is_met else 'short'}"

    @classmethod
    def read(cls, line: str) -> Self | None:
        """What such a line tells, in whose own words the direction is: None for another line."""
        words = line.split()
        if len(words) != 4 or words[3] not in ("met", "short"):
            return None
        try:
            value, goal = float(words[1]), float(words[2])
        except ValueError:
            return None
        is_met = words[3] == "met"
        better: Literal["lower", "higher"] = "lower" if (value <= goal) == is_met else "higher"
        return cls(name=words[0], value=value, goal=goal, better=better)


class Table(Model):
    """Figures as a table; each row begins with what it is about."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


class Bar(Model):
    """One bar of the plot."""

    label: str
    seconds: float
    is_ours: bool


class Plot(Model):
    """Bars that are to be set against each other, on one scale."""

    heading: str
    bars: tuple[Bar, ...]


class Result(Model):
    """All that one command found."""

    command: str
    made_at: AwareDatetime
    machine: str
    load_before: float
    """Processes that waited for a processor in the minute before; above the number of cores, it was busy."""
    measures: tuple[Measure, ...]
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()

    def keep(self, file: Path) -> None:
        """Write it to a file, for the report."""
        file.write_text(self.model_dump_json(indent=2) + "\n")


class Conditions:
    """What holds when a benchmark begins."""

    def __init__(self) -> None:
        self.made_at = datetime.now(UTC)
        self.load = os.getloadavg()[0]

    def result(
        self, measures: Sequence[Measure], tables: Sequence[Table] = (), plots: Sequence[Plot] = ()
    ) -> Result:
        """Put together what was found."""
        # Where it was kept is nobody's business.
        words = re.sub(r" --keep[ =]\S+", "", " ".join(["", *sys.argv[1:]]))
        return Result(
            command=f"python -m benchmarks.{Path(sys.argv[0]).stem}{words}",
            made_at=self.made_at,
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            load_before=round(self.load, 1),
            measures=tuple(measures),
            tables=tuple(tables),
            plots=tuple(plots),
        )


def told(result: Result, keep: Path | None) -> None:
    """Print tables, then the measures last; before that, keep it in a file for `benchmarks.report`."""
    if keep:
        result.keep(keep)
    for table in result.tables:
        print(f"\n{table.heading}")
        widths = [max(len(row[n]) for row in (table.columns, *table.rows)) for n in range(len(table.columns))]
        for row in (table.columns, *table.rows):
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    print()
    for measure in result.measures:
        print(measure.line)
