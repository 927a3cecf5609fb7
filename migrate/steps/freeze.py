"""
The step that freezes legacy.

Promise: the freeze is a lease from the first moment on, renewed while the run lives, and lifted by its
undo, or by legacy itself when nobody comes back.
"""

from dataclasses import replace

from migrate import freeze as freezing
from migrate.moving import is_live
from migrate.pausing import require_not_paused
from migrate.step import Result, StepContext, step
from migrate.stop import predicted


def _unfreeze(ctx: StepContext) -> Result:
    """Make legacy writable again, as it was before."""
    lifted = freezing.unfreeze(ctx, f"{ctx.attempt} was called off")
    return {"lifted": {host: look.moment for host, look in lifted.items()}}


@step("freeze-legacy", undo=_unfreeze, keep_alive=freezing.keep_alive)
def freeze_legacy(ctx: StepContext) -> Result:
    """Make legacy read-only for everybody; it stays readable."""
    require_not_paused(ctx)
    frozen = freezing.freeze(
        replace(ctx, params={"mode": "live" if is_live(ctx.case) else "bulk", **ctx.params})
    )
    low, high = predicted(ctx.case)
    return {
        "stopped_since": frozen.frozen_at.isoformat(),
        "predicted_low_seconds": low,
        "predicted_high_seconds": high,
        "frozen_at": frozen.frozen_at.isoformat(),
        "lease_seconds": frozen.lease_seconds,
        "limit_seconds": frozen.limit_seconds,
        # Renewed or not; without a limit, `lease_seconds` after nobody renews it any more.
        "until": frozen.until.isoformat() if frozen.until else None,
        "ended_sessions": sum(len(database.ended) for database in frozen.databases),
        "seconds": sum(database.seconds for database in frozen.databases),
    }
