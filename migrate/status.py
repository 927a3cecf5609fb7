"""
Status: where a tenant is, what holds it, and the one command to type next.

Promise: reads playbook, journal and lock only: connects to nothing and launches nothing, so it may be asked
at any time, beside a run that is at work.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from migrate import facts, lock, pausing, position, waivers
from migrate.case import Case
from migrate.lock import Holder
from migrate.playbook import Entry, Phase, load
from migrate.position import PhasePosition, Standing
from migrate.step import known_steps

COPY_STEP = "start-replication"
_KINDS = ("intent", "done", "under-waiver", "waiting", "failed", "undoing", "undone", "undo-failed")


@dataclass(frozen=True)
class StepStatus:
    """One line of a phase. `state` is a word such as ``done``, ``waiting``, ``under way``, ``to come``."""

    id: str
    title: str
    state: str
    seconds: float | None
    says: str


@dataclass(frozen=True)
class PhaseStatus:
    """`state` is ``to come``, ``under way``, or how the newest attempt ended."""

    name: str
    title: str
    command: str
    state: str
    attempt: str
    steps: tuple[StepStatus, ...]


@dataclass(frozen=True)
class Status:
    tenant: str
    playbook: str
    phases: tuple[PhaseStatus, ...]
    standing: Standing
    holder: Holder | None
    held_up_by: str
    """What keeps the tenant from the next step; empty when nothing does."""
    next_step: str
    """The command to type next; empty when there is nothing to do."""
    waivers: tuple[str, ...]
    paused: str
    """Who has the move wait, since when and why; empty when nobody has."""
    way_back: str
    """``none``, ``armed`` or ``given up``."""

    @property
    def is_copying(self) -> bool:
        """Whether a run is copying databases while legacy works."""
        return any(
            step.id.partition(":")[0] == COPY_STEP and step.state == "under way"
            for phase in self.phases
            for step in phase.steps
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, moments as ISO 8601."""
        legacy_since, door_since = self.standing.legacy_since, self.standing.door_since
        return {
            **asdict(self),
            "standing": {
                "legacy": self.standing.legacy,
                "legacy_since": legacy_since.isoformat() if legacy_since else None,
                "door": self.standing.door,
                "door_since": door_since.isoformat() if door_since else None,
            },
        }


def of(case: Case) -> Status:
    """Return where a tenant is."""
    playbook = load(case.workspace, case.manifest.playbook)
    holder = lock.holder(case.folder)
    phases = tuple(_phase(case, phase, holder) for phase in playbook.phases)
    held_up_by, next_step = _next(case, playbook.phases, holder)
    return Status(
        tenant=case.manifest.tenant,
        playbook=playbook.name,
        phases=phases,
        standing=position.standing(case.journal),
        holder=holder,
        held_up_by=held_up_by,
        next_step=next_step,
        waivers=tuple(_waivers(case)),
        paused=str(pausing.paused(case.journal) or ""),
        way_back=position.way_back(case.journal),
    )


def _phase(case: Case, phase: Phase, holder: Holder | None) -> PhaseStatus:
    at = position.of_phase(case.journal, phase.name)
    state = at.outcome if at else "on request" if phase.on_request else "to come"
    if at and not at.ended and holder is None:
        state = "cut short"
    steps, holding = known_steps(), facts.holding(case.journal)
    lines = []
    for entry in phase.steps:
        if entry.when is None or entry.when.holds(case.manifest, holding):
            title = entry.title or steps[entry.step or ""].summary
            lines.append(_step(case, entry, title, at, holder))
    return PhaseStatus(phase.name, phase.title, phase.command, state, at.attempt if at else "", tuple(lines))


def _step(
    case: Case, entry: Entry, title: str, at: PhasePosition | None, holder: Holder | None
) -> StepStatus:
    last = None
    for record in case.journal if at and not at.reopened else ():
        mine = at and record.about == entry.id and record.data.get("attempt") == at.attempt
        last = record if mine and record.kind in _KINDS else last
    if last is None:
        return StepStatus(entry.id, title, "to come", None, "")
    running = "under way" if holder else "cut short"
    state = {"intent": running, "undoing": f"undo {running}"}.get(last.kind, last.kind)
    return StepStatus(entry.id, title, state, last.data.get("seconds"), str(last.data.get("what", "")))


def _next(case: Case, phases: tuple[Phase, ...], holder: Holder | None) -> tuple[str, str]:
    """Return what holds the tenant up, and the next command."""
    tenant = case.manifest.tenant
    if (pause := pausing.paused(case.journal)) is not None:
        return f"{tenant} is {pause}", pausing.resume_command(tenant)
    if holder:
        return f"a run of {holder} is at work", f"fab status --tenant {tenant}, to see how far it is"
    # What was left half changed comes first, as `fab run` has it.
    for phase in sorted(phases, key=lambda phase: not phase.on_request):
        at = position.of_phase(case.journal, phase.name)
        if (at and at.outcome == "finished") or (phase.on_request and not (at and at.must_go_on)):
            continue
        again = f"fab {phase.command} --tenant {tenant}"
        if at is None or at.reopened:
            return "", again
        if at.ended is None:
            return f"the run of {at.attempt} was cut short", f"fab run --tenant {tenant}, to go on"
        ended = at.ended.data
        if ended["outcome"] in ("waiting", "failed"):
            return ended["what"], ended["next"] or again
        left = f"; not put back: {', '.join(ended['undo_failed'])}" if ended["undo_failed"] else ""
        return f"{at.attempt} fell back at {ended['at']}: {ended['what']}{left}", again
    return "", ""


def _waivers(case: Case) -> Iterator[str]:
    for waiver in waivers.every(case):
        ends = "expired" if waiver.expired else "until"
        yield f"{waiver.what}: {waiver.reason} ({waiver.by}, {ends} {waiver.expires_at:%F %H:%M %Z})"


def render(status: Status) -> Iterator[Table | Text]:
    """Yield what a person sees, for rich's console."""
    for phase in status.phases:
        table = Table(
            title=f"{phase.title}: {phase.state}{f' ({phase.attempt})' if phase.attempt else ''}",
            title_justify="left",
            show_header=False,
            box=None,
            padding=(0, 2),
        )
        for step in phase.steps if phase.state != "on request" else ():
            seconds = f"{step.seconds:.1f} s" if step.seconds is not None else ""
            table.add_row(Text(step.state, style=_STYLES.get(step.state, "")), step.id, step.title, seconds)
        yield table
    yield Text(str(status.standing))
    for waiver in status.waivers:
        yield Text(f"Waived: {waiver}", style="yellow")
    if status.held_up_by:
        yield Text(f"Held up: {status.held_up_by}")
    yield Text(f"Next: {status.next_step}" if status.next_step else "Everything is finished.", style="bold")


_STYLES = {
    "done": "green",
    "under-waiver": "yellow",
    "waiting": "yellow",
    "failed": "red",
    "undo-failed": "red",
    "to come": "dim",
}
