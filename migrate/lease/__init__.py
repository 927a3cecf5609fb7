"""
The lease on one legacy host: a freeze that its own host lifts when nobody renews it in time.

Promise: whatever happens to Bascule, its machine or the network, legacy works again after at most
the lease's seconds, as long as that host runs; a lease that was lifted can neither be renewed nor
committed; `commit` and the keeper decide by the same rename, so never both.

Lies in ``.bascule/lease/<tenant>`` below the login folder (mode 0700); see keeper.sh and lift.sh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from shlex import quote
from time import monotonic_ns
from typing import Literal

from fabric import Connection

from migrate import remote
from migrate.databases import Endpoint
from migrate.errors import FreezeError
from migrate.remote_jobs import Job

State = Literal["absent", "armed", "committed", "lifting", "lifted"]

_STATE = """
cd {folder} 2>/dev/null || {{ echo absent; exit 0; }}
{before}
for state in armed committed lifting lifted; do [ -e $state ] && break; done
echo $state; cat attempt seconds
lock=../../jobs/{keeper}/lock
[ -e $lock ] && ! flock -n $lock true && echo alive || echo dead
cat moment 2>/dev/null || echo; cat reason 2>/dev/null || echo
"""

_RENEW = """[ ! -e armed ] || (umask 077; echo {nonce} > renewed.{nonce} && mv renewed.{nonce} renewed)"""

_COMMIT = """
[ "$(cat attempt)" != {attempt} ] || mv armed committed 2>/dev/null
[ ! -e committed ] || rm -f pgpass-*
sync . 2>/dev/null || sync
"""

_LIFT = """
cd {folder} || exit 1
[ ! -e committed ] || touch databases-only
for state in armed committed lifted; do mv $state lifting 2>/dev/null && break; done
sh ./lift
"""


class LeaseLost(FreezeError):  # noqa: N818 - reads as what it is
    """The lease is not there for whoever asked: it ran out, was never begun, or is another attempt's."""


