"""
Throttling: a base copy yields to the source's own work, by itself or because a person says so.

Promise: any one measure over its limit stops the senders until it is well again, and says which; the snapshot
stays, so nothing is begun anew. See throttle.sh, which runs beside the copy and needs nobody.

Source: gh-ost's throttle, whose sources each stop alone and whose reason is always printed.
"""

from collections.abc import Mapping
from importlib.resources import files as files_of

from migrate import remote
from migrate.remote_jobs import Job
from migrate.step import Progress
from provisioning.manifest import Throttle

WHY_SLOWED = "cat slowed 2>/dev/null"
"""Tells, within a job's folder, why it waits now; empty while it does not."""
YIELDS = "ls throttle 2>/dev/null"
"""Tells, likewise, whether anything has the job wait at all."""
_MIB = 1024**2


def files(
    limits: Throttle, sessions: int, asking: Mapping[str, bytes], why_paused: str = ""
) -> dict[str, bytes]:
    """
    Return what throttle.sh is and needs beside it.

    Args:
        sessions: So many may be at work on the source.
        asking: The script ``ask``, and what it needs. It prints microseconds that a small piece of work
            takes, bytes that a standby is behind, and sessions at work, with ``|`` between: with the word
            ``once`` one line, else one each second.
        why_paused: Why a person has it wait from the beginning; empty where nobody has.
    """
    figures = (limits.times_slower, limits.at_least_ms * 1000, limits.behind_mb * _MIB, sessions)
    found = {
        "throttle": (files_of(__package__) / "throttle.sh").read_bytes(),
        "limits": (" ".join(map(str, figures)) + "\n").encode(),
        **asking,
    }
    return {**found, "paused": f"{why_paused}\n".encode()} if why_paused else found


class Told:
    """Says once when a copy begins to wait, and why, and when it goes on."""

    def __init__(self, name: str, progress: Progress) -> None:
        """
        Args:
            name: The database's, in the manifest.
        """
        self._name, self._progress, self._told = name, progress, ""

    def __call__(self, why: str) -> None:
        """Take what `WHY_SLOWED` told."""
        if why != self._told:
            self._progress.say(f"{self._name}: {'the copy waits: ' + why if why else 'the copy goes on'}")
        self._told = why


def pause(job: Job, why: str) -> None:
    """Have a running copy stop sending within a second or so."""
    script = f"cd {job.folder} 2>/dev/null || exit 0; umask 077; cat > paused.new && mv paused.new paused"
    remote.run(job.connection, script, stdin=f"{why}\n".encode(), doing="pausing the copy")


def resume(job: Job) -> None:
    """Have it go on."""
    remote.run(job.connection, f"rm -f {job.folder}/paused", doing="resuming the copy")
