"""
The dossier's sections on the move itself: stop, go-live suite, interfaces; and the figures at the top.

Promise: a figure is shown only when its evidence exists; what is missing is said as "not yet".
"""

from migrate import position
from migrate.case import Case
from migrate.dossier.before import shown_range
from migrate.dossier.content import figures as content_figures
from migrate.dossier.deployment import figures as deployment_figures
from migrate.dossier.parts import Cell, Figure, Section, Table, Tone, Verdict, columns, evidence, number
from migrate.dossier.timeline import shown_seconds
from migrate.interfaces import Interfaces
from migrate.stop import Stop
from migrate.verify import GoLive

_TONES: dict[str, Tone] = {"passed": "good", "waived": "warn"}


def verdict(case: Case) -> Verdict:
    """Say in one line where the migration stands."""
    standing = position.standing(case.journal)
    golive = evidence(case, "golive", GoLive)
    if standing.door == "open" and case.manifest.begins_afresh and not case.journal.last("opening"):
        return Verdict("A pilot is at work on the site, which has not gone live", "")
    if standing.door == "open" and golive and golive.passed:
        return Verdict("The site is open and verified", "good")
    if standing.door == "open":
        return Verdict("The site is open, its verification is not on record", "bad")
    if standing.legacy == "writable" and case.journal.last("done", position.REOPEN_STEP):
        return Verdict("Went back to legacy, with every write of the site", "warn")
    if standing.door in ("closed", "suspended") and case.journal.last("point-of-no-return"):
        return Verdict(f"Moved, and its door was put to {standing.door} by hand", "warn")
    if "uncertain" in (standing.door, standing.legacy):
        return Verdict(f"Under way or cut short: {standing}", "warn")
    if case.journal.last("fallback"):
        return Verdict(f"Fell back: {standing}", "warn")
    if case.manifest.begins_afresh:
        return Verdict(f"Not live yet: the site is {standing.door}", "")
    return Verdict(f"Not moved yet: {standing}", "")


def figures(case: Case) -> list[Figure]:
    """Return the figures at the top of the page."""
    if case.manifest.begins_afresh:
        return deployment_figures(case)
    stopped, golive = evidence(case, "stop", Stop), evidence(case, "golive", GoLive)
    counted = evidence(case, "interfaces", Interfaces)
    return [
        _stop_figure(stopped),
        *content_figures(case),
        Figure(
            "Messages lost", str(counted.lost), f"{counted.duplicates} duplicated", _good_if(not counted.lost)
        )
        if counted
        else Figure("Messages lost", "not yet"),
        Figure("Go-live checks", golive.summary.replace(" passed", ""), "passed", _good_if(golive.passed))
        if golive and golive.passed
        else Figure("Go-live checks", golive.summary if golive else "not yet", tone="bad" if golive else ""),
    ]


def _good_if(holds: bool) -> Tone:
    return "good" if holds else "bad"


def _stop_figure(stopped: Stop | None) -> Figure:
    if stopped is None:
        return Figure("Stop", "not yet")
    note = "no prediction"
    if stopped.predicted_low_seconds is not None and stopped.predicted_high_seconds is not None:
        note = f"predicted {shown_range(stopped.predicted_low_seconds, stopped.predicted_high_seconds)}"
    return Figure(
        "Stop", shown_seconds(stopped.actual_seconds), note, "" if stopped.kept is not False else "warn"
    )


def stop(case: Case) -> Section | None:
    """Predicted against actual stop."""
    stopped = evidence(case, "stop", Stop)
    if stopped is None:
        return None
    return Section(
        "stop",
        "How long users could not work",
        lead="From the moment legacy became read-only to the moment the open door was seen from outside. "
        "Reading went on at legacy throughout.",
        facts=(
            ("Read-only from", Cell(f"{stopped.frozen_at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC")),
            ("Site open at", Cell(f"{stopped.opened_at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC")),
            ("Attempt", Cell(stopped.attempt)),
        ),
        picture=_stop_picture(stopped),
    )


def _stop_picture(stopped: Stop) -> str:
    """Draw the predicted range and the actual stop on one scale."""
    low, high = stopped.predicted_low_seconds or 0.0, stopped.predicted_high_seconds or 0.0
    scale = 700 / max(high, stopped.actual_seconds, 0.001)
    actual = shown_seconds(stopped.actual_seconds)
    bars = [("actual", 0.0, stopped.actual_seconds, actual)]
    if stopped.predicted_high_seconds is not None:
        bars.insert(0, ("predicted", low, high, shown_range(low, high)))
    rows = "".join(
        f'<g class="{name}"><text x="0" y="{28 * row + 19}">{name}</text>'
        f'<rect x="{90 + start * scale:.1f}" y="{28 * row + 6}" rx="2" height="16"'
        f' width="{max((end - start) * scale, 3):.1f}"/>'
        f'<text class="took" x="{98 + end * scale:.1f}" y="{28 * row + 19}">{label}</text></g>'
        for row, (name, start, end, label) in enumerate(bars)
    )
    title = f"Stop: {', '.join(f'{name} {label}' for name, _, _, label in bars)}"
    return (
        f'<svg class="stop" viewBox="0 0 960 {28 * len(bars) + 6}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{rows}</svg>"
    )


def golive(case: Case) -> Section | None:
    """What the go-live suite found, check by check."""
    found = evidence(case, "golive", GoLive)
    if found is None:
        return None
    rows = [
        (
            Cell(check.proves),
            Cell(check.outcome, _TONES.get(check.outcome, "bad")),
            Cell(check.detail.partition("\n")[0]),
            Cell(check.id, "digest"),
        )
        for check in found.checks
    ]
    heads = columns("What holds", "Outcome", "Detail", "Id")
    seconds = (found.ended_at - found.started_at).total_seconds()
    return Section(
        "golive",
        "Whether the site was right",
        lead=f"{found.summary} in {shown_seconds(seconds)}, from {found.started_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"for {found.attempt or 'no attempt'}. {found.fault}",
        tables=(Table(f"All {len(rows)} checks", heads, tuple(rows), folded=found.passed),),
    )


def interfaces(case: Case) -> Section | None:
    """What each interface sent, what waited, what arrived."""
    counted = evidence(case, "interfaces", Interfaces)
    if counted is None:
        return None
    rows = []
    for one in counted.interfaces:
        cells = [Cell(one.name), Cell(one.kind), number(one.at_hold.accepted)]
        cells.append(number(one.at_release.waiting) if one.at_release else Cell("not yet", "n"))
        cells.append(number(one.after_drain.accepted) if one.after_drain else Cell("not yet", "n"))
        cells.append(number(one.arrived.received) if one.arrived else Cell("not yet", "n"))
        for count in (one.lost, one.duplicates):
            cells.append(Cell("not yet" if count is None else str(count), "n" if not count else "bad"))
        cells.append(
            Cell({True: "yes", False: "no", None: "not yet"}[one.in_order], _order_tone(one.in_order))
        )
        rows.append(tuple(cells))
    heads = columns(
        "Interface",
        "Kind",
        "#Sent until the hold",
        "#Waited in the buffer",
        "#Sent until drained",
        "#Stored at the other end",
        "#Lost",
        "#Twice",
        "In order",
    )
    where = "the site" if counted.direction == "site" else "legacy, after the fallback"
    return Section(
        "interfaces",
        "What the interfaces carried",
        lead=f"Messages sent while legacy was read-only waited at their connector and then went to {where}.",
        tables=(Table("Messages, counted at both ends", heads, tuple(rows)),),
    )


def _order_tone(in_order: bool | None) -> Tone:
    return "" if in_order is None else _good_if(in_order)
