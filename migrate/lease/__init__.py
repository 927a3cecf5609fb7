"""
The lease on one host: a freeze that its own host lifts when nobody renews it in time, or at its limit.

Promise: whatever happens to Bascule, its machine or the network, that side works again after at most
the lease's seconds, and after its limit even while it is renewed, as long as that host runs; a lease that
was lifted can neither be renewed nor committed; `commit` and the keeper decide by the same rename, so
never both. Where the host itself is restarted while Bascule is away, its keeper is gone: the freeze then
lasts until any command of Bascule renews or lifts it, since nothing is put into a customer's start-up.

Lies in ``.bascule/lease/<tenant>`` below the login folder (mode 0700), or ``.bascule/lease-site/<stack>``
on a site's host, where several tenants' may lie; see keeper.sh and lift.sh.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from shlex import quote
from time import monotonic_ns
from typing import Literal

from fabric import Connection

from migrate import remote
from migrate.errors import FreezeError
from migrate.remote_jobs import Job

State = Literal["absent", "armed", "committed", "lifting", "lifted"]

_STATE = """
cd {folder} 2>/dev/null || {{ echo absent; exit 0; }}
. ./clock
{before}
for state in armed committed lifting lifted; do [ -e $state ] && break; done
echo $state; cat attempt seconds
lock=../../jobs/{keeper}/lock
[ -e $lock ] && ! flock -n $lock true && echo alive || echo dead
cat moment 2>/dev/null || echo; cat reason 2>/dev/null || echo
left
"""

_RENEW = """[ ! -e armed ] || (umask 077; echo {nonce} > renewed.{nonce} && mv renewed.{nonce} renewed)"""

_COMMIT = """
[ "$(cat attempt)" != {attempt} ] || over || mv armed committed 2>/dev/null
[ ! -e committed ] || rm -f secret-*
sync . 2>/dev/null || sync
"""

_HAND_OVER = """
cd {folder} 2>/dev/null || {{ rm -rf {parts}; exit 0; }}
mv -f {parts}/* . && rmdir {parts}
"""

_LIFT = """
if [ -e committed ]; then touch databases-only; fi
for state in armed committed {again}; do mv $state lifting 2>/dev/null && break; done
sh ./lift >&2 || exit 1
"""

# What is there already stays as it is: a repeated freeze neither begins anew nor gets more time. Renews
# too, so that whoever begins the freeze knows how long the lease lasts at least.
_PROTECT = """
cd {folder} || exit 1
. ./clock
[ -e armed ] || {{ rm -rf {parts}; echo lost; exit 0; }}
(umask 077; echo {nonce} > renewed.{nonce} && mv renewed.{nonce} renewed) || exit 1
for each in limit frozen-{name}; do [ ! -e $each ] || rm -f {parts}/$each; done
if [ -e {parts}/limit ]; then
    echo "$(cat {parts}/limit) $(now)" > {parts}/began && mv {parts}/began {parts}/limit || exit 1
fi
[ -e frozen-{name} ] && cat frozen-{name} || echo new
mv -f {parts}/* . && rm -rf {parts}
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
    limit_seconds: int | None = None
    """How long the freeze may last, renewed or not; None without a limit, or before the freeze."""
    left_seconds: int | None = None
    """How much of that is left."""


@dataclass(frozen=True)
class Lease:
    """The lease of one tenant on one host, of its legacy system or of its site."""

    connection: Connection
    host: str
    """As the manifest names it; for a site, its stack."""
    tenant: str
    side: Literal["legacy", "site"] = "legacy"

    @property
    def folder(self) -> str:
        if self.side == "site":
            return f".bascule/lease-site/{self.host}"
        return f".bascule/lease/{self.tenant}"

    @property
    def keeper(self) -> str:
        """Name of the job that keeps it."""
        return f"keeper-site-{self.host}" if self.side == "site" else f"keeper-{self.tenant}"

    def look(
        self, *, before: str = ":", doing: str = "looking at the lease", timeout_seconds: float = 60
    ) -> Look:
        """Return its state; changes nothing by itself. `before` runs in its folder first."""
        script = _STATE.format(folder=quote(self.folder), keeper=quote(self.keeper), before=before)
        lines = self._run(script, doing, timeout_seconds=timeout_seconds).split("\n")
        if lines[0] == "absent":
            return Look("absent")
        state, attempt, seconds, keeper, moment, reason, limit = (*lines, "", "", "")[:7]
        whole, left = (int(each) for each in limit.split()) if limit else (None, None)
        return Look(state, attempt, int(seconds), keeper == "alive", moment, reason, whole, left)  # type: ignore[arg-type] # the script prints no other state

    def arm(
        self,
        attempt: str,
        seconds: int,
        controls: Sequence[str],
        *,
        needs: Sequence[str] = (),
        is_over: Callable[[], bool] = lambda: False,
    ) -> Look:
        """
        Begin the lease, or renew it when this attempt has begun it already; return what it says then.

        Args:
            controls: Control commands of the interfaces on this host, relative to the login folder.
            needs: Programs that lifting needs (`Fence.lift_needs`).
            is_over: Asked about one that another attempt committed: whether it counts for nothing any more.

        Raises:
            LeaseLost: It ran out in this attempt, or another attempt holds it.
        """
        seen = self.look()
        if seen.state == "armed" and seen.attempt == attempt:
            return self.renew()
        held = seen.state in ("armed", "lifting") or (seen.state == "committed" and not is_over())
        if held or seen.attempt == attempt:
            raise self.refusal(seen, attempt)
        needed = " ".join([*needs, "flock", "setsid", "timeout"])
        contents = {
            "armed": b"",
            "attempt": f"{attempt}\n".encode(),
            "seconds": f"{seconds}\n".encode(),
            "renewed": f"{monotonic_ns()}\n".encode(),
            "interfaces": "".join(f"{control}\n" for control in controls).encode(),
            "lift": (files(__package__) / "lift.sh").read_bytes(),
            "clock": (files(__package__) / "clock.sh").read_bytes(),
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
        return Look("armed", attempt, seconds, has_keeper=True)

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

    def protect(
        self, name: str, lifting: Mapping[str, bytes], *, limit_seconds: int | None
    ) -> datetime | None:
        """
        Put on the host what lifts the freeze of one database, and start the clock of the limit.

        Args:
            lifting: What `Fence.lift_files` gives.
            limit_seconds: How long the freeze may last from now on; what was set first in this lease stays.

        Returns:
            When this was first done in this lease, before the crash that is made up for; None when it is now.

        Raises:
            LeaseLost: It ran out meanwhile.
        """
        contents = {**lifting, f"frozen-{name}": datetime.now(UTC).isoformat().encode() + b"\n"}
        if limit_seconds is not None:
            contents["limit"] = b"%d" % limit_seconds
        parts = f"{self.folder}.parts"
        then = _PROTECT.format(
            folder=quote(self.folder),
            parts=f"../{quote(Path(parts).name)}",
            name=quote(name),
            nonce=monotonic_ns(),
        )
        said = remote.write_folder(
            self.connection, parts, contents, then=then, doing="keeping what lifts the freeze"
        )
        if said == "lost":
            seen = self.look()
            raise self.refusal(seen, seen.attempt)
        return None if said == "new" else datetime.fromisoformat(said)

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

    def lift(self, secrets: Mapping[str, bytes], reason: str, *, again: bool = False) -> Look:
        """
        Lift the freeze at once, and return what the lease says then. May be repeated.

        Args:
            secrets: What `Fence.lift_files` calls ``secret-…``: they are gone from the host after a commit.
            again: Also where it says that it was lifted already.

        Raises:
            FreezeError: It could not be lifted; the keeper, if it lives, goes on trying.
        """
        parts = f"{self.folder}.parts"
        hand_over = _HAND_OVER.format(folder=quote(self.folder), parts=f"../{quote(Path(parts).name)}")
        contents = {**secrets, "why": f"{reason}\n".encode()}
        remote.write_folder(self.connection, parts, contents, then=hand_over, doing="lifting the freeze")
        before = "[ -e lifted ] || cp why reason\n" + _LIFT.format(again="lifted" if again else "")
        seen = self.look(before=before, doing="lifting the freeze", timeout_seconds=180)
        if seen.state not in ("lifted", "absent"):
            raise FreezeError(f"{self.host}: the freeze is not lifted", next_step="fab unfreeze")
        return seen

    def refusal(self, seen: Look, attempt: str) -> LeaseLost:
        """The error that says why this lease is of no use to `attempt`."""
        again = f"fab run --tenant {self.tenant}, which begins a new attempt"
        which = "Legacy" if self.side == "legacy" else "The site"
        match seen.state:
            case "absent":
                return LeaseLost(f"{self.host}: nothing is frozen there", next_step=again)
            case "lifted" | "lifting":
                when = f"at {seen.moment}" if seen.moment else "just now"
                return LeaseLost(
                    f"{self.host} lifted the freeze of {seen.attempt} {when}: {seen.reason}",
                    state=f"{which} is writable and its users work on it; this attempt is over.",
                    next_step=again,
                )
            case _ if seen.attempt != attempt:
                return LeaseLost(
                    f"{self.host} is frozen by {seen.attempt}, not by {attempt}",
                    state=f"{which} is read-only.",
                    next_step=f"fab unfreeze --tenant {self.tenant}, unless {seen.attempt} is still at work",
                )
            case "armed":
                return LeaseLost(
                    f"{self.host}: the freeze of {attempt} is over its limit of {seen.limit_seconds} s",
                    state=f"The host makes {which.lower()} writable by itself now; this attempt is over.",
                    next_step=again,
                )
            case _:
                return LeaseLost(
                    f"{self.host} is frozen for good since {seen.attempt} went through",
                    state=f"{which} is read-only and readable.",
                )

    def _keep(self, attempt: str, seconds: int) -> None:
        keeper = (files(__package__) / "keeper.sh").read_bytes()
        job = Job(self.connection, self.keeper)
        # Whatever it was before, it keeps nothing any more.
        job.discard()
        job.start(
            spec=f"{attempt} {seconds}",
            script=f"exec sh ./keeper ../../../{quote(self.folder)}",
            files={"keeper": keeper},
        )

    def _run(self, script: str, doing: str, *, timeout_seconds: float) -> str:
        return remote.run(
            self.connection, script, raising=FreezeError, doing=doing, timeout_seconds=timeout_seconds
        ).text
