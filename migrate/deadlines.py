"""
Deadlines of a deployment: which milestone is due in which week, what is late, and why.

Promise: what is late is told from the journal: when a milestone was reached, what was waited for how long. A
later day counts only once the steering committee's paper with it is signed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pydantic import AwareDatetime

from migrate import facts, gates
from migrate.case import Case, digest_of
from migrate.environment_template import deployment_of
from migrate.errors import Refused, Waiting
from migrate.playbook import load
from provisioning.errors import BasculeError
from provisioning.model import Model

DEADLINE_STEP = "keep-deadline"
PAPER = "steering.pdf"


class Postponed(Model):
    """One milestone's later day, as it was asked for."""

    milestone: str
    until: date
    reason: str
    by: str
    at: AwareDatetime


class Postponements(Model):
    """Evidence ``postponements``: every one, newest last."""

    all: tuple[Postponed, ...] = ()


class Steered(Model):
    """Evidence ``steering``: what the paper says that is to be signed."""

    sha256: str
    until: dict[str, date]


@dataclass(frozen=True)
class Waited:
    """Something that was waited for; `until` None while it still is."""

    about: str
    what: str
    since: datetime
    until: datetime | None

    def days(self, now: datetime) -> int:
        return ((self.until or now) - self.since).days


@dataclass(frozen=True)
class Milestone:
    """One milestone. `due` is its last day; `reached_at` None while it is ahead."""

    name: str
    week: int
    due: date
    reached_at: datetime | None
    late_days: int
    waited: tuple[Waited, ...]


def due_on(case: Case, milestone: str, week: int) -> date:
    """Return a milestone's last day: the end of its week, or what the steering committee signed."""
    planned = deployment_of(case).begins_on + timedelta(days=7 * week - 1)
    return _steered(case).get(milestone, planned)


def milestones(case: Case, now: datetime) -> Iterator[Milestone]:
    """Yield the milestones of the tenant's playbook, in order."""
    since: datetime | None = None
    found = facts.holding(case.journal)
    for phase in load(case.workspace, case.manifest.playbook).phases:
        for entry in phase.steps:
            if entry.step != DEADLINE_STEP or (entry.when and not entry.when.holds(case.manifest, found)):
                continue
            name, week = str(entry.params["milestone"]), int(entry.params["week"])
            done = case.journal.last("done", entry.id)
            reached_at = datetime.fromisoformat(done.data["result"]["reached_at"]) if done else None
            due = due_on(case, name, week)
            today = (reached_at or now).astimezone(case.manifest.window.zone).date()
            late = max(0, (today - due).days)
            waited = tuple(_waited(case, since, reached_at, now)) if late else ()
            yield Milestone(name, week, due, reached_at, late, waited)
            since = reached_at or now


def keep(case: Case, milestone: str, week: int, now: datetime) -> datetime:
    """
    Return when a milestone was reached: now, unless it was before.

    Raises:
        Waiting: It is late, and no later day is agreed.
    """
    due = due_on(case, milestone, week)
    ends_at = datetime.combine(due + timedelta(days=1), time.min, case.manifest.window.zone)
    if now >= ends_at:
        tenant, late = case.manifest.tenant, (now - ends_at).days + 1
        raise Waiting(
            f"{milestone} was due on {due:%F}, {late} day(s) ago; the steering committee has to meet",
            next_step=f"fab postpone --tenant {tenant} --milestone {milestone} --until … --reason … --by …,"
            f" then fab steer --tenant {tenant}",
        )
    return now


def postpone(case: Case, milestone: str, until: date, reason: str, by: str) -> None:
    """
    Keep that a milestone is to have a later day; it counts once the paper with it is signed.

    Raises:
        Refused: There is no such milestone, or the day is not later.
    """
    now = datetime.now(UTC)
    known = {one.name: one for one in milestones(case, now)}
    if milestone not in known:
        raise Refused(f"no milestone {milestone}; the playbook has {', '.join(known)}")
    if until <= known[milestone].due:
        raise Refused(f"{milestone} is due on {known[milestone].due:%F} as it is; {until:%F} is not later")
    asked = Postponed(milestone=milestone, until=until, reason=reason, by=by, at=now)
    case.write_evidence("postponements", Postponements(all=(*postponements(case), asked)))


def postponements(case: Case) -> tuple[Postponed, ...]:
    """Return all that were asked for, oldest first."""
    if case.journal.last("evidence", "postponements") is None:
        return ()
    return case.read_evidence("postponements", Postponements).all


def keep_paper(case: Case) -> Steered:
    """Keep which later days the paper on file says; they count while it is signed as it is."""
    until = {one.milestone: one.until for one in postponements(case)}
    steered = Steered(sha256=digest_of(case.document(PAPER)), until=until)
    case.write_evidence("steering", steered)
    return steered


def _steered(case: Case) -> dict[str, date]:
    if case.journal.last("evidence", "steering") is None:
        return {}
    steered, paper = case.read_evidence("steering", Steered), case.document(PAPER)
    try:
        signed = paper.exists() and digest_of(paper) == steered.sha256
        gates.check_document(case, PAPER)
    except (BasculeError, Waiting):
        return {}
    return steered.until if signed else {}


def _waited(case: Case, since: datetime | None, until: datetime | None, now: datetime) -> Iterator[Waited]:
    """Yield what was waited for between two milestones, the longest first."""
    open_: dict[str, Waited] = {}
    done: list[Waited] = []
    for record in case.journal:
        if (since and record.at < since) or record.at > (until or now):
            continue
        if record.kind == "waiting" and not record.about.startswith(DEADLINE_STEP):
            open_.setdefault(record.about, Waited(record.about, str(record.data["what"]), record.at, None))
        elif record.kind in ("done", "under-waiver") and record.about in open_:
            was = open_.pop(record.about)
            done.append(Waited(was.about, was.what, was.since, record.at))
    yield from sorted([*done, *open_.values()], key=lambda one: one.since)
