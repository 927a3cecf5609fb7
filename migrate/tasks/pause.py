"""
Commands that have a move wait, and let it go on.

Promise: they work beside a run, whose lock they do not take: what waits is the run's own copy.
"""

from fabric import Connection, task

from migrate import pausing
from migrate.connections import Hosts
from migrate.progress import screen
from migrate.step import StepContext
from migrate.tasks.edge import for_a_person, open_case


@task(
    name="pause",
    help={"tenant": "Whose move.", "reason": "One line; shown to everybody who looks."},
)
def pause(_c: Connection, tenant: str, reason: str = "") -> None:
    """Have the copies, the flow of changes and the file passes of a tenant wait; legacy works on."""
    with for_a_person():
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            waits = pausing.pause(StepContext(case, hosts, screen(), attempt=""), reason)
    print(f"{tenant} is {pausing.paused(case.journal)}\nWaiting: {', '.join(waits) or 'nothing any more'}")
    print("Meanwhile legacy keeps the log of what is written, on its disk.")
    print(f"Next: {pausing.resume_command(tenant)}")


@task(name="resume", help={"tenant": "Whose move."})
def resume(_c: Connection, tenant: str) -> None:
    """Let a move go on that somebody had wait; it goes on where it stood."""
    with for_a_person():
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            waited = pausing.resume(StepContext(case, hosts, screen(), attempt=""))
    print(f"{tenant}: {'goes on' if waited else 'nobody had it wait, nothing to do'}")
    print(f"Next: fab status --tenant {tenant}")
