"""
Steps of an upgrade: what a tenant has of a product, and pre-production.

Promise: legacy is only read by all of them; only the test site's door is opened, for testers.
"""

import csv
import io
from collections.abc import Iterable
from typing import cast

from migrate import documents, door, waivers
from migrate.assess import Assessment
from migrate.errors import MigrationError, Waiting
from migrate.moving import moves
from migrate.product import discovery, preproduction
from migrate.product.assertions import VERSION_DOCUMENT
from migrate.product.evidence import Licences, ProductionCopy
from migrate.product.installation import kept
from migrate.product.order import ordered
from migrate.product.upgrading import upgrade
from migrate.rates import load_rates
from migrate.step import Result, StepContext, step
from migrate.steps.transfer import require_closed
from provisioning.engine import Stack
from provisioning.manifest import Environment


def environment_of(ctx: StepContext) -> Environment:
    """The environment that a playbook names for a step."""
    environment = ctx.params.get("environment")
    if environment not in ("test", "prod"):
        raise MigrationError(
            f"environment is {environment!r}", next_step="write with: {environment: test} or prod"
        )
    return cast(Environment, environment)


@step("look-at-product")
def look_at_product(ctx: StepContext) -> Result:
    """Read version, editions and data paths of the tenant's product; an unknown version stops here."""
    found = discovery.installation(ctx.hosts, ordered(ctx.case))
    ctx.case.write_evidence("product", found)
    ctx.progress.say(
        f"{found.product} {found.version}, to {found.to} by {' → '.join(found.hops) or 'nothing'}"
    )
    return {"version": found.version, "to": found.to, "editions": found.editions, "hops": list(found.hops)}


@step("check-prerequisites")
def check_prerequisites(ctx: StepContext) -> Result:
    """Hold the server against the vendor's recommendation; what is required and not met is waited for."""
    assessment = ctx.case.read_evidence("assessment", Assessment)
    found = discovery.prerequisites(ctx.hosts, ordered(ctx.case), assessment, kept(ctx.case).version)
    ctx.case.write_evidence("prerequisites", found)
    for row in found.rows:
        ctx.progress.say(f"{row.verdict:14} {row.title}: {row.found} (wanted: {row.wanted})")
    waived = [row.id for row in found.unmet if waivers.active(ctx.case, f"prerequisite:{row.id}")]
    if lacking := [row for row in found.unmet if row.id not in waived]:
        tenant = ctx.manifest.tenant
        listed = "\n".join(f"  {row.id}: {row.found}, wanted {row.wanted} ({row.verdict})" for row in lacking)
        raise Waiting(
            f"{found.host} does not meet {len(lacking)} of what is required:\n{listed}",
            next_step=f"fab run --tenant {tenant}, once it does; or for each: fab waive --tenant {tenant}"
            f" --what prerequisite:{lacking[0].id} --by … --reason … --expires … --key …",
        )
    counted = {verdict: sum(row.verdict == verdict for row in found.rows) for verdict in _VERDICTS}
    return {**counted, "waived": bool(waived)}


_VERDICTS = ("met", "not met", "could not tell")


@step("discover-customisations")
def discover_customisations(ctx: StepContext) -> Result:
    """Find every object that differs from the vendor's baseline of that version."""
    found = discovery.discover(ctx.case, ctx.hosts, ordered(ctx.case), kept(ctx.case).version)
    for one in found.found:
        ctx.progress.say(f"{one.change:8} {one.id} ({one.lines} lines)")
    return {"compared": found.compared, "customisations": len(found.found)}


@step("copy-production", changes=True)
def copy_production(ctx: StepContext) -> Result:
    """Copy production to the test site while its users work, and measure what they notice."""
    copied = preproduction.copy(ctx, ordered(ctx.case))
    ctx.case.write_evidence("test-copy", copied)
    return {
        "way": copied.way,
        "seconds": copied.seconds,
        "bytes": copied.bytes,
        "before_ms": copied.before.model_dump(),
        "during_ms": copied.during.model_dump(),
    }


