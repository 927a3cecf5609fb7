"""
Commands on the freeze, by hand: for a try beforehand, or when somebody has to step in.

Promise: the lease lifts a freeze by itself, whoever forgot to.
"""

from datetime import UTC, datetime, timedelta

from fabric import Connection, task

from migrate import freeze as freezing
from migrate import lock
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import FreezeError
from migrate.progress import screen
from migrate.step import StepContext
from migrate.tasks.edge import for_a_person, open_case

BY_HAND_SECONDS = 600


@task(
    name="freeze",
    help={
        "tenant": "Whose legacy system.",
        "lease-seconds": f"Legacy lifts the freeze by itself after this long; {BY_HAND_SECONDS} by default.",
    },
)
def freeze(_c: Connection, tenant: str, lease_seconds: int = BY_HAND_SECONDS) -> None:
    """Make legacy read-only for a while, outside a run; it stays readable and lifts it by itself."""
    with for_a_person():
        case = open_case(tenant)
        with lock.held(case.folder, tenant), Hosts(case.workspace, case.manifest) as hosts:
            attempt = f"hand-{datetime.now(UTC):%Y%m%dT%H%M%S}"
            ctx = StepContext(case, hosts, screen(), attempt, {"lease_seconds": lease_seconds})
            try:
                done = freezing.freeze(ctx)
            except FreezeError:
                # What this command half did, nobody else puts back; what another holds stays its own.
                if any(lease.look().attempt == attempt for lease in freezing.leases(ctx)):
                    freezing.unfreeze(ctx, "the freeze by hand failed")
                    case.journal.append("legacy", tenant, state="writable")
                raise
            until = datetime.now(UTC) + timedelta(seconds=done.lease_seconds)
            case.journal.append("legacy", tenant, state="read-only", until=until.isoformat())
    print(f"read-only since {done.frozen_at:%H:%M:%S} UTC, for {done.lease_seconds} s")
    print(f"Next: fab unfreeze --tenant {tenant}")


@task(
    name="unfreeze",
    help={
        "tenant": "Whose legacy system.",
        "after-going-live": "Also when the tenant works on its site, whose writes legacy will lack.",
    },
)
def unfreeze(_c: Connection, tenant: str, after_going_live: bool = False) -> None:
    """Make legacy writable again, as it was before; interfaces go back to it unless the tenant went live."""
    with for_a_person():
        case = open_case(tenant)
        with lock.held(case.folder, tenant), Hosts(case.workspace, case.manifest) as hosts:
            ctx = StepContext(case, hosts, screen(), attempt="")
            _require_no_live_site(ctx.case, ctx, allowed=after_going_live)
            found = freezing.unfreeze(ctx, "unfrozen by hand")
            case.journal.append("legacy", tenant, state="writable")
    for host, seen in found.items():
        print(f"{host}: {'nothing was frozen' if seen.state == 'absent' else 'writable'}")


def _require_no_live_site(case: Case, ctx: StepContext, *, allowed: bool) -> None:
    committed = [lease.host for lease in freezing.leases(ctx) if lease.look().state == "committed"]
    if committed and not allowed:
        raise FreezeError(
            f"{case.manifest.tenant} has gone live, so {', '.join(committed)} stays read-only",
            state="Two systems that both take writes would drift apart.",
            next_step=f"fab unfreeze --tenant {case.manifest.tenant} --after-going-live, if it must be",
        )
