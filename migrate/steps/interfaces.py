"""
Steps that switch interfaces over: hold them, convert them, release them.

Promise: until `release-interfaces`, undoing puts every interface back to legacy with all that it
has buffered.
"""

from migrate import interfaces
from migrate.errors import EvidenceError, InterfaceError
from migrate.freeze import begin_lease, keep_alive, unfreeze
from migrate.interfaces import InterfaceCount, Interfaces
from migrate.step import Result, StepContext, step


def counts_so_far(ctx: StepContext) -> Interfaces:
    """
    Return what was counted so far in this attempt.

    Raises:
        EvidenceError: Nothing was, so nothing is known to be held.
    """
    found = ctx.case.read_evidence("interfaces", Interfaces)
    if found.attempt != ctx.attempt:
        raise EvidenceError(
            f"the interfaces were counted in {found.attempt}, not in {ctx.attempt}",
            next_step="hold them first: hold-interfaces",
        )
    return found


def keep_counts(ctx: StepContext, every: list[InterfaceCount], direction: str = "site") -> Interfaces:
    evidence = Interfaces.model_validate(
        {"attempt": ctx.attempt, "direction": direction, "interfaces": tuple(every)}, from_attributes=True
    )
    ctx.case.write_evidence("interfaces", evidence)
    return evidence


def _release_to_legacy(ctx: StepContext) -> Result:
    """Release all interfaces; what they buffered goes to legacy."""
    every = interfaces.connectors(ctx.hosts)
    interfaces.release_all(every)
    # The lease began with the hold: where the freeze never began, nobody else ends it.
    unfreeze(ctx)
    try:
        counted = counts_so_far(ctx)
    except EvidenceError:
        return {"released": len(every)}
    for connector in every:
        ctx.progress.say(f"{connector.name}: transmits to legacy again; draining")
    done = [interfaces.account(one, counted.of(one.name), None) for one in every]
    return _summary(keep_counts(ctx, done, "legacy"))


@step("hold-interfaces", undo=_release_to_legacy, keep_alive=keep_alive)
def hold_interfaces(ctx: StepContext) -> Result:
    """Hold all interfaces: they stop transmitting and buffer."""
    # From here on the legacy host puts its interfaces back alone, should Bascule not come back.
    begin_lease(ctx)
    with keep_alive(ctx):
        held = interfaces.hold_all(interfaces.connectors(ctx.hosts))
    for count in held:
        ctx.progress.say(f"{count.name}: held after message {count.at_hold.delivered}")
        if count.legacy_had is None:
            ctx.progress.say(f"{count.name}: legacy cannot be asked what it stored; the comparison decides")
    keep_counts(ctx, held)
    return {"held": {count.name: count.at_hold.delivered for count in held}}


def _put_back(ctx: StepContext) -> Result:
    """Repoint all interfaces to legacy, still held."""
    every = interfaces.connectors(ctx.hosts)
    stuck = []
    for connector in every:
        try:
            interfaces.put_back(connector)
        except InterfaceError as error:
            stuck.append(error.what)
    if stuck:
        raise InterfaceError(
            "; ".join(stuck),
            state="These interfaces buffer and still point at the closed site; the others are put back.",
            next_step="mend the connector, then fab run",
        )
    return {"put_back": len(every)}


@step("convert-interfaces", undo=_put_back)
def convert_interfaces(ctx: StepContext) -> Result:
    """Repoint all interfaces to the site, still held, and probe each through the closed door."""
    site, counted = ctx.hosts.site(), counts_so_far(ctx)
    done = interfaces.convert_all(interfaces.connectors(ctx.hosts), site, counted)
    for one in done:
        ctx.progress.say(f"{one.name}: points at {site.url}; probe: {one.probe}")
    keep_counts(ctx, done)
    return {"converted": {one.name: one.probe for one in done}}


@step("release-interfaces")
def release_interfaces(ctx: StepContext) -> Result:
    """Release all interfaces to the open site, wait until they have drained, and count."""
    site, counted = ctx.hosts.site(), counts_so_far(ctx)
    every = interfaces.connectors(ctx.hosts)
    ready = [interfaces.count_before_release(one, site, counted.of(one.name)) for one in every]
    # Written before the release: a repeat after a crash could no longer measure what waited.
    keep_counts(ctx, ready)
    interfaces.release_all(every)
    done = [interfaces.account(one, count, site) for one, count in zip(every, ready, strict=True)]
    evidence = keep_counts(ctx, done)
    if wrong := [one.name for one in done if one.lost or one.duplicates or one.in_order is False]:
        raise InterfaceError(
            f"the counts of {', '.join(wrong)} do not agree: {evidence.lost} messages lost,"
            f" {evidence.duplicates} twice",
            state="The site is open and the interfaces deliver to it.",
            next_step=f"see evidence/interfaces.json, then fab status --tenant {ctx.manifest.tenant}",
        )
    if slow := [one.name for one in done if one.after_drain and one.after_drain.waiting]:
        raise InterfaceError(
            f"{', '.join(slow)} did not drain within {interfaces.DRAIN_SECONDS:.0f} s",
            state="The site is open; the rest goes on draining.",
            next_step="fab run, which counts again",
        )
    return _summary(evidence)


def _summary(evidence: Interfaces) -> Result:
    asked = all(one.arrived for one in evidence.interfaces)
    return {
        "direction": evidence.direction,
        "lost": evidence.lost if asked else None,
        "duplicates": evidence.duplicates if asked else None,
        "delivered": {one.name: one.after_drain.delivered for one in evidence.interfaces if one.after_drain},
    }
