"""
Carrying a tenant's base where no network path leads: one attempt's archive, from legacy to the site's host.

Promise: an archive belongs to the attempt that it was made for; another's is named, never restored.
Whatever cut it short, the same call goes on where it stopped. What is left when a move ends is taken from
legacy and from the sites' hosts; what lies on a medium is named, with how to destroy it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from rich.filesize import decimal

from migrate.archive import area, dumps, keys, stage
from migrate.archive.area import Area
from migrate.archive.place import place_tree
from migrate.archive.plan import Desk
from migrate.engines import legacy_database
from migrate.errors import TransferError, Waiting
from migrate.files import TreeCopied, trees
from migrate.step import StepContext
from provisioning.manifest import Environment


@dataclass(frozen=True)
class Made:
    """An archive that is whole on its medium."""

    archive: str
    to: str
    bytes: int
    """Of its content, before encryption."""


def make(ctx: StepContext, *, live: bool, since: str = "") -> Made:
    """
    Write the archive of this attempt, or go on with it; one that is whole is left as it is.

    Args:
        live: Have legacy keep what changes from the dump on. An archive that it still keeps them for, such
            as the rehearsal's, is this attempt's too.
        since: The archive that lies at the site: only what changed since is written then.

    Raises:
        TransferError: The manifest names no place for it, or it could not be written.
    """
    case, tenant, place = ctx.case, ctx.manifest.tenant, ctx.manifest.archive
    if place is None:
        raise TransferError(
            f"{tenant} has to be carried, and its manifest does not say where the archive goes",
            state="Nothing was written; legacy is as it was.",
            next_step="write transfer: {archive: {to: /media/disk}} under legacy.databases in"
            f" stacks/{tenant}.yaml, then fab run --tenant {tenant}",
        )
    desk = _whole(ctx, since, live=live)
    if desk is None:
        folder = keys.folder(case.workspace, tenant)
        if not (folder / "ticket.json").exists() and not (folder / "identity").exists():
            keys.make(case.workspace, tenant)
            ctx.progress.say(f"{folder / 'identity'} reads the archive; keep a copy where you keep secrets")
        manifest = stage.stage_out(
            case, ctx.hosts, place.to, ctx.progress, since=since, live=live, attempt=ctx.attempt
        )
        desk = next(one for one in stage.desks(case) if one.archive == manifest.archive)
        for name, how in stage.kept_on_legacy(case, ctx.hosts, manifest).items():
            ctx.progress.say(f"{name}: legacy {how}")
    plan = desk.plan()
    size = sum(entry.bytes for item in plan.items for entry in item.entries) if plan else 0
    return Made(desk.archive, desk.begun.location, size)


def _whole(ctx: StepContext, since: str, *, live: bool) -> Desk | None:
    """The archive that serves an attempt, whole: its own, or one that changes still flow from."""
    finished = [one for one in stage.desks(ctx.case) if one.is_finished and one.begun.base == since]
    mine = [one for one in finished if one.begun.attempt == ctx.attempt]
    if not mine and live:
        mine = [one for one in finished if stage.can_flow(ctx.case, ctx.hosts, one)]
    return mine[-1] if mine else None


def require_arrived(
    ctx: StepContext, made: Made, names: Sequence[str], environment: Environment = "prod"
) -> None:
    """
    Make sure that this archive, and no other, is whole and verified on a site's host.

    Args:
        names: The databases that it brings.

    Raises:
        Waiting: It is not: somebody has to carry it, and to load it.
    """
    tenant = ctx.manifest.tenant
    which, asked = ("the site", "") if environment == "prod" else ("the test site", " --environment test")
    for name in names:
        state = Area(ctx.hosts.runner(environment), tenant, "database", name).state()
        if state is not None and (state.archive, state.stage) == (made.archive, "arrived"):
            continue
        there = ""
        if state is not None and state.archive != made.archive:
            there = f"; what lies at the site is {state.archive}, another archive"
        elif state is not None:
            there = "; it is only half loaded"
        raise Waiting(
            f"archive {made.archive} ({decimal(made.bytes)} before encryption) lies whole at {made.to} and"
            f" has to be carried to where {which} is reached{there}",
            next_step=f"fab stage-in --tenant {tenant} --from {quote(made.to)} --archive {made.archive}"
            f"{asked}, once it has arrived; then fab run --tenant {tenant}",
        )


def placed(ctx: StepContext) -> list[TreeCopied]:
    """
    Put every tree of files, as it arrived last, where the site serves it from.

    Raises:
        TransferError: One has not arrived, there is too little room, or rsync did not do all of it.
    """
    return [
        place_tree(ctx.manifest.tenant, tree.name, ctx.hosts.runner(), tree.target, ctx.attempt, ctx.progress)
        for tree in trees(ctx.hosts)
    ]


def base_at_site(ctx: StepContext, name: str) -> str:
    """
    Return the archive that arrived of a database: what another may rest on.

    Raises:
        TransferError: None did, or only half of one.
    """
    return Area(ctx.hosts.runner(), ctx.manifest.tenant, "database", name).arrived().archive


def holds_changes(ctx: StepContext, archive: str) -> bool:
    """Tell whether an archive was made for this attempt and holds what changed since another."""
    return any(
        desk.archive == archive and desk.begun.attempt == ctx.attempt and desk.begun.base != ""
        for desk in stage.desks(ctx.case)
    )


def leave_off(ctx: StepContext) -> list[str]:
    """
    Take away what archives left on legacy (slots, publications, dumps) and on the site's host.

    Returns:
        Which media still hold data, and how they are destroyed; one line each.

    Raises:
        TransferError: Legacy is not as it was found; says what it has otherwise.
    """
    case, tenant = ctx.case, ctx.manifest.tenant
    every = stage.desks(case)
    if not every:
        return []
    for database in ctx.manifest.legacy.databases:
        for desk in every:
            dumps.forget(database.name, legacy_database(ctx.hosts, database), desk.archive)
    left = [f"  {name}: {line}" for name, lines in stage.release(case, ctx.hosts).items() for line in lines]
    if left:
        raise TransferError(
            "legacy is not as it was found before the archive:\n" + "\n".join(left),
            state="What legacy kept for the archive is gone.",
            next_step="see to what is named, then repeat the command",
        )
    area.clear(ctx.hosts.runner(), tenant)
    if case.journal.last("evidence", "site-test") is not None:  # where the move was rehearsed
        area.clear(ctx.hosts.runner("test"), tenant)
    said = [_still_holds(desk) for desk in every]
    for line in said:
        ctx.progress.say(line)
    return said


def _still_holds(desk: Desk) -> str:
    place = f"{desk.begun.location.rstrip('/')}/{desk.archive}"
    destroy = (
        f"aws s3 rm --recursive {quote(place)}" if place.startswith("s3://") else f"rm -rf {quote(place)}"
    )
    return f"{place} still holds data, encrypted, wherever it was carried; to destroy it: {destroy}"