def _empty(ctx: StepContext) -> Result:
    """Empty the closed site's database again: the next attempt copies legacy's anew."""
    if environment_of(ctx) == "prod":
        require_closed(ctx)
        for way, work in moves(ctx):
            way.empty(work)
    return {"emptied": ctx.manifest.stack(environment_of(ctx))}


@step("upgrade-product", undo=_empty)
def upgrade_product(ctx: StepContext) -> Result:
    """Bring the site's copy to the new version, step by step as its own version asks for."""
    environment = environment_of(ctx)
    if environment == "prod":
        require_closed(ctx)
    done = upgrade(ctx, ordered(ctx.case), environment)
    ctx.case.write_evidence(f"upgrade-{environment}", done)
    return {"hops": {hop.to_version: list(hop.steps) for hop in done.hops}, "seconds": done.seconds}


@step("run-side-by-side")
def run_side_by_side(ctx: StepContext) -> Result:
    """Prove that both versions answer beside each other, and are the ones that they should be."""
    found, installed = preproduction.side_by_side(ctx, ordered(ctx.case)), kept(ctx.case)
    if found != {"legacy": installed.version, "test": installed.to}:
        raise MigrationError(
            f"legacy is of version {found['legacy']}, the test site of {found['test']};"
            f" {installed.version} and {installed.to} were expected",
            state="Production works as ever.",
            next_step=f"fab status --tenant {ctx.manifest.tenant}",
        )
    ctx.progress.say(f"legacy answers as {found['legacy']}, the test site as {found['test']}")
    return dict(found)


@step("write-preproduction")
def write_preproduction(ctx: StepContext) -> Result:
    """List licences and workstations, and write what the customer signs once the version is tested."""
    case, installed = ctx.case, kept(ctx.case)
    found = preproduction.licences(ctx, ordered(case))
    case.write_evidence("licences", found)
    case.write_document(
        "licences.csv", _csv(("code", "name", "kind"), ((u.code, u.name, u.kind) for u in found.users))
    )
    seats = [(seat.workstation, seat.user) for seat in found.seats]
    case.write_document("workstations.csv", _csv(("workstation", "user"), seats))
    copied = case.read_evidence("test-copy", ProductionCopy)
    path = documents.write(
        case,
        VERSION_DOCUMENT,
        "statement",
        vendor=load_rates(case.workspace).vendor,
        kind="preproduction",
        document=VERSION_DOCUMENT,
        facts=[
            ("present", installed.version),
            ("new", installed.to),
            ("site", ctx.hosts.site("test").url),
            ("before", copied.before.shown),
            ("during", copied.during.shown),
            *_licences(found),
        ],
        columns=("seat", "user"),
        rows=seats,
    )
    return {"document": path.name, "users": len(found.users), "workstations": len({s for s, _ in seats})}


def _licences(found: Licences) -> list[tuple[str, str]]:
    return [(kind, str(found.of_kind(kind))) for kind in ("full", "workshop")]


def _csv(head: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([tuple(head), *rows])
    return text.getvalue().encode()


@step("open-test-site", changes=True)
def open_test_site(ctx: StepContext) -> Result:
    """Let testers in: the test site's door opens, and its program says so."""
    site = ctx.hosts.site("test")
    door.flip(ctx.hosts.target("test"), site, "open")
    door.declare(Stack(ctx.case.workspace, ctx.manifest.stack("test")), "open")
    return {"url": site.url}


@step("clear-test-site", changes=True)
def clear_test_site(ctx: StepContext) -> Result:
    """Close the test site and empty it, so that production is copied and tested anew."""
    site, stack = ctx.hosts.site("test"), Stack(ctx.case.workspace, ctx.manifest.stack("test"))
    door.flip(ctx.hosts.target("test"), site, "closed")
    door.declare(stack, "closed")
    preproduction.clear(ctx)
    return {"emptied": stack.name}
