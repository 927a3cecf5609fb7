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
    remedy="mend what stands against it, or take the mode out of the manifest and the playbook",
    waivable=False,
)
def mode_impossible(choice: Choice) -> Seen:
    if choice.forced not in ("live", "staged") or not choice.database.live_obstacles:
        return None
    return f"{choice.forced} is asked for, but " + "; ".join(choice.database.live_obstacles)


@kinds.kind(
    "blocker",
    meaning="nothing in this version of Bascule carries it to a site with that engine",
    remedy="mend what stands against live, or set another site_engine in the manifest",
    waivable=False,
)
def no_way_to_site(choice: Choice) -> Seen:
    if not choice.database.has_no_way:
        return None
    against = "; ".join(choice.database.live_obstacles) or "the manifest or the playbook asks for that"
    return f"only {choice.database.mode} is left, which there is not between these engines: {against}"


@kinds.kind(
    "info",
    meaning="the stop lasts as long as the copy; live would stop the tenant for seconds only",
    remedy="take mode: bulk out of the manifest and the playbook, unless there is a reason for it",
)
def mode_forced(choice: Choice) -> Seen:
    is_apart = choice.database.is_reached_by_site is False
    if choice.forced != "bulk" or choice.database.live_obstacles or is_apart:
        return None
    return "bulk is asked for, and live would work"


@kinds.kind(
    "blocker",
    meaning="the copy runs on the site's host and fetches the rows from there, so it would be refused",
    remedy="open a path to the database's port, or write mode: staged under its transfer in the manifest",
    waivable=False,
)
def path_missing(choice: Choice) -> Seen:
    if choice.forced != "bulk" or choice.database.is_reached_by_site is not False:
        return None
    return "bulk is asked for, but no network path leads from the site's host to it"


@kinds.kind(
    "warning",
    meaning="the base is written as an archive that somebody has to carry; what changed since flows over a"
    " path that is there by the time of the switch, or is carried too, within the stop",
    remedy="open a path, or write under its transfer in the manifest where the archive goes",
)
def carried_unasked(choice: Choice) -> Seen:
    if choice.forced is not None or choice.database.is_reached_by_site is not False:
        return None
    return "no network path leads from the site's host to it, so its base has to be carried"
