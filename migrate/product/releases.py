"""
Upgrading a site in operation: through test first, then production, with a safety copy before and a way back.

Promise: production is touched only once the same chain brought a copy of its own data to the same version on
the test site. Whatever fails then, the safety copy is put back and the site opens as it was; killed anywhere
and called again, it goes on from there, also when it was on its way back.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic

import psycopg
from pydantic import AwareDatetime

from migrate import door
from migrate.errors import MigrationError, Refused
from migrate.product import chain, safety_copy
from migrate.product.chain import HopDone
from migrate.product.description import ProductError
from migrate.product.installation import owner_of, rows, site_of, version_in
from migrate.product.order import Ordered
from migrate.step import StepContext
from migrate.transfer.postgresql_bulk import grant
from provisioning.errors import BasculeError
from provisioning.manifest import Environment
from provisioning.model import Model

RECORD = "release"
"""
The journal's kind of record: about a version, with ``attempt`` and ``state``: begun, copied, upgraded,
open, or going-back and gone-back.
"""


class Release(Model):
    """Evidence ``release-test`` and ``release-prod``."""

    attempt: str
    from_version: str
    to_version: str
    chain: str
    """SHA-256 of every step that it ran."""
    hops: tuple[HopDone, ...]
    safety_copy: str
    """On the host that it lies on."""
    seconds: float
    ended_at: AwareDatetime


def present(ctx: StepContext, ordered: Ordered, environment: Environment = "prod") -> str:
    """Return the version that a site tells."""
    with site_of(ctx.hosts, environment).opened() as session:
        return version_in(session, ordered.product)


def chain_digest(ordered: Ordered, version: str) -> str:
    """Return SHA-256 over all that an upgrade from a version to the ordered one runs."""
    whole = hashlib.sha256()
    for hop in chain.path(ordered.product, version, ordered.order.to):
        for step in chain.applying(hop, version):
            whole.update(f"{hop.from_} {hop.to} {step.name}\n".encode())
            whole.update((ordered.folder / step.file).read_bytes())
    return whole.hexdigest()


def through_test(ctx: StepContext, ordered: Ordered) -> Release:
    """
    Bring a copy of production's data to the new version on the test site.

    Raises:
        Refused: Production is of that version already.
        ProductError: The chain failed, or what the product's users do all day does.
    """
    version, to = present(ctx, ordered), ordered.order.to
    if version == to:
        raise Refused(
            f"{ctx.manifest.stack('prod')} is of version {to} already",
            next_step=f"set to: in stacks/{ctx.manifest.tenant}.upgrade.yaml to the version that comes next",
        )
    began, digest = monotonic(), chain_digest(ordered, version)
    path = safety_copy.make(ctx.hosts, "prod", f"for-test-{to}")
    there = safety_copy.carry(ctx.hosts, path, f"for-test-{to}")
    safety_copy.put_back(ctx.hosts, "test", there)
    hops = _upgraded(ctx, ordered, "test", version)
    return Release(
        attempt=ctx.attempt,
        from_version=version,
        to_version=to,
        chain=digest,
        hops=hops,
        safety_copy=there,
        seconds=round(monotonic() - began, 3),
        ended_at=datetime.now(UTC),
    )


def in_production(ctx: StepContext, ordered: Ordered, tested: Release) -> Release:
    """
    Bring production to the version that was tested; on any failure, back to what it was.

    Raises:
        Refused: Something else was tested.
        MigrationError: It failed; says whether production works as before.
    """
    state, began = _state(ctx, tested), monotonic()
    name = f"before-{tested.to_version}"
    path = f"{ctx.hosts.site().backups}/{name}.dump"
    if state == "going-back":
        _go_back(ctx, tested, path, "it was cut short on its way back")
    if state in (None, "begun", "copied") and (why := _differs(ctx, ordered, tested, state)):
        if state == "copied":
            _go_back(ctx, tested, path, why)
        if state == "begun":
            door.flip(ctx.hosts.target(), ctx.hosts.site(), "open")
        raise _not_tested(ctx, tested, why)
    target, site = ctx.hosts.target(), ctx.hosts.site()
    hops: tuple[HopDone, ...] = ()
    if state in (None, "begun"):
        # Nobody writes behind the copy's back: users wait from here on.
        _note(ctx, tested, "begun")
        door.flip(target, site, "suspended", "Upgrade")
        with _opened_again(ctx):
            safety_copy.make(ctx.hosts, "prod", name)
            _note(ctx, tested, "copied")
    if state in (None, "begun", "copied"):
        try:
            hops = _upgraded(ctx, ordered, "prod", tested.from_version)
        except BasculeError as error:
            _go_back(ctx, tested, path, error.what)
        except psycopg.Error as error:
            _go_back(ctx, tested, path, str(error))
        _note(ctx, tested, "upgraded")
    if state != "open":
        try:
            door.flip(target, site, "open")
        except BasculeError as error:
            _go_back(ctx, tested, path, error.what)
        _note(ctx, tested, "open")
    return tested.model_copy(
        update={
            "attempt": ctx.attempt,
            "hops": hops,
            "safety_copy": path,
            "seconds": round(monotonic() - began, 3),
            "ended_at": datetime.now(UTC),
        }
    )


def _differs(ctx: StepContext, ordered: Ordered, tested: Release, state: str | None) -> str:
    """Say in what production or the chain is not what was tested; empty where both are."""
    if chain_digest(ordered, tested.from_version) != tested.chain:
        return "the chain was changed"
    # Half way along the chain production tells a version in between.
    if state != "copied" and (version := present(ctx, ordered)) != tested.from_version:
        return f"production is of version {version}"
    return ""


def is_under_way(ctx: StepContext, tested: Release) -> bool:
    """Whether users wait for this upgrade already, so that it goes on at whatever hour."""
    return _state(ctx, tested) not in (None, "open")


def _upgraded(
    ctx: StepContext, ordered: Ordered, environment: Environment, started_from: str
) -> tuple[HopDone, ...]:
    """Run the chain on a site, give rights, and try what users do all day."""
    database, owner = site_of(ctx.hosts, environment), owner_of(ctx.hosts, environment)
    hops = chain.upgrade(
        database,
        owner,
        ordered.product,
        ordered.folder,
        started_from=started_from,
        to=ordered.order.to,
        told=ctx.progress,
    )
    with database.opened(role=owner) as session:
        grant(session, ctx.hosts.site(environment).database.application.name)
    with database.opened() as session:
        for probe in ordered.product.probes:
            if not rows(session, ordered.product, probe.name, probe.sql, 1):
                raise ProductError(f"{probe.name} finds nothing any more on {database.name}")
    return hops


def _go_back(ctx: StepContext, tested: Release, path: str, why: str) -> None:
    """
    Put the safety copy back and open the site as it was.

    Raises:
        MigrationError: Always: says that the upgrade failed and how things stand.
    """
    _note(ctx, tested, "going-back")
    ctx.progress.say(f"{why}; production goes back to {tested.from_version}")
    safety_copy.put_back(ctx.hosts, "prod", path)
    door.flip(ctx.hosts.target(), ctx.hosts.site(), "open")
    _note(ctx, tested, "gone-back")
    raise MigrationError(
        f"the upgrade to {tested.to_version} failed: {why}",
        state=f"The safety copy was put back; users work with {tested.from_version} as before.",
        next_step=f"correct the cause, then fab upgrade --tenant {ctx.manifest.tenant}",
    )


@contextmanager
def _opened_again(ctx: StepContext) -> Iterator[None]:
    """Let users in again where no safety copy could be made: nothing was changed then."""
    try:
        yield
    except BasculeError:
        door.flip(ctx.hosts.target(), ctx.hosts.site(), "open")
        raise


def _state(ctx: StepContext, tested: Release) -> str | None:
    """How far this very upgrade has come; None at its beginning, or where an earlier one went back."""
    record = ctx.case.journal.last(RECORD, tested.to_version)
    if record is None or record.data["attempt"] != ctx.attempt or record.data["state"] == "gone-back":
        return None
    return str(record.data["state"])


def _note(ctx: StepContext, tested: Release, state: str) -> None:
    ctx.case.journal.append(RECORD, tested.to_version, attempt=ctx.attempt, state=state)


def _not_tested(ctx: StepContext, tested: Release, why: str) -> Refused:
    return Refused(
        f"{why}, yet {tested.from_version} to {tested.to_version} was tested",
        state="Production works as ever.",
        next_step=f"fab upgrade --tenant {ctx.manifest.tenant}, which tests it anew",
    )
