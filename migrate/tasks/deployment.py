"""
Commands of a deployment: KPIs, adjustments, deadlines, the end of a pilot.

Promise: each keeps what somebody decided, with who it was; a run then goes on from there.
"""

from datetime import UTC, date, datetime
from pathlib import Path

from fabric import task
from invoke.context import Context

from migrate import adjustments, deadlines, lock, trial
from migrate.connections import Hosts
from migrate.errors import Refused
from migrate.kpis import adopting
from migrate.tasks.edge import for_a_person, open_case

_BY = "E-mail address of who says so."


@task(
    name="kpis",
    help={
        "tenant": "Whose site.",
        "file": "A file of KPIs; see docs/deployments.md.",
        "replace": "Although another file is signed; its signature is void.",
    },
)
def kpis(_: Context, tenant: str, file: str, replace: bool = False) -> None:
    """Check a file of KPIs (one safe SELECT each) and adopt it, to be signed."""
    with for_a_person():
        found = adopting.adopt(open_case(tenant), Path(file).expanduser(), replace=replace)
    print(f"{file}: no fault; {', '.join(kpi.name for kpi in found.kpis)}")
    print(f"Next: fab run --tenant {tenant}")


@task(
    name="adjust",
    help={
        "tenant": "Whose site.",
        "what": "What is to be changed, in a sentence.",
        "done": "Number of an adjustment that is made.",
        "by": _BY,
    },
)
def adjust(_: Context, tenant: str, by: str, what: str = "", done: int = 0) -> None:
    """Record an adjustment that the customer asks for, or that one is made."""
    with for_a_person():
        case = open_case(tenant)
        if bool(what) == bool(done):
            raise Refused(
                "either --what, or --done with a number", next_step=f"fab adjust --tenant {tenant} …"
            )
        if what:
            adjustments.ask(case, what, by)
        else:
            adjustments.close(case, done, by)
    for one in adjustments.every(case):
        print(f"{one.number}  {one.what} ({one.by}): {f'done, {one.done_by}' if one.done_by else 'open'}")


@task(name="deadlines", help={"tenant": "Whose deployment."})
def show_deadlines(_: Context, tenant: str) -> None:
    """Show which milestone is due when, what is late, and what was waited for."""
    with for_a_person():
        now = datetime.now(UTC)
        found = list(deadlines.milestones(open_case(tenant), now))
    for one in found:
        reached = f"reached {one.reached_at:%F}" if one.reached_at else "ahead"
        print(f"week {one.week}  {one.name}: due {one.due}, {reached}, {one.late_days} day(s) late")
        for waited in one.waited:
            print(f"    {waited.days(now)} day(s) for {waited.about}: {waited.what}")


@task(
    name="postpone",
    help={
        "tenant": "Whose deployment.",
        "milestone": "As fab deadlines shows it.",
        "until": "Its later day, such as 2027-03-31.",
        "reason": "Why, in a sentence; it stands in the steering committee's paper.",
        "by": _BY,
    },
)
def postpone(_: Context, tenant: str, milestone: str, until: str, reason: str, by: str) -> None:
    """Propose a later day for a milestone; it counts once the steering committee's paper is signed."""
    with for_a_person():
        case = open_case(tenant)
        try:
            day = date.fromisoformat(until)
        except ValueError:
            raise Refused(f"{until!r} is no day", next_step="--until 2027-03-31") from None
        deadlines.postpone(case, milestone, day, reason, by)
    print(f"{milestone}: {day} is proposed")
    print(f"Next: fab steer --tenant {tenant}")


@task(name="end-pilot", help={"tenant": "Whose pilot."})
def end_pilot(_: Context, tenant: str) -> None:
    """End a pilot before its time: from now on its site takes no more."""
    with for_a_person():
        case = open_case(tenant)
        with lock.held(case.folder, tenant), Hosts(case.workspace, case.manifest) as hosts:
            ended = trial.end_now(case, hosts)
    print(f"{tenant}: the pilot ended at {ended.ends_at:%F %H:%M %Z}")
    print(f"Next: fab run --tenant {tenant}")
