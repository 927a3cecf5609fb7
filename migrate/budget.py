"""
The rollback budget: how far one can still go back, and what it would carry.

Promise: reads only. Says how far legacy is behind the site, how many rows were written there since it
opened (a rollback brings them all along), how much log the site can still keep for legacy, and until when
the way back was agreed.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.filesize import decimal

from migrate.case import Case
from migrate.errors import EvidenceError
from migrate.fence import FENCES
from migrate.moving import live_moves
from migrate.position import ARM_STEP
from migrate.step import StepContext
from migrate.stop import Stop
from migrate.transfer.contract import Task


@dataclass(frozen=True)
class Budget:
    """One database's; figures are None where nobody can know them."""

    name: str
    state: str
    """As `migrate.transfer.contract.Flow` has it: anything but ``flowing`` needs a look."""
    says: str
    lag_bytes: int | None
    lag_seconds: float | None
    rows_written: int | None
    """Inserted, changed or deleted on the site since the flow was turned."""
    log_room_bytes: int | None
    """What the site keeps for legacy, beyond what it keeps already, before it gives the way back up."""
    agreed_until: datetime | None
    """Nothing happens by itself then: `fab finalize` gives the way back up."""

    def __str__(self) -> str:
        """Such as ``besa: flowing, legacy 0.2 s behind; 412 rows written since; room for 1.9 GB of log``."""
        said = [f"{self.name}: {self.state}" + (f" ({self.says})" if self.says else "")]
        if self.lag_bytes is not None:
            seconds = f", {self.lag_seconds:.1f} s" if self.lag_seconds is not None else ""
            said.append(f"legacy is {decimal(self.lag_bytes)}{seconds} behind")
        if self.rows_written is not None:
            said.append(f"{self.rows_written} rows written on the site since it opened, which come along")
        if self.log_room_bytes is not None:
            said.append(f"room for {decimal(self.log_room_bytes)} of log")
        if self.agreed_until is not None:
            left = self.agreed_until - datetime.now(UTC)
            ends = f"{self.agreed_until:%Y-%m-%d %H:%M} UTC"
            hours = left.total_seconds() / 3600
            said.append(
                f"agreed until {ends}, {hours:.0f} h left" if hours > 0 else f"agreed until {ends}: over"
            )
        return "; ".join(said)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        until = self.agreed_until.isoformat() if self.agreed_until else None
        return {**asdict(self), "agreed_until": until}


def budgets(ctx: StepContext) -> list[Budget]:
    """
    Ask both sides, for every database whose changes flow back.

    Raises:
        MigrationError: One does not answer.
    """
    found = []
    for way, work in live_moves(ctx):
        flow = way.flow(work.turned())
        found.append(
            Budget(
                name=work.name,
                state=flow.state,
                says=flow.says,
                lag_bytes=flow.lag_bytes,
                lag_seconds=flow.lag_seconds,
                rows_written=_written_since(ctx.case, work),
                log_room_bytes=flow.room_bytes,
                agreed_until=agreed_until(ctx.case),
            )
        )
    return found


def agreed_until(case: Case) -> datetime | None:
    """Return until when the way back was agreed; None before the site has opened."""
    try:
        opened_at = case.read_evidence("stop", Stop).opened_at
    except EvidenceError:
        return None
    return opened_at + timedelta(hours=case.manifest.window.way_back_hours)


def rows_written(work: Task) -> int:
    """Return the counter of rows written on a task's target, since its server began to count."""
    return FENCES[work.target_engine].writes_since(work.target).rows_written


def _written_since(case: Case, work: Task) -> int | None:
    armed = case.journal.last("done", ARM_STEP)
    before = armed.data["result"].get(work.name, {}).get("rows_written") if armed else None
    if before is None:
        return None
    # A server that was restarted without warning may have lost its counters.
    return max(0, rows_written(work) - int(before))
