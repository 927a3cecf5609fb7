"""
Which way each database moves, and why.

Promise: live wherever it can work; otherwise bulk, with everything that stands against live named at
once, so that a person can mend it; staged where no network path leads from the site to legacy, with what
that asks of people. Decided from measured facts alone.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

from migrate.assess.facts import Database, Mode, Target
from migrate.assess.findings import mariadb, replication
from migrate.assess.findings.target import Site, target_cannot_flow_back, target_refuses_superuser
from migrate.assess.kinds import Seen

_LIVE = (
    "copied and replicated while everybody works, so the stop is a matter of seconds and does not grow "
    "with the "
    "database; what is written on the site can flow back until the move is finalized"
)
_BULK = "freeze, copy, compare, open"
_STAGED = (
    "the base is written as an encrypted archive while everybody works, carried, and restored at the "
    "site; then "
)
_STAGED_LIVE = (
    "changes flow from exactly where its dump ended, as in live mode, for which a path must exist by the "
    "time of the switch"
)
_STAGED_BULK = (
    "what changed since is carried by a second archive within the freeze, so the stop lasts as long as that"
)
_NO_PATH = "no network path leads from the site's host to it"
_NEEDED: dict[str, tuple[Callable[[Database], Seen], ...]] = {
    "postgresql": (
        replication.wal_level_not_logical,
        replication.source_refuses_superuser,
        replication.slots_used_up,
        replication.wal_senders_used_up,
    ),
    "mariadb": mariadb.needed,
}

EVERY_MODE: tuple[Mode, ...] = ("live", "bulk", "staged", "staged-bulk")
_LIKE_TO_LIKE = {"mariadb": " to a site with PostgreSQL: nothing replicates from MariaDB into it"}


def decide(
    database: Database,
    target: Target | None,
    *,
    forced: str | None = None,
    ways: Collection[str] = EVERY_MODE,
) -> Database:
    """
    Return the database with its mode, the reason, and what stands against live.

    Args:
        target: The site, where it stands; None is taken for one that can do what a site of ours does.
        forced: The mode that manifest or playbook name. A conflict is a finding; see `findings.mode`.
        ways: The modes in which this version of Bascule can move this engine to the site's at all.
    """
    obstacles = tuple(_obstacles(database, target, has_live_way="live" in ways))
    is_apart = database.is_reached_by_site is False
    if forced in ("staged", "staged-bulk") or (is_apart and forced is None):
        return _staged(database, forced, obstacles, ways)
    if is_apart:
        obstacles = (_NO_PATH, *obstacles)
    mode: Mode = "bulk" if obstacles or forced == "bulk" else "live"
    if mode == "live":
        because = _LIVE
    elif obstacles:
        because = f"{_BULK}: live cannot be, since {'; '.join(obstacles)}"
    else:
        because = f"{_BULK}: asked for by the manifest or the playbook, though live would work"
    return _moved(database, mode, because, obstacles, ways)


def _moved(
    database: Database, mode: Mode, because: str, obstacles: tuple[str, ...], ways: Collection[str]
) -> Database:
    return database.model_copy(
        update={
            "mode": mode,
            "mode_because": because,
            "live_obstacles": obstacles,
            "has_no_way": mode not in ways,
        }
    )


def _staged(
    database: Database, forced: str | None, obstacles: tuple[str, ...], ways: Collection[str]
) -> Database:
    """Return the database as one whose base is carried, and why; what changed since flows where it can."""
    flows = forced == "staged" or (forced is None and not obstacles)
    why = "asked for by the manifest or the playbook" if forced else _NO_PATH
    how = _STAGED + (_STAGED_LIVE if flows else _STAGED_BULK)
    if not flows and obstacles:
        how += f"; changes cannot flow, since {'; '.join(obstacles)}"
    mode: Mode = "staged" if flows else "staged-bulk"
    return _moved(database, mode, f"{why}: {how}", obstacles, ways)


_WORST_FIRST: tuple[Mode, ...] = ("bulk", "staged-bulk", "staged")


def overall(databases: Sequence[Database]) -> tuple[Mode, str]:
    """Return the mode of the whole move: that of the database that stops longest, since all stop together."""
    kinds = ([database for database in databases if database.mode == mode] for mode in _WORST_FIRST)
    chosen = next((kind for kind in kinds if kind), databases)
    if not chosen:
        return "bulk", "there is no database to move"
    reasons = {database.mode_because for database in chosen}
    if len(reasons) == 1:
        return chosen[0].mode, reasons.pop()
    return chosen[0].mode, "; ".join(f"{database.name}: {database.mode_because}" for database in chosen)


def _obstacles(database: Database, target: Target | None, has_live_way: bool) -> Iterator[str]:
    if not has_live_way:
        yield "this version of Bascule has no live way for it" + _LIKE_TO_LIKE.get(database.engine, "")
    if database.server.is_standby:
        yield "the server is a standby"
    seen = [see(database) for see in _NEEDED[database.engine]]
    if target is not None and database.engine == "postgresql":
        site = Site(target, (database,), ())
        seen += [target_refuses_superuser(site), target_cannot_flow_back(site)]
    yield from (what for what in seen if isinstance(what, str))
