"""
Kinds of findings about the legacy server and how it is set.

Promise: each looks at one database's facts; see `migrate.assess.kinds` for what becomes of them.
"""

from migrate.assess.facts import Database
from migrate.assess.kinds import Kinds, Seen, counted

kinds = Kinds[Database]()

WRAPAROUND_AGE = 1_500_000_000
"""Of the 2^31 transactions that a database can go without being frozen."""
KNOWN_MAJORS = range(10, 18)


@kinds.kind(
    "blocker",
    meaning="a standby cannot be frozen; its primary would go on writing",
    remedy="name the primary under legacy/databases in the manifest",
    waivable=False,
)
def server_is_standby(facts: Database) -> Seen:
    return "the server is a standby" if facts.server.is_standby else None


@kinds.kind(
    "warning",
    meaning="moves from it were never tried; its catalogue may hold what Bascule does not know of",
    remedy="let a rehearsal decide, or take a release of Bascule that knows this version",
)
def server_version_unknown(facts: Database) -> Seen:
    major = facts.server.major
    return None if major in KNOWN_MAJORS else f"PostgreSQL {major}; moves are tested from 10 to 17"


@kinds.kind(
    "warning",
    meaning="text is converted to UTF8 on the way; bytes that are no text in it would stop the load",
    remedy="have the rehearsal in the test environment prove it before the window",
)
def encoding_not_utf8(facts: Database) -> Seen:
    return None if facts.server.encoding == "UTF8" else f"encoding {facts.server.encoding}"


@kinds.kind(
    "warning",
    meaning="after the next restart the server behaves otherwise than it was measured",
    remedy="find out who changed them; restart before the move, or set them back",
)
def settings_wait_for_restart(facts: Database) -> Seen:
    return counted("settings that a restart would change", facts.server.pending_restart)


@kinds.kind(
    "warning",
    meaning="applications can hardly write there now; a move that ends would leave it as it was found, "
    "read-only",
    remedy="find out who set it; ALTER DATABASE {subject} RESET default_transaction_read_only",
)
def source_read_only(facts: Database) -> Seen:
    return "transactions are read-only by default" if facts.server.is_read_only_by_default else None


CLOCK_SECONDS = 5.0
"""Beyond this a clock is wrong, and no answer was merely late."""
CLOCK_MEANING = (
    "where the site's clock is right, moments that applications write jump by as much at the switch: "
    "orders by time, numbers by day and what ends at a moment go wrong; the move itself counts by no clock"
)
CLOCK_REMEDY = (
    "find out which of the two is right (timedatectl); have it set by NTP before the window, slowly"
)


def clock_differing(facts: Database) -> Seen:
    """Say by how much the server's clock and this machine's differ; on any engine."""
    ahead = facts.server.clock_ahead_seconds
    if abs(ahead) <= CLOCK_SECONDS:
        return None
    return f"its clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"


@kinds.kind(
    "warning",
    meaning=CLOCK_MEANING,
    remedy=CLOCK_REMEDY,
)
def clock_differs(facts: Database) -> Seen:
    return clock_differing(facts)


@kinds.kind(
    "warning",
    meaning="the server keeps all log that it cannot archive, and stops when the disk is full; the log "
    "that a "
    "live move keeps comes on top",
    remedy="repair archive_command first; see pg_stat_archiver",
)
def archiving_fails(facts: Database) -> Seen:
    return "the last log segment could not be archived" if facts.server.archiving_fails else None


@kinds.kind(
    "warning",
    meaning="commits wait for these standbys: one that is away stops every write, Bascule's too",
    remedy="see that they are up in the window; the fence and its marker wait for them",
)
def commits_wait_for_standbys(facts: Database) -> Seen:
    names = facts.server.synchronous_standbys
    return f"synchronous_standby_names: {names}" if names else None


@kinds.kind(
    "warning",
    meaning="autovacuum to prevent wraparound may begin at any time; it slows reads and will not give way",
    remedy="VACUUM (FREEZE) the oldest tables on a quiet evening before the window",
)
def transactions_old(facts: Database) -> Seen:
    age = facts.server.transaction_age
    return f"the oldest unfrozen transaction is {age:,} back" if age > WRAPAROUND_AGE else None


@kinds.kind(
    "warning",
    meaning="every reading of all tables at once, a dump say, takes a lock on each and would run out of room",
    remedy="raise max_locks_per_transaction; that needs a restart",
)
def locks_few(facts: Database) -> Seen:
    relations = len(facts.tables) + facts.counts.sequences + facts.counts.views
    room = facts.server.lock_slots
    return f"room for {room} locks, {relations} relations to lock" if relations > 0.8 * room else None


@kinds.kind(
    "warning",
    meaning="what sorts by it may be out of order already: an index may miss rows, a unique one may hold "
    "doubles",
    remedy="REINDEX what uses it on legacy, then ALTER COLLATION (or DATABASE) … REFRESH VERSION",
)
def collation_version_changed(facts: Database) -> Seen:
    server = facts.server
    changed = [
        f"{c.name} ({c.version} when recorded, {c.version_now} now)"
        for c in facts.collations
        if c.version and c.version_now and c.version != c.version_now
    ]
    recorded, now = server.collation_version, server.collation_version_now
    if recorded and now and recorded != now:
        changed.insert(0, f"the database's own {server.collation} ({recorded} when recorded, {now} now)")
    return counted("collations of another version than was recorded", changed)
