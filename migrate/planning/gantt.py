"""
The plan as a picture: a bar an activity, its margin beside it, an arrow from what it waits for.

Promise: plain SVG that stands in the document and in a browser alike; says nothing that the table beside it
does not say too, so nobody needs to see it.
"""

from collections.abc import Callable
from html import escape

from migrate.documents import Voice
from migrate.planning.plan import Plan, Planned

_Scale = Callable[[int], float]
"""Where a day, by its ordinal, lies in the picture."""
ROW, LEFT, WIDTH, TOP = 22, 190, 700, 26


def picture(plan: Plan, voice: Voice) -> str:
    """Return the picture as SVG."""
    first = plan.begins_on.toordinal()
    days = max(plan.at_latest_on.toordinal() - first + 1, 1)
    scale = (WIDTH - LEFT - 10) / days
    height = TOP + ROW * len(plan.activities) + 6
    row = {one.id: TOP + ROW * n for n, one in enumerate(plan.activities)}

    def x(ordinal: int) -> float:
        return round(LEFT + (ordinal - first) * scale, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="100%" role="img"'
        f' font-family="DejaVu Sans Condensed, sans-serif" font-size="9.5">',
        f"<title>{escape(voice.say('plan.picture'))}</title>",
    ]
    step = max(7, -(-days // 8) // 7 * 7)
    for ordinal in range(first, first + days, step):
        label = voice.short_day(plan.begins_on.fromordinal(ordinal))
        parts.append(f'<path d="M{x(ordinal)} {TOP - 8}V{height}" stroke="#c9d1d5" stroke-width="0.6"/>')
        if x(ordinal) < WIDTH - 40:  # a label needs as much room
            said = f'<text x="{x(ordinal) + 2}" y="{TOP - 10}" fill="#5b6770">{escape(label)}</text>'
            parts.append(said)
    for one in plan.activities:
        parts.append(_bar(one, row[one.id], x, voice))
        parts += [_arrow(next(a for a in plan.activities if a.id == n), one, row, x) for n in one.after]
    return "".join([*parts, "</svg>"])


def _bar(one: Planned, y: int, x: _Scale, voice: Voice) -> str:
    begins, ends = x(one.begins_on.toordinal()), x(one.ends_on.toordinal() + 1)
    latest = x(one.at_latest_on.toordinal() + 1)
    title = voice.title(one.title)
    said = escape(title if len(title) <= 34 else title[:33] + "…")
    return (
        f'<text x="0" y="{y + 14}" fill="#1c2529">{said}</text>'
        f'<rect x="{ends}" y="{y + 6}" width="{round(latest - ends, 1)}" height="8" fill="#d5e2e6"/>'
        f'<rect x="{begins}" y="{y + 4}" width="{round(ends - begins, 1)}" height="12" fill="#1d5566"/>'
    )


def _arrow(before: Planned, one: Planned, row: dict[str, int], x: _Scale) -> str:
    start, end = x(before.ends_on.toordinal() + 1), x(one.begins_on.toordinal())
    above, below = row[before.id] + 10, row[one.id] + 4
    bend = max(start, end) + 3
    return (
        f'<path d="M{start} {above}H{bend}V{below - 1}" fill="none" stroke="#8a3b12" stroke-width="0.8"/>'
        f'<path d="M{bend - 2.5} {below - 4}L{bend} {below}L{bend + 2.5} {below - 4}z" fill="#8a3b12"/>'
    )
