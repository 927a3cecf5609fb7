"""
Watching over an armed way back: what changed is read and compared, and the budget that is left is weighed.

Promise: changes nothing that users see. A server keeps log for whoever reads its changes; the comparison
reads them here, so that neither server keeps more than what was written since the look before. Whatever
shortens the way back is said in words.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.filesize import decimal

from migrate import logins
from migrate.budget import Budget, budgets
from migrate.compare.engines import beside
from migrate.errors import Refused
from migrate.moving import live_moves
from migrate.position import way_back
from migrate.step import StepContext
from migrate.steps.compare import BaseComparisons, beside_work

LEAST_LOG_BYTES = 512 * 1024**2
"""With less room for log the way back may be lost before anybody looks again."""
LONGEST_LAG_SECONDS = 300.0
LEAST_TIME = timedelta(hours=24)
"""Before the end of what was agreed: one more night."""


@dataclass(frozen=True)
class Kept:
    """Log that a server kept for the comparison, before it was read and after; bytes."""

    database: str
    side: str
    before_bytes: int
    after_bytes: int

    def __str__(self) -> str:
        now = decimal(self.after_bytes)
        return f"{self.database}: {self.side} kept {decimal(self.before_bytes)} of log for it, now {now}"


@dataclass(frozen=True)
class Watch:
    """One look at a tenant's way back."""

    tenant: str
    budget: tuple[Budget, ...]
    kept: tuple[Kept, ...]
    rows: int
    """Compared, all together."""
    different: tuple[str, ...]
    """Tables that differ although nobody is changing them."""
    runs_out: tuple[str, ...]
    """Why somebody must act before the next look; empty while all is well."""

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "tenant": self.tenant,
            "budget": [one.as_json() for one in self.budget],
            "kept": [vars(one) for one in self.kept],
            "rows": self.rows,
            "different": list(self.different),
            "runs_out": list(self.runs_out),
        }


def is_armed(ctx: StepContext) -> bool:
    """Whether the tenant has a way back to watch over; reads the journal only."""
    return way_back(ctx.case.journal) == "armed"


def watch(ctx: StepContext) -> Watch:
    """
    Read and compare what changed on both sides, then weigh what is left of the way back.

    Raises:
        Refused: No way back is armed.
        ComparisonError, ConnectionFailed: A side could not be read.
    """
    tenant = ctx.manifest.tenant
    if not is_armed(ctx):
        raise Refused(f"{tenant} has no way back armed", next_step=f"fab status --tenant {tenant}")
    found, kept, expiring = [], [], []
    for _, work in live_moves(ctx):
        expiring.append(work.source.expiry())
        sides = {"legacy": work.source, "site": work.target}
        by = beside(work.engine, work.target_engine)
        before = by.retained(work.tenant, work.name, work.source, work.target)
        found.append(beside_work(ctx, work))
        after = by.retained(work.tenant, work.name, work.source, work.target)
        kept += [Kept(work.name, side, was, now) for side, was, now in zip(sides, before, after, strict=True)]
    ctx.case.write_evidence("way-back-watch", BaseComparisons(attempt=ctx.attempt, databases=tuple(found)))
    left = tuple(budgets(ctx))
    different = tuple(table.name for one in found for table in one.different)
    return Watch(
        tenant=tenant,
        budget=left,
        kept=tuple(kept),
        rows=sum(one.rows for one in found),
        different=different,
        runs_out=(
            *(f"{name} differs between legacy and the site" for name in different),
            *(why for one in left for why in _runs_out(one)),
            # Without it nobody could make legacy writable again.
            *(f"{one}; {one.remedy}" for one in logins.before(expiring, datetime.now(UTC) + LEAST_TIME)),
        ),
    )


def _runs_out(budget: Budget) -> list[str]:
    """Why one database's way back may not last until the next look."""
    found = []
    if budget.state != "flowing":
        found.append(f"{budget.name}: changes do not flow back: {budget.says or budget.state}")
    if budget.log_room_bytes is not None and budget.log_room_bytes < LEAST_LOG_BYTES:
        found.append(f"{budget.name}: the site has room for {decimal(budget.log_room_bytes)} of log only")
    if budget.lag_seconds is not None and budget.lag_seconds > LONGEST_LAG_SECONDS:
        found.append(f"{budget.name}: legacy is {budget.lag_seconds:.0f} s behind")
    if budget.agreed_until is not None and budget.agreed_until - datetime.now(UTC) < LEAST_TIME:
        found.append(f"{budget.name}: agreed until {budget.agreed_until:%Y-%m-%d %H:%M} UTC only")
    return found
