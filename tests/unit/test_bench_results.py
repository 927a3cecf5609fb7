"""What benchmarks say of their figures: goals are held, and what is short is called short."""

from datetime import UTC, datetime

import pytest

from benchmarks.__main__ import measured
from benchmarks.report import DOCS, PAGE, PICTURE, kept, page, picture
from benchmarks.results import Bar, Measure, Plot, Result, Table, told

STOP = Measure(name="stop_seconds", value=0.4, goal=1.0, better="lower")
COPY = Measure(name="copy_ratio", value=1.1, goal=1.2, better="higher")


def result(*measures: Measure) -> Result:
    return Result(
        command="python -m benchmarks.copies",
        made_at=datetime(2026, 11, 1, tzinfo=UTC),
        machine="a machine",
        load_before=9.5,
        measures=measures,
        tables=(Table(heading="Copies", columns=("way", "s"), rows=(("a | b", "1.00"),)),),
        plots=(Plot(heading="Copies", bars=(Bar(label="a < b", seconds=2.0, is_ours=True),)),),
    )


@pytest.mark.parametrize(
    ("measure", "line"),
    [
        (STOP, "stop_seconds 0.4 1 met"),
        (STOP.model_copy(update={"value": 1.2}), "stop_seconds 1.2 1 short"),
        (COPY, "copy_ratio 1.1 1.2 short"),
        (COPY.model_copy(update={"value": 1.2}), "copy_ratio 1.2 1.2 met"),
    ],
)
def test_a_measure_is_one_line(measure: Measure, line: str) -> None:
    """Name, value, goal, and whether it is met, for goals in either direction."""
    assert measure.line == line


@pytest.mark.parametrize(
    ("line", "is_measure"),
    [
        ("stop_seconds 0.4 1 met\n", True),
        ("files_base_vs_rsync 1.02 1.25 short", True),
        ("round 1", False),
        ("it was hardly met", False),
        ("", False),
    ],
)
def test_measures_are_told_from_other_lines(line: str, is_measure: bool) -> None:
    """Of all that a benchmark prints only measures are printed again at the end."""
    assert (Measure.read(line) is not None) is is_measure


@pytest.mark.parametrize("measure", [STOP, COPY])
def test_a_measure_survives_its_line(measure: Measure) -> None:
    """What is read from a line gives the same line."""
    read = Measure.read(measure.line)

    assert read is not None
    assert read.line == measure.line


def test_measures_are_printed_last(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever looks at the end sees every measure and nothing else."""
    told(result(STOP, COPY), None)

    assert capsys.readouterr().out.splitlines()[-2:] == [STOP.line, COPY.line]


def test_all_benchmarks_tell_measures_and_failures_of_each() -> None:
    """The measures of one that failed half way are kept, and its failure is told."""
    said = "print('round 1'); print('stop_seconds 0.4 1 met'); raise SystemExit(3)"

    assert measured(["-c", said]) == (3, ["stop_seconds 0.4 1 met\n"])


def test_the_page_calls_short_what_is_short() -> None:
    """The page tells value, goal and verdict, and the load that the machine had."""
    written = page([result(STOP, COPY)])

    assert "| `stop_seconds` | 0.4 | ≤ 1 | met |" in written
    assert "| `copy_ratio` | 1.1 | ≥ 1.2 | **short** |" in written
    assert "load when it began: 9.5" in written
    assert "| a \\| b | 1.00 |" in written


def test_the_picture_has_a_bar_for_each_way() -> None:
    """A bar is as long as its time, and words in it cannot break the picture."""
    two = Plot(
        heading="Copies",
        bars=(
            Bar(label="a < b", seconds=2.0, is_ours=True),
            Bar(label="c", seconds=1.0, is_ours=False),
        ),
    )
    drawn = picture([two])

    assert "a &lt; b" in drawn
    widths = [float(part.split('"')[0]) for part in drawn.split(' width="')[2:]]
    assert widths[0] == pytest.approx(2 * widths[1])


def test_the_page_says_what_was_kept() -> None:
    """Nobody writes a figure into it by hand."""
    results = kept()
    assert (DOCS / PAGE).read_text() == page(results)
    assert (DOCS / PICTURE).read_text() == picture([plot for one in results for plot in one.plots])
