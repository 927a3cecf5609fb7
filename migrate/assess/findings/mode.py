"""
Kinds of findings about the transfer mode: where a person's choice and the facts do not agree.

Promise: whoever forces a mode is told what it costs, before anything begins.
"""

from dataclasses import dataclass

from migrate.assess.facts import Database
from migrate.assess.kinds import Kinds, Seen


@dataclass(frozen=True)
class Choice:
    """A database, and the mode that manifest or playbook name, if they name one."""

    database: Database
    forced: str | None


kinds = Kinds[Choice]()


@kinds.kind(
    "blocker",
    meaning="the copy would be refused when it begins",
    remedy="mend what stands against it, or take mode: live out of the manifest and the playbook",
    waivable=False,
)
def mode_impossible(choice: Choice) -> Seen:
    if choice.forced != "live" or not choice.database.live_obstacles:
        return None
    return "live is asked for, but " + "; ".join(choice.database.live_obstacles)


@kinds.kind(
    "info",
    meaning="the stop lasts as long as the copy; live would stop the tenant for seconds only",
    remedy="take mode: bulk out of the manifest and the playbook, unless there is a reason for it",
)
def mode_forced(choice: Choice) -> Seen:
    if choice.forced != "bulk" or choice.database.live_obstacles:
        return None
    return "bulk is asked for, and live would work"
