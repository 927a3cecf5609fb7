"""
The report: results of the benchmarks as tables and a plot, in ``docs/performance.md``.

    python -m benchmarks.report

Promise: it shows what the results in ``benchmarks/kept`` say and nothing else: what fell short is called
short, beside the load of the machine when it was measured.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.__main__ import ALL
from benchmarks.results import Plot, Result

KEPT = Path(__file__).resolve().parent / "kept"
DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, PICTURE = "performance.md", "performance.svg"

_WIDTH, _LABELS, _BAR, _STEP, _ROOM = 860, 300, 18, 26, 44
_OURS, _OTHER, _INK = "#1a6b5a", "#b9c2c8", "#20292e"

_HEAD = """\
# How fast it is

Every figure compares in one run, on the same data, between the same two servers; what was timed was checked
to be complete. Both servers share one machine and its cores with the clients, so read ratios rather than
seconds. Neither server forces its log to disk (`fsync = off`), for Bascule and its peers alike; both have
`shared_buffers = 1GB` and `max_wal_size = 8GB`. There is no wide area network in between.

A stop is what users see: from the last write that the one side acknowledged to the first that the other did.
From the decision to go back counts also what Bascule does first while users go on working on the site: it
compares what changed since, and connects.

This page and its plot are made by `python -m benchmarks.report` from what the commands below kept in
`benchmarks/kept`; `make bench` runs all of them. [benchmarks/README.md](../benchmarks/README.md) says what
each one does.
"""


def page(results: Sequence[Result]) -> str:
    """Write the page."""
    lines = [_HEAD, "## Goals", "", "| measure | value | goal | |", "|---|---|---|---|"]
    for result in results:
        for one in result.measures:
            sign = "≤" if one.better == "lower" else "≥"
            verdict = "met" if one.is_met else "**short**"
            lines.append(f"| `{one.name}` | {one.value:.3g} | {sign} {one.goal:.3g} | {verdict} |")
    lines += ["", f"![Seconds of each way; Bascule is the dark one]({PICTURE})"]
    for result in results:
        lines += ["", f"## `{result.command}`", ""]
        lines.append(
            f"Measured on {result.made_at:%Y-%m-%d %H:%M} UTC, {result.machine}; load when it began:"
            f" {result.load_before:g}."
        )
        for table in result.tables:
            lines += ["", f"{table.heading}:", "", _row(table.columns), _row(["---"] * len(table.columns))]
            lines += [_row(row) for row in table.rows]
            if table.note:
                lines += ["", table.note]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def picture(plots: Sequence[Plot]) -> str:
    """Draw the plots as bars, one below the other, each with a scale of its own."""
    drawn: list[str] = []
    top = 10
    for plot in plots:
        top += 22
        drawn.append(_text(10, top, f"{plot.heading}, seconds", weight="bold"))
        longest = max(bar.seconds for bar in plot.bars) or 1.0
        top += 12
        for bar in plot.bars:
            width = (_WIDTH - _LABELS - 90) * bar.seconds / longest
            colour = _OURS if bar.is_ours else _OTHER
            drawn.append(_text(_LABELS - 10, top + 14, bar.label, anchor="end"))
            drawn.append(
                f'<rect x="{_LABELS}" y="{top}" width="{max(width, 1):.1f}" height="{_BAR}" fill="{colour}"/>'
            )
            drawn.append(_text(_LABELS + width + 8, top + 14, f"{bar.seconds:.2f}"))
            top += _STEP
        top += _ROOM - 22
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif"'
            f' font-size="13" fill="{_INK}">',
            f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


def kept() -> list[Result]:
    """Read what each benchmark kept last."""
    return [Result.model_validate_json((KEPT / f"{name}.json").read_text()) for name in ALL]


def main() -> None:
    """Write page and picture."""
    results = kept()
    (DOCS / PAGE).write_text(page(results))
    (DOCS / PICTURE).write_text(picture([plot for result in results for plot in result.plots]))


if __name__ == "__main__":
    main()
