"""
Throttling: the base copy yields to the source's own work, by itself or because a person says so.

Promise: any one measure over its limit stops the senders until it is well again, and says which; the snapshot
stays, so nothing is begun anew. See throttle.sh, which runs beside the copy and needs nobody.

Source: gh-ost's throttle, whose sources each stop alone and whose reason is always printed.
"""

from dataclasses import dataclass

from migrate import remote
from migrate.compare.pacing import sessions_at_most
from migrate.databases import Session, query
from migrate.remote_jobs import Job
from provisioning.manifest import Throttle


@dataclass(frozen=True)
class Limits:
    """When a source is unwell."""

    times_slower: int = 10
    """Than a small piece of work was before the copy began."""
    at_least_ms: int = 100
    """Below this it counts as quick, whatever it was before."""
    behind_bytes: int = 64 * 1024**2
    """More than a standby, or another subscriber, was behind before."""
    active_sessions: int | None = None
    """Sessions at work at once; half of all that the server allows where None."""


def limits_of(asked: Throttle) -> Limits:
    """What the manifest asks for."""
    return Limits(
        times_slower=asked.times_slower,
        at_least_ms=asked.at_least_ms,
        behind_bytes=asked.behind_mb * 1024**2,
        active_sessions=asked.active_sessions,
    )


def files(source: Session, limits: Limits, why_paused: str) -> dict[str, bytes]:
    """What throttle.sh needs beside it."""
    active = sessions_at_most(source, limits.active_sessions)
    figures = (limits.times_slower, limits.at_least_ms * 1000, limits.behind_bytes, active)
    found = {"health.sql": query("live_health"), "limits": (" ".join(map(str, figures)) + "\n").encode()}
    return {**found, "paused": f"{why_paused}\n".encode()} if why_paused else found


def pause(job: Job, why: str) -> None:
    """Have a running copy stop sending within a second or so."""
    script = f"cd {job.folder} 2>/dev/null || exit 0; umask 077; cat > paused.new && mv paused.new paused"
    remote.run(job.connection, script, stdin=f"{why}\n".encode(), doing="pausing the copy")


def resume(job: Job) -> None:
    """Have it go on."""
    remote.run(job.connection, f"rm -f {job.folder}/paused", doing="resuming the copy")
