"""
Kinds of findings about who works on the legacy database: rights, roles, sessions, backups and jobs.

Promise: each looks at one database's facts; roles and sessions are named, what they run is not shown.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from migrate.assess.facts import Database
from migrate.assess.kinds import Kinds, Seen, counted, listed

kinds = Kinds[Database]()

EXPIRES_SOON = timedelta(days=60)


def expiring_soon(facts: Database) -> Seen:
    """Say when the password of the manifest's user ends, where that is soon; on any engine."""
    expires = facts.server.user_expires_at
    if expires is None or expires > datetime.now(UTC) + EXPIRES_SOON:
        return None
    return f"the password of {facts.server.user} is valid until {expires:%Y-%m-%d %H:%M %Z}"


@kinds.kind(
    "blocker",
    meaning="it cannot be switched to read-only, so the move could not begin",
    remedy="GRANT the owner of {subject} to that user, or name another",
    waivable=False,
)
def user_may_not_freeze(facts: Database) -> Seen:
    if facts.server.may_freeze:
        return None
    return "the user of the manifest neither owns the database nor is a superuser"


@kinds.kind(
    "blocker",
    meaning="they could neither be moved nor compared",
    remedy="GRANT pg_read_all_data to the user of the manifest, or before PostgreSQL 14 SELECT on them",
    waivable=False,
)
def table_unreadable(facts: Database) -> Seen:
    return counted("tables that the user may not read", [t for t in facts.tables if not t.is_readable])


@kinds.kind(
    "warning",
    meaning="the move cannot log in once it is over, and a copy that runs for days would stop half-way",
    remedy="ALTER ROLE … VALID UNTIL a day well after the move",
)
def password_expires(facts: Database) -> Seen:
    return expiring_soon(facts)


@kinds.kind(
    "info",
    meaning="the freeze holds against applications; a superuser can switch it off for itself",
    remedy="let no administrator's job write during the window",
)
def superusers_may_write(facts: Database) -> Seen:
    superusers = [r.name for r in facts.roles if r.is_superuser and r.may_log_in]
    return f"superusers that may log in: {listed(superusers)}" if superusers else None


@kinds.kind(
    "info",
    meaning="on the site one role owns everything and one reads and writes; rights of others end with the "
    "move",
    remedy="ask what they are used for: reports, exports, another system's access",
)
def roles_with_rights(facts: Database) -> Seen:
    owners = sorted((r for r in facts.roles if r.owns), key=lambda r: -r.owns)
    others = [r.name for r in facts.roles if r.grants and r not in owners[:1]]
    others += [r.name for r in owners[1:] if r.name not in others]
    return counted("roles beside the owner that own or may use something", others)


def _transactions(facts: Database, *, prepared: bool) -> Iterator[str]:
    for one in facts.long_transactions:
        if one.is_prepared is prepared:
            yield f"{one.who}, open for {one.seconds:.0f} s"


@kinds.kind(
    "warning",
    meaning="one that has written holds up the beginning of a live copy; still open at the freeze, it is "
    "ended "
    "and its work undone",
    remedy="find out who leaves it open, and let no such job run in the window",
)
def long_transaction(facts: Database) -> Seen:
    return _transactions(facts, prepared=False)


@kinds.kind(
    "warning",
    meaning="it holds locks and outlives every session; still there at the freeze, it stops the move",
    remedy="COMMIT PREPARED or ROLLBACK PREPARED it, whichever its coordinator says",
)
def prepared_transaction(facts: Database) -> Seen:
    return _transactions(facts, prepared=True)


@kinds.kind(
    "warning",
    meaning="it reads everything and keeps old rows alive; running at the freeze, it makes the stop longer",
    remedy="let none run in the window; ask when they are scheduled",
)
def backup_running(facts: Database) -> Seen:
    return [f"{w.who}, for {w.seconds:.0f} s" for w in facts.work if w.kind == "backup"]


@kinds.kind(
    "warning",
    meaning="it holds locks for which the freeze would wait, or that would wait for it",
    remedy="let it end before the window, and start none",
)
def maintenance_running(facts: Database) -> Seen:
    return [f"{w.who}, for {w.seconds:.0f} s" for w in facts.work if w.kind == "maintenance"]


@kinds.kind(
    "warning",
    meaning="the server starts them itself: at the freeze they fail, and on the site nobody starts them",
    remedy="pause them for the window; have the application's vendor say what the site does instead",
)
def scheduled_jobs(facts: Database) -> Seen:
    jobs = [f"{j.name} ({j.scheduler}, {j.schedule})" for j in facts.jobs or ()]
    return counted("jobs", jobs)


@kinds.kind(
    "warning",
    meaning="there is a scheduler in the database, and what it starts is not known",
    remedy="let the user of the manifest read its table of jobs, or ask the administrator",
)
def jobs_unreadable(facts: Database) -> Seen:
    return "the user of the manifest may not read the scheduler's jobs" if facts.jobs is None else None