@dataclass(frozen=True)
class Look:
    """What a lease says. `moment` is when it was lifted, in UTC; `reason` why."""

    state: State
    attempt: str = ""
    seconds: int = 0
    has_keeper: bool = False
    moment: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Lease:
    """The lease of one tenant on one host."""

    connection: Connection
    host: str
    """As the manifest names it."""
    tenant: str

    @property
    def folder(self) -> str:
        return f".bascule/lease/{self.tenant}"

    @property
    def keeper(self) -> str:
        """Name of the job that keeps it."""
        return f"keeper-{self.tenant}"

    def look(self, *, before: str = ":", doing: str = "looking at the lease") -> Look:
        """Return its state; changes nothing by itself. `before` runs in its folder first."""
        script = _STATE.format(folder=quote(self.folder), keeper=quote(self.keeper), before=before)
        lines = self._run(script, doing).split("\n")
        if lines[0] == "absent":
            return Look("absent")
        state, attempt, seconds, keeper, moment, reason = (*lines, "", "")[:6]
        return Look(state, attempt, int(seconds), keeper == "alive", moment, reason)  # type: ignore[arg-type] # the script prints no other state

    def arm(self, attempt: str, seconds: int, controls: Sequence[str], *, needs_psql: bool) -> None:
        """
        Begin the lease, or renew it when this attempt has begun it already.

        Args:
            controls: Control commands of the interfaces on this host, relative to the login folder.

        Raises:
            LeaseLost: It ran out in this attempt, or another attempt holds it.
        """
        seen = self.look()
        if seen.state == "armed" and seen.attempt == attempt:
            self.renew()
            return
        if seen.state in ("armed", "committed", "lifting") or seen.attempt == attempt:
            raise self.refusal(seen, attempt)
        needed = "psql flock setsid timeout" if needs_psql else "flock setsid timeout"
        contents = {
            "armed": b"",
            "attempt": f"{attempt}\n".encode(),
            "seconds": f"{seconds}\n".encode(),
            "renewed": f"{monotonic_ns()}\n".encode(),
            "interfaces": "".join(f"{control}\n" for control in controls).encode(),
            "lift": (files(__package__) / "lift.sh").read_bytes(),
        }
        old, new = quote(self.folder), quote(f"{self.folder}.new")
        check = f"for each in {needed}; do command -v $each > /dev/null || exit 127; done; "
        remote.write_folder(
            self.connection,
            f"{self.folder}.new",
            contents,
            then=f"{check} rm -rf {old} && mv {new} {old}",
            doing=f"beginning the lease, which needs {needed},",
        )
        self._keep(attempt, seconds)

    def renew(self) -> Look:
        """
        Renew it, and start its keeper again should that have died.

        Raises:
            LeaseLost: There is nothing to renew any more: it was lifted, or never begun.
        """
        # Looked at after the renewal: one that came too late must not count.
        seen = self.look(before=_RENEW.format(nonce=monotonic_ns()), doing="renewing the lease")
        if seen.state not in ("armed", "committed"):
            raise self.refusal(seen, seen.attempt)
        if seen.state == "armed" and not seen.has_keeper:
            self._keep(seen.attempt, seen.seconds)
        return seen

    def protect(self, name: str, endpoint: Endpoint, restore_sql: str) -> datetime:
        """
        Put on the host what lifts the freeze of one database; what is there already stays as it is.

        Returns:
            When this was first done in this lease: now, or before the crash that is made up for.
        """
        stem, ca = f"restore-{name}", f"ca-{name}.pem"
        contents = {
            # Relative: the lease's own folder is where psql runs.
            f"{stem}.conninfo": endpoint.conninfo(ca_file=ca, application="bascule lease").encode(),
            f"{stem}.sql": restore_sql.encode(),
            f"pgpass-{name}": endpoint.pgpass,
            ca: endpoint.ca.encode(),
            f"frozen-{name}": datetime.now(UTC).isoformat().encode(),
        }
        # Never replaced: a repeated freeze would take its own setting for the one from before.
        # mv goes by name, so the .sql, which makes the rest count, comes last.
        then = (
            f"cd {quote(self.folder)} || exit 1; [ -e {stem}.sql ] || mv ../{self.tenant}.parts/* .; "
            f"[ -e {stem}.sql ] && rm -rf ../{self.tenant}.parts && cat frozen-{name}"
        )
        parts = f".bascule/lease/{self.tenant}.parts"
        said = remote.write_folder(
            self.connection, parts, contents, then=then, doing="keeping what lifts the freeze"
        )
        return datetime.fromisoformat(said)

    def commit(self, attempt: str) -> None:
        """
        Give the lease up for good: the host lifts nothing any more. May be repeated.

        Raises:
            LeaseLost: It was lifted already, or belongs to another attempt; the move must not go on.
        """
        before = _COMMIT.format(attempt=quote(attempt))
        seen = self.look(before=before, doing="committing the freeze")
        if seen.state != "committed" or seen.attempt != attempt:
            raise self.refusal(seen, attempt)

    def lift(self, databases: Mapping[str, Endpoint], reason: str) -> None:
        """
        Lift the freeze at once. May be repeated.

        Args:
            databases: Those on this host, by name: their passwords are gone from it after a commit.

        Raises:
            FreezeError: It could not be lifted; the keeper, if it lives, goes on trying.
        """
        if self.look().state == "absent":
            return
        for name, endpoint in databases.items():
            remote.write_file(self.connection, f"{self.folder}/pgpass-{name}", endpoint.pgpass)
        remote.write_file(self.connection, f"{self.folder}/reason", f"{reason}\n".encode())
        self._run(_LIFT.format(folder=quote(self.folder)), "lifting the freeze", timeout_seconds=180)
        if self.look().state != "lifted":
            raise FreezeError(f"{self.host}: the freeze is not lifted", next_step="fab unfreeze")

    def refusal(self, seen: Look, attempt: str) -> LeaseLost:
        """The error that says why this lease is of no use to `attempt`."""
        again = f"fab run --tenant {self.tenant}, which begins a new attempt"
        match seen.state:
            case "absent":
                return LeaseLost(f"{self.host}: nothing is frozen there", next_step=again)
            case "lifted" | "lifting":
                when = f"at {seen.moment}" if seen.moment else "just now"
                return LeaseLost(
                    f"{self.host} lifted the freeze of {seen.attempt} {when}: {seen.reason}",
                    state="Legacy is writable and its users work on it; this attempt can no longer go live.",
                    next_step=again,
                )
            case _ if seen.attempt != attempt:
                return LeaseLost(
                    f"{self.host} is frozen by {seen.attempt}, not by {attempt}",
                    state="Legacy is read-only.",
                    next_step=f"fab unfreeze --tenant {self.tenant}, unless {seen.attempt} is still at work",
                )
            case _:
                return LeaseLost(
                    f"{self.host} is frozen for good since {seen.attempt} went live",
                    state="Legacy is read-only and readable.",
                )

    def _keep(self, attempt: str, seconds: int) -> None:
        keeper = (files(__package__) / "keeper.sh").read_bytes()
        Job(self.connection, self.keeper).ensure(
            spec=f"{attempt} {seconds}",
            script=f"exec sh ./keeper ../../lease/{quote(self.tenant)}",
            files={"keeper": keeper},
        )

    def _run(self, script: str, doing: str, *, timeout_seconds: float = 60) -> str:
        return remote.run(
            self.connection, script, raising=FreezeError, doing=doing, timeout_seconds=timeout_seconds
        ).text
