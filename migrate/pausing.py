"""
Pausing by hand: a person has all that moves wait and says why; a person lets it go on.

Promise: who, when and why stand in the journal before anything is held, and beside everything that is held.
Either may be repeated. Nothing held enters a freeze: the step that freezes looks for a pause after its intent
is written, and whoever pauses looks for that intent after the pause is written, so one of the two gives way.
"""

import getpass
import socket
from dataclasses import dataclass
from datetime import datetime

from migrate import files
from migrate.errors import Refused, TransferError, Waiting
from migrate.files import Tree
from migrate.journal import Journal
from migrate.moving import live_moves
from migrate.position import standing
from migrate.step import StepContext
from migrate.transfer.contract import Live, Task

PAUSED, RESUMED = "paused", "resumed"
"""What the journal calls it."""


@dataclass(frozen=True)
class Pause:
    """A pause that nobody has taken back yet."""

    by: str
    since: datetime
    reason: str

    def __str__(self) -> str:
        return f"paused by {self.by} since {self.since:%Y-%m-%d %H:%M} UTC: {self.reason}"


def paused(journal: Journal) -> Pause | None:
    """Return who has the tenant's move wait; None while nobody has. Reads the journal only."""
    found: Pause | None = None
    for record in journal:
        if record.kind == PAUSED:
            found = Pause(record.data["by"], record.at, record.data["reason"])
        elif record.kind == RESUMED:
            found = None
    return found


def resume_command(tenant: str) -> str:
    """What is typed to let it go on."""
    return f"fab resume --tenant {tenant}"


def require_not_paused(ctx: StepContext) -> None:
    """
    Let nothing begin that a person holds.

    Raises:
        Waiting: Somebody has the move wait; says who, since when and why.
    """
    if (pause_ := paused(ctx.case.journal)) is not None:
        tenant = ctx.manifest.tenant
        raise Waiting(
            f"{tenant} is {pause_}", next_step=f"{resume_command(tenant)}; then fab run --tenant {tenant}"
        )


def pause(ctx: StepContext, reason: str) -> list[str]:
    """
    Have every copy, flow and file pass wait until `resume`, whatever becomes of this process.

    Returns:
        What waits now: databases and trees by name.

    Raises:
        Refused: Nothing moves, or legacy is frozen or has been left.
    """
    tenant, journal = ctx.manifest.tenant, ctx.case.journal
    _require_at_work(ctx)
    databases, trees = _databases(ctx), _trees(ctx)
    if not databases and not trees:
        raise Refused(
            f"nothing of {tenant} moves, so nothing can wait",
            state="Nothing was changed.",
            next_step=f"fab status --tenant {tenant}",
        )
    why = " ".join(reason.split()) or "no reason given"
    held = paused(journal)
    if held is None or held.reason != why:
        journal.append(PAUSED, tenant, by=f"{getpass.getuser()} on {socket.gethostname()}", reason=why)
        held = paused(journal)
    told = f"{held.reason} (by {held.by}, since {held.since:%H:%M} UTC)" if held else why
    try:
        for way, work in databases:
            way.pause(work, told)
        still = [tree for tree in trees if _hold(tree, told)]
        _require_at_work(ctx)
    except BaseException:
        resume(ctx)
        raise
    return [work.name for _, work in databases] + [tree.name for tree in still]


def resume(ctx: StepContext) -> bool:
    """
    Let all that waits go on.

    Returns:
        Whether anybody had it wait.
    """
    for way, work in _databases(ctx):
        way.resume(work)
    for tree in _trees(ctx):
        try:
            files.resume(tree)
        except TransferError:
            if _runs(tree):
                raise
    return let_be(ctx)


def let_be(ctx: StepContext) -> bool:
    """Note that nobody has it wait any more; return whether somebody had."""
    if paused(ctx.case.journal) is None:
        return False
    ctx.case.journal.append(RESUMED, ctx.manifest.tenant, by=f"{getpass.getuser()} on {socket.gethostname()}")
    return True


def _require_at_work(ctx: StepContext) -> None:
    """Refuse to hold up what users wait for, or the only way back they have."""
    where, tenant = standing(ctx.case.journal), ctx.manifest.tenant
    if where.legacy == "writable" and where.door != "open":
        return
    what = (
        f"{tenant} works on its site; what flows back to legacy is the way back, which does not wait"
        if where.door == "open"
        else f"legacy of {tenant} is frozen, or about to be: its users wait, so nothing else may"
    )
    raise Refused(what, state=f"Nothing waits. {where}", next_step=f"fab status --tenant {tenant}")


def _databases(ctx: StepContext) -> list[tuple[Live, Task]]:
    return [(way, work) for way, work in live_moves(ctx) if way.flow(work).state != "absent"]


def _trees(ctx: StepContext) -> list[Tree]:
    return [tree for tree in files.trees(ctx.hosts) if _runs(tree)]


def _runs(tree: Tree) -> bool:
    return tree.pull.look().state == "running"


def _hold(tree: Tree, why: str) -> bool:
    """Hold a pass; return whether it waits: one that has ended since does not."""
    try:
        files.pause(tree, why)
    except TransferError:
        if _runs(tree):
            raise
        return False
    return True
