"""
Long commands that run on another host by themselves: started once, watched, attached to again.

Promise: a job goes on when this process is killed or the connection breaks; whoever comes back
attaches to it or reads how it ended, so nothing runs twice. It lies in a folder of its own,
``.bascule/jobs/<name>`` below the login folder, that only its user may read. A job counts as
running as long as any process of it lives: each holds the lock in that folder.

Needs setsid and flock (util-linux) on the host.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from fabric import Connection

from migrate import remote
from migrate.errors import MigrationError

FOLDER = ".bascule/jobs"

State = Literal["absent", "running", "finished", "died"]
"""died: no process of it lives, yet it never said how it ended (killed, or the host was restarted)."""

_LOOK = """
cd {folder} 2>/dev/null || {{ echo absent; exit 0; }}
if [ -e status ]; then echo finished
elif flock -w {wait_seconds} lock true; then [ -e status ] && echo finished || echo died
elif [ -e status ]; then echo finished
else echo running; fi
cat spec; echo; cat status 2>/dev/null || echo -
{measure}
:
"""

# The lock is taken by waiting: a look that happens at this very moment holds it for an instant.
_RUNNER = (
    "exec 9>lock; flock 9; echo $$ > pid.new && mv pid.new pid; "
    "sh ./script > log 2> err < /dev/null; s=$?; echo $s > status.new; mv status.new status"
)

_START = f"""
[ ! -e {{folder}} ] || {{{{ echo "this job exists already" >&2; exit 1; }}}}
mv {{folder}}.new {{folder}} && cd {{folder}} || exit 1
setsid sh -c {quote(_RUNNER)} < /dev/null > /dev/null 2>&1 &
n=0; while [ $n -lt 100 ] && ! [ -e pid ]; do sleep 0.05; n=$((n + 1)); done
[ -e pid ]
"""

_CANCEL = """
gone() {{
    rm -rf {folder} {new}
    exit
}}
[ -e {folder}/lock ] || gone
flock -n {folder}/lock true && gone
for signal in TERM KILL; do
    kill -s $signal -- "-$(cat {folder}/pid)" 2>/dev/null
    n=0; while [ $n -lt 100 ]; do
        flock -n {folder}/lock true && gone
        sleep 0.05; n=$((n + 1))
    done
done
echo "it does not end" >&2; exit 1
"""


@dataclass(frozen=True)
class Look:
    """What a job is doing. `spec` is what it was started for; `status` its exit status, when finished."""

    state: State
    spec: str = ""
    status: int | None = None
    measured: str = ""
    """What the command given as `measure` said."""

    def serves(self, spec: str) -> bool:
        """Whether it runs, or has finished, for this `spec`: who wants that attaches to it."""
        return self.state in ("running", "finished") and self.spec == spec


@dataclass(frozen=True)
class Ended:
    """How a job ended, and all that it said."""

    status: int
    log: str
    errors: str


@dataclass(frozen=True)
class Job:
    """One job of a host. `name` is safe in a path."""

    connection: Connection
    name: str

    @property
    def folder(self) -> str:
        """Relative to the login folder; the job's script runs in it."""
        return f"{FOLDER}/{self.name}"

    def look(self, *, wait_seconds: float = 0, measure: str = "") -> Look:
        """
        Return its state, at once or after waiting that long for its end.

        Args:
            measure: A shell command that runs in the job's folder, such as ``du -sk data``.
        """
        script = _LOOK.format(folder=quote(self.folder), wait_seconds=f"{wait_seconds:g}", measure=measure)
        said = remote.run(
            self.connection, script, timeout_seconds=wait_seconds + 60, doing=f"looking at {self.name}"
        ).text
        lines = said.split("\n")
        match lines[0]:
            case "absent":
                return Look("absent")
            case "running" | "finished" | "died" as state:
                status = int(lines[2]) if state == "finished" else None
                return Look(state, lines[1], status, "\n".join(lines[3:]))
            case other:
                raise MigrationError(f"{self.connection.host}: job {self.name} is in the state {other!r}")

    def start(self, *, spec: str, script: str, files: Mapping[str, bytes] | None = None) -> None:
        """
        Start it; its process is alive on return. The job must be absent.

        Args:
            spec: One line: what this run is for. Whoever attaches later compares it.
            script: POSIX shell, run in the job's folder with `files` beside it (mode 0600).
        """
        contents = {**(files or {}), "script": script.encode(), "spec": spec.encode()}
        starting = _START.format(folder=quote(self.folder))
        remote.write_folder(
            self.connection, f"{self.folder}.new", contents, then=starting, doing=f"starting {self.name}"
        )

    def ensure(self, *, spec: str, script: str, files: Mapping[str, bytes] | None = None) -> bool:
        """
        Start it, unless it runs or has finished for the same `spec`; a job for another one is ended first.

        Returns:
            Whether it was started now.
        """
        seen = self.look()
        if seen.serves(spec):
            return False
        if seen.state != "absent":
            self.discard()
        self.start(spec=spec, script=script, files=files)
        return True

    def wait(self, *, measure: str = "", tell: Callable[[str], None] = lambda _: None) -> Ended:
        """
        Wait for its end, telling what `measure` says about every second.

        Raises:
            MigrationError: It died without saying how, or is absent.
        """
        while (seen := self.look(wait_seconds=1, measure=measure)).state == "running":
            tell(seen.measured)
        if seen.state != "finished" or seen.status is None:
            raise MigrationError(
                f"{self.connection.host}: job {self.name} {seen.state}: it was killed, or the host restarted",
                state=f"Its log is in {self.folder} there.",
                next_step="the same command again starts it anew",
            )
        tell(seen.measured)
        both = f"cd {quote(self.folder)} && cat log && printf '\\000' && cat err"
        done = remote.run(self.connection, both, timeout_seconds=600, doing=f"reading what {self.name} said")
        # Its last byte of the kind: a log may hold others.
        log, _, errors = (part.decode(errors="backslashreplace") for part in done.stdout.rpartition(b"\0"))
        return Ended(seen.status, log, errors)

    def discard(self) -> None:
        """End it if it runs, and remove its folder with everything in it."""
        script = _CANCEL.format(folder=quote(self.folder), new=quote(f"{self.folder}.new"))
        remote.run(self.connection, script, timeout_seconds=600, doing=f"ending {self.name}")
