"""
Pre-production: production's database copied to the test site while its users work, and what follows from it.

Promise: legacy is only read; its users' latency is measured before and during the copy and kept beside it.
Nothing of the copy is left on legacy when it ends.
"""

from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from migrate import door, files
from migrate.assess import Assessment
from migrate.assess.staleness import fingerprint_now
from migrate.errors import Refused, TransferError
from migrate.moving import moves
from migrate.product.evidence import Licence, Licences, Preproduction, ProductionCopy, Seat
from migrate.product.installation import kept, legacy_of, rows, site_of, users_in, version_in
from migrate.product.latency import usual, watched
from migrate.product.order import Ordered
from migrate.step import Progress, StepContext
from migrate.transfer.contract import Copied, Live, Task, Transfer
from migrate.transfer.postgresql_live.sequences import bring_sequences
from migrate.transfer.postgresql_live.sessions import both_at_work

NAME = "preproduction"
"""What the copy is called in names of slots, jobs and streams, so that it never meets the move's own."""
BESIDE = (3.0, 20.0)
"""Seconds, low and high: fence, go-live suite and door, as seen on other moves."""
RESTS_ON = (
    "this tenant's own copy, upgrade and customisations in pre-production, half and three times as measured,"
    " the comparison as assessed; fence, go-live suite and door as seen on other moves"
)


def copy(ctx: StepContext, ordered: Ordered) -> ProductionCopy:
    """
    Copy production's database and files to the closed test site, beside its users' work.

    Raises:
        Refused: Somebody works on the test site already.
        TransferError: Something was not copied, or is left on legacy.
    """
    _require_closed(ctx)
    legacy, probes = legacy_of(ctx.hosts), ordered.product.probes
    before = usual(legacy, probes)
    ctx.progress.say(f"legacy's users before the copy: {before.shown}")
    way, work = _way(ctx)
    if not isinstance(way, Live) or way.flow(work).state == "absent":
        # Whatever lies there is of a copy that ended, or of none: this one begins with an empty site.
        way.empty(work)
    began, fingerprint = monotonic(), fingerprint_now(ctx.case, ctx.hosts)
    with watched(legacy, probes) as watch:
        copied = _copied(way, work, ctx.progress)
        for tree in files.trees(ctx.hosts, "test"):
            files.base_pass(tree, ctx.attempt, ctx.progress)
        during = watch.end()
    ctx.progress.say(f"legacy's users during the copy: {during.shown}; {during.waiting_for_us} waited for it")
    return ProductionCopy(
        attempt=ctx.attempt,
        way="live" if isinstance(way, Live) else "bulk",
        seconds=round(monotonic() - began, 3),
        bytes=copied.bytes,
        tables=copied.tables,
        fingerprint=fingerprint,
        before=before,
        during=during,
        ended_at=datetime.now(UTC),
    )


def clear(ctx: StepContext) -> None:
    """Empty the closed test site: database and files."""
    _require_closed(ctx)
    way, work = _way(ctx)
    way.empty(work)
    for tree in files.trees(ctx.hosts, "test"):
        files.empty_tree(tree)


def _require_closed(ctx: StepContext) -> None:
    stack = ctx.manifest.stack("test")
    if (state := door.read(ctx.hosts.target("test"), ctx.hosts.site("test"))) != "closed":
        raise Refused(
            f"the door of {stack} is {state}: somebody may be testing there",
            state="Nothing was copied.",
            next_step=f"fab door --tenant {ctx.manifest.tenant} --environment test --state closed",
        )


def _way(ctx: StepContext) -> tuple[Transfer, Task]:
    """The way to the test site: by a slot where legacy's server can have one, else by a dump."""
    measured = ctx.case.read_evidence("assessment", Assessment).databases[0].server
    mode = "live" if measured.wal_level == "logical" else "bulk"
    way, work = moves(replace(ctx, params={**ctx.params, "mode": mode}), "test")[0]
    return way, replace(work, name=NAME)


def _copied(way: Transfer, work: Task, progress: Progress) -> Copied:
    if not isinstance(way, Live):
        return way.copy(work, progress)
    copied = way.copy(work, progress)
    way.catch_up(work, progress, within_seconds=2, timeout_seconds=600)
    way.drain(work, timeout_seconds=60)
    way.settle(work)
    if left := way.end(work):
        raise TransferError(
            f"the copy left something behind: {'; '.join(left)}",
            state="Production works as ever.",
            next_step="see to what is named, then fab run",
        )
    # Once more, now that no row flows any more: a number drawn meanwhile must not be drawn again.
    with both_at_work(work) as (source, target):
        bring_sequences(work, source[0], target[0])
    return copied


def side_by_side(ctx: StepContext, ordered: Ordered) -> dict[str, str]:
    """Return the version that each installation tells, legacy's and the test site's, both at work."""
    with legacy_of(ctx.hosts).opened() as old, site_of(ctx.hosts, "test").opened() as new:
        return {
            "legacy": version_in(old, ordered.product),
            "test": version_in(new, ordered.product),
        }


def licences(ctx: StepContext, ordered: Ordered) -> Licences:
    """Return who uses the new version, and from where, as the upgraded installation tells it."""
    product = ordered.product
    with site_of(ctx.hosts, "test").opened() as session:
        users = users_in(session, product)
        seats = (
            rows(session, product, "workstations", product.licences.workstations, 2)
            if product.licences
            else []
        )
        version = version_in(session, product)
    return Licences(
        version=version,
        users=tuple(Licence(code=one.code, name=one.name, kind=one.kind) for one in users),
        seats=tuple(Seat(workstation=str(host), user=str(user)) for host, user in sorted(seats)),
    )


def predict(ctx: StepContext, parts: dict[str, float]) -> Preproduction:
    """
    Return what the tenant's own rehearsal says of the stop in production.

    Args:
        parts: Seconds that copy, upgrade and customisations took in the test environment.
    """
    assessment, found = ctx.case.read_evidence("assessment", Assessment), kept(ctx.case)
    measured = sum(parts.values())
    estimate = assessment.estimate
    return Preproduction(
        measured_at=datetime.now(UTC),
        from_version=found.version,
        to_version=found.to,
        fingerprint=ctx.case.read_evidence("test-copy", ProductionCopy).fingerprint,
        parts=parts,
        low_seconds=round(measured / 2 + BESIDE[0], 1),
        high_seconds=round(
            3 * measured + max(estimate.high_seconds - estimate.low_seconds, 0) + BESIDE[1], 1
        ),
        rests_on=RESTS_ON,
    )
