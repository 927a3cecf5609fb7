"""
The timeline of a migration as an SVG picture: a bar a step, a band a phase attempt.

Promise: drawn from the steps alone, readable in grey, and labelled for a screen reader.
"""

from dataclasses import dataclass
from datetime import datetime
from html import escape

ROW, LABEL, WIDTH, HEAD = 22, 190, 960, 30
"""Pixels of the picture's own coordinates; it scales with the page."""
SHORTEST = 3
"""Pixels: a step of a millisecond is still to be seen."""


@dataclass(frozen=True)
class Span:
    """One step as it ran. `outcome` is done, failed, undone, waiting or running; moments are aware."""

    phase: str
    step: str
    began_at: datetime
    ended_at: datetime
    outcome: str

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.began_at).total_seconds()


def shown_seconds(seconds: float) -> str:
    """Say a duration as a person would: 0.15 s, 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def draw(spans: list[Span], zone_name: str = "UTC") -> str:
    """
    Return the picture as an ``<svg>`` element, or an empty text when there is nothing to draw.

    Each phase has its own scale, from its first step to its last: preparation takes weeks, the
    realisation seconds, and on one scale the second would not be seen.
    """
    if not spans:
        return ""
    parts, y = [], 0
    for phase in dict.fromkeys(span.phase for span in spans):
        rows = [span for span in spans if span.phase == phase]
        parts.append(_phase(phase, rows, y))
        y += HEAD + ROW * len(rows) + 14
    total = shown_seconds((spans[-1].ended_at - spans[0].began_at).total_seconds())
    title = f"{len(spans)} steps in {len(parts)} phases, {total} from first to last ({escape(zone_name)})"
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {y}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _phase(phase: str, rows: list[Span], y: int) -> str:
    began, ended = min(r.began_at for r in rows), max(r.ended_at for r in rows)
    whole = max((ended - began).total_seconds(), 0.001)
    scale = (WIDTH - LABEL - 90) / whole
    head = (
        f'<text class="phase" x="0" y="{y + 18}">{escape(phase)}</text>'
        f'<text class="when" x="{LABEL}" y="{y + 18}">{began:%Y-%m-%d %H:%M:%S}</text>'
        f'<text class="when end" x="{WIDTH}" y="{y + 18}">{shown_seconds(whole)}</text>'
        f'<line class="rule" x1="0" x2="{WIDTH}" y1="{y + 25}" y2="{y + 25}"/>'
    )
    return head + "".join(
        _bar(span, y + HEAD + ROW * number, began, scale) for number, span in enumerate(rows)
    )


def _bar(span: Span, y: int, began: datetime, scale: float) -> str:
    x = LABEL + (span.began_at - began).total_seconds() * scale
    width = max(span.seconds * scale, SHORTEST)
    sign = {"failed": "✕ ", "undone": "↩ ", "waiting": "… "}.get(span.outcome, "")
    label = f"{sign}{shown_seconds(span.seconds)}"
    return (
        f'<g class="{escape(span.outcome)}"><text class="step" x="0" y="{y + 15}">{escape(span.step)}</text>'
        f'<line class="track" x1="{LABEL}" x2="{WIDTH - 90}" y1="{y + 10.5}" y2="{y + 10.5}"/>'
        f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="13" rx="2"/>'
        f'<text class="took" x="{min(x + width + 6, WIDTH - 84):.1f}" y="{y + 15}">{label}</text></g>'
    )
