"""
Kinds of findings about replication and the log: what a live move asks of the legacy server.

Promise: each looks at one database's facts. None of them blocks, since bulk remains; what forces bulk
is told with the mode.
"""

from rich.filesize import decimal

from migrate.assess.facts import Database
from migrate.assess.kinds import Kinds, Seen, counted
from migrate.assess.needs import SENDERS_NEEDED, SLOTS_NEEDED, log_while_copying

kinds = Kinds[Database]()

HEAVY_WAL_BYTES_PER_SECOND = 20 * 1024 * 1024
"""About a third of what one apply worker keeps up with on two cores."""
BURST_BYTES = 1 << 30
"""One change of a million rows took three seconds to commit and six to apply."""
RETAINED_BYTES = 1 << 30


@kinds.kind(
    "warning",
    meaning="changes cannot be replicated, so the database is moved in bulk: the stop lasts as long as the "
    "copy",
    remedy="ALTER SYSTEM SET wal_level = logical and restart the server on a quiet evening, then assess "
    "again",
)
def wal_level_not_logical(facts: Database) -> Seen:
    server = facts.server
    if server.wal_level == "logical":
        return None
    waits = "wal_level" in server.pending_restart
    return f"wal_level is {server.wal_level}; " + (
        "it is changed in the configuration and waits for a restart"
        if waits
        else "changing it needs a restart"
    )


@kinds.kind(
    "warning",
    meaning="publications, replica identities and the way back take a superuser, so the database is moved "
    "in bulk",
    remedy="name a superuser in the manifest for the time of the move, or stay with bulk",
)
def source_refuses_superuser(facts: Database) -> Seen:
    server = facts.server
    if server.is_superuser:
        return None
    by = f"; {server.managed_by} gives none" if server.managed_by else ""
    return f"{server.user} is no superuser{by}" + ("" if server.may_replicate else ", and may not replicate")


@kinds.kind(
    "warning",
    meaning="a live move has no slot to keep the log for it, so the database is moved in bulk",
    remedy="raise max_replication_slots (needs a restart), or drop slots that nobody uses",
)
def slots_used_up(facts: Database) -> Seen:
    server = facts.server
    if server.max_replication_slots - server.slots_used >= SLOTS_NEEDED:
        return None
    taken = f"{server.slots_used} of {server.max_replication_slots} replication slots are taken"
    return f"{taken}; {SLOTS_NEEDED} are needed"


@kinds.kind(
    "warning",
    meaning="a live move has no process to send changes, so the database is moved in bulk",
    remedy="raise max_wal_senders; that needs a restart",
)
def wal_senders_used_up(facts: Database) -> Seen:
    server = facts.server
    if server.max_wal_senders - server.senders_used >= SENDERS_NEEDED:
        return None
    return (
        f"{server.senders_used} of {server.max_wal_senders} WAL senders are at work; {SENDERS_NEEDED} needed"
    )


@kinds.kind(
    "warning",
    meaning="nobody reads it, and the server keeps all log since then for it until the disk is full",
    remedy="find out whose it was; SELECT pg_drop_replication_slot('…')",
)
def slot_inactive(facts: Database) -> Seen:
    idle = [
        f"{s.name} ({'lost' if s.wal_status == 'lost' else decimal(s.retained_bytes or 0) + ' kept'})"
        for s in facts.slots
        if not s.is_active
    ]
    return counted("replication slots without a reader", idle)


@kinds.kind(
    "info",
    meaning="other systems or standbys read this server's log; they lose their source with the move",
    remedy="find out who they are, and what they read afterwards",
)
def slot_in_use(facts: Database) -> Seen:
    return counted("replication slots in use", [s.name for s in facts.slots if s.is_active])


@kinds.kind(
    "warning",
    meaning="another server writes into this one, past the freeze of applications",
    remedy="ALTER SUBSCRIPTION … DISABLE at the beginning of the window; ask where its rows go afterwards",
)
def subscription_present(facts: Database) -> Seen:
    return counted("subscriptions", facts.subscriptions)


@kinds.kind(
    "warning",
    meaning="the log that is kept while the base copy runs may fill the disk, and a full one stops legacy",
    remedy="free room there, set max_slot_wal_keep_size, or copy in quiet hours",
)
def wal_disk_short(facts: Database) -> Seen:
    disk, needed = facts.wal_disk, log_while_copying(facts)
    if disk is None or disk.free_bytes >= 2 * needed:
        return None
    where = disk.path if disk.is_exact else f"{disk.path}, the nearest that can be seen"
    return f"{decimal(disk.free_bytes)} free at {where}; the copy may keep {decimal(needed)} of log"


@kinds.kind(
    "info",
    meaning="whether the log that a live move keeps has room is not known",
    remedy="ask the administrator for the free room of the file system that holds pg_wal",
)
def wal_disk_unknown(facts: Database) -> Seen:
    return "the login may not look at the folder of the log" if facts.wal_disk is None else None


@kinds.kind(
    "info",
    meaning="a flow that nobody ends keeps log until the disk is full; Bascule watches it while a move lasts",
    remedy="ALTER SYSTEM SET max_slot_wal_keep_size to what the disk can spare (from PostgreSQL 13 on; no "
    "restart)",
)
def slot_wal_unlimited(facts: Database) -> Seen:
    return None if facts.server.slot_wal_limit_bytes is not None else "no limit to the log that a slot keeps"


@kinds.kind(
    "warning",
    meaning="the server would give the flow up while the base copy runs, and it would have to begin again",
    remedy="raise max_slot_wal_keep_size for the time of the move; no restart",
)
def slot_wal_limit_small(facts: Database) -> Seen:
    limit, needed = facts.server.slot_wal_limit_bytes, log_while_copying(facts)
    if limit is None or limit >= needed:
        return None
    return f"a slot keeps {decimal(limit)} of log at most; the copy may need {decimal(needed)}"


@kinds.kind(
    "warning",
    meaning="one worker applies changes on the site; with so many it may never catch up",
    remedy="let the copy begin in quiet hours; have a rehearsal show how far behind it stays",
)
def writes_heavy(facts: Database) -> Seen:
    rate = facts.writes.wal_bytes_per_second
    return f"{decimal(int(rate))} of log a second" if rate > HEAVY_WAL_BYTES_PER_SECOND else None


@kinds.kind(
    "warning",
    meaning="so much at once is a batch job: it takes longer to apply than to commit, and just before the "
    "freeze it "
    "makes the stop longer",
    remedy="find out what ran then, and let it not run in the hours before the freeze",
)
def batch_job_recent(facts: Database) -> Seen:
    history = facts.wal_history
    if history is None or history.burst_bytes < BURST_BYTES:
        return None
    hours = history.seconds / 3600
    return f"{decimal(history.burst_bytes)} of log within one minute of the last {hours:.1f} hours"
