"""
Kinds of findings about a MariaDB server and database.

Promise: each looks at one database's facts; see `migrate.assess.kinds` for what becomes of them. `needed`
are those that stand against a live move.
"""

from collections.abc import Callable
from functools import wraps

from migrate.assess.facts import Database
from migrate.assess.findings.access import expiring_soon
from migrate.assess.findings.server import CLOCK_MEANING, CLOCK_REMEDY, clock_differing
from migrate.assess.kinds import Kinds, Seen, counted, listed
from migrate.assess.mariadb_facts import MariadbFacts

kinds = Kinds[Database]()

OLDEST, NEWEST = 1004, 1108
"""Series whose catalogue is known: 10.4 to 11.8."""
LEAST_LOG_SECONDS = 24 * 3600
LONG_SECONDS = 60.0


def _of(facts: Database) -> MariadbFacts:
    assert facts.mariadb is not None  # noqa: S101 - whoever measures a MariaDB fills it
    return facts.mariadb


def _of_translation(see: Callable[[Database], Seen]) -> Callable[[Database], Seen]:
    """Ask only where the site has another engine: nothing is translated otherwise."""

    @wraps(see)
    def asked(facts: Database) -> Seen:
        return None if facts.site_engine == "mariadb" else see(facts)

    return asked


@kinds.kind(
    "warning",
    meaning="moves from it were never tried; its catalogue may hold what Bascule does not know of",
    remedy="let a trial in the test environment decide, or take a release of Bascule that knows this version",
)
def mariadb_version_unknown(facts: Database) -> Seen:
    if OLDEST <= facts.series <= NEWEST:
        return None
    return f"{facts.product}; moves are known from 10.4 to 11.8"


@kinds.kind(
    "warning",
    meaning="the move cannot log in once it is over, and legacy could not be opened again",
    remedy="ALTER USER … PASSWORD EXPIRE NEVER, until well after the move",
)
def mariadb_password_expires(facts: Database) -> Seen:
    return expiring_soon(facts)


@kinds.kind(
    "warning",
    meaning=CLOCK_MEANING,
    remedy=CLOCK_REMEDY,
)
def mariadb_clock_differs(facts: Database) -> Seen:
    return clock_differing(facts)


@kinds.kind(
    "blocker",
    meaning="another server goes on writing into this one, whatever is frozen here",
    remedy="name the primary under legacy/databases in the manifest, or end that replication",
    waivable=False,
)
def mariadb_replicates_from_another(facts: Database) -> Seen:
    return counted("flows that write into this server", _of(facts).replicates_from)


@kinds.kind(
    "blocker",
    meaning="the server would hide things from the account, and they would be left out",
    remedy="GRANT these to the account under legacy/databases, on the database at least",
    waivable=False,
)
def mariadb_parts_hidden(facts: Database) -> Seen:
    return counted("rights that the account lacks", _of(facts).hidden)


@kinds.kind(
    "blocker",
    meaning="legacy could not be made read-only, so it could not be moved",
    remedy="GRANT ALL PRIVILEGES ON *.* TO the account WITH GRANT OPTION, for the time of the move",
    waivable=False,
)
def mariadb_user_may_not_freeze(facts: Database) -> Seen:
    return None if facts.server.may_freeze else f"{facts.server.user} lacks rights to fence the server"


@kinds.kind(
    "warning",
    meaning="read_only does not hold them: they are locked while legacy is frozen, and their sessions end",
    remedy="tell whoever uses them when the window is; take the right from those that do not need it",
)
def mariadb_users_bypass_read_only(facts: Database) -> Seen:
    return counted("accounts with SUPER or READ_ONLY ADMIN", _of(facts).bypassing or ())


@kinds.kind(
    "warning",
    meaning="nobody knows who would write round the freeze before it begins; the fence needs to see them",
    remedy="GRANT SELECT ON mysql.* to the account, or all rights",
)
def mariadb_users_unreadable(facts: Database) -> Seen:
    return "the account may not see who bypasses read_only" if _of(facts).bypassing is None else None


@kinds.kind(
    "warning",
    meaning="the database's applications can hardly write there now; a move that ends leaves it so",
    remedy="find out who set it; SET GLOBAL read_only = OFF",
)
def mariadb_source_read_only(facts: Database) -> Seen:
    return "read_only is on" if facts.server.is_read_only_by_default else None


@kinds.kind(
    "info",
    meaning="without it nothing can follow the database, and in the freeze writes are counted by the second",
    remedy="for a live move: log_bin in the server's configuration, and a restart",
)
def mariadb_log_off(facts: Database) -> Seen:
    return None if _of(facts).has_log else "log_bin is off"


@kinds.kind(
    "info",
    meaning="statements would be carried out anew on the other side, not the rows that they changed",
    remedy="for a live move: SET GLOBAL binlog_format = ROW, then let clients connect anew",
)
def mariadb_log_format_not_row(facts: Database) -> Seen:
    of = _of(facts)
    return f"binlog_format is {of.log_format}" if of.has_log and of.log_format != "ROW" else None


@kinds.kind(
    "info",
    meaning="rows would be logged in part only, so what changed could not be compared",
    remedy="for a live move: SET GLOBAL binlog_row_image = FULL",
)
def mariadb_row_image_not_full(facts: Database) -> Seen:
    of = _of(facts)
    return f"binlog_row_image is {of.row_image}" if of.has_log and of.row_image != "FULL" else None


@kinds.kind(
    "info",
    meaning="two servers of a flow are told apart by it",
    remedy="for a live move: SET GLOBAL server_id to a number of its own",
)
def mariadb_server_id_missing(facts: Database) -> Seen:
    return None if _of(facts).server_id else "server_id is 0"


@kinds.kind(
    "warning",
    meaning="log that is needed may be gone before it was carried over, and the copy would begin anew",
    remedy="SET GLOBAL expire_logs_days to some days until the move is done",
)
def mariadb_log_kept_briefly(facts: Database) -> Seen:
    of = _of(facts)
    if not of.has_log or not 0 < of.log_kept_seconds < LEAST_LOG_SECONDS:
        return None
    return f"the binary log is kept for {of.log_kept_seconds / 3600:.0f} h"


@kinds.kind(
    "blocker",
    meaning="Bascule speaks TLS only",
    remedy="give the server a certificate (ssl_cert, ssl_key), and the manifest its authority",
    waivable=False,
)
def mariadb_without_tls(facts: Database) -> Seen:
    return None if _of(facts).has_tls else "the server has no TLS"


@kinds.kind(
    "warning",
    meaning="changed rows are found only by comparing all columns; such a table is slow to follow",
    remedy="give it a primary key before the move",
)
def mariadb_table_without_key(facts: Database) -> Seen:
    return counted("tables without a key", [table.name for table in facts.tables if not table.has_key])


@kinds.kind(
    "warning",
    meaning="they know no transactions: no copy of them is of one moment while somebody writes, so they are "
    "copied in the freeze; a crash of the server may leave rows behind",
    remedy="ALTER TABLE … ENGINE = InnoDB, where nothing stands against it",
)
def mariadb_table_without_transactions(facts: Database) -> Seen:
    return counted("tables of other engines than InnoDB", _of(facts).without_transactions)


@kinds.kind(
    "warning",
    meaning="PostgreSQL has no such dates: they become NULL, and their columns may be NULL there",
    remedy="have the vendor agree, or put right dates in their place on legacy",
)
@_of_translation
def mariadb_zero_dates(facts: Database) -> Seen:
    return counted("columns with dates that do not exist, with their number", _of(facts).zero_dates)


@kinds.kind(
    "info",
    meaning="such a time is a length, not a time of day; in PostgreSQL it becomes an interval",
    remedy="see that the application on the site reads an interval there",
)
@_of_translation
def mariadb_times_over_a_day(facts: Database) -> Seen:
    return counted("columns with times beyond a day, with their number", _of(facts).long_times)


@kinds.kind(
    "info",
    meaning="their dates and times were not looked at, since reading them took too long",
    remedy="the copy looks at all of them; SELECT those with a zero in them by hand to know now",
)
@_of_translation
def mariadb_values_not_looked_at(facts: Database) -> Seen:
    return counted("tables", _of(facts).not_looked_at)


@kinds.kind(
    "blocker",
    meaning="nothing in PostgreSQL keeps their values as they are, so the copy would be refused",
    remedy="change the column on legacy, or move to a site with MariaDB",
)
@_of_translation
def mariadb_column_without_like(facts: Database) -> Seen:
    return counted("columns", _of(facts).without_like)


@kinds.kind(
    "warning",
    meaning="they are not carried into PostgreSQL, whose language is another; between two MariaDBs they are",
    remedy="have the vendor's application for the site bring what is needed of them",
)
@_of_translation
def mariadb_own_language(facts: Database) -> Seen:
    return counted("written in MariaDB's own language", _of(facts).own_language)


@kinds.kind(
    "info",
    meaning="accounts do not move: what runs in their name runs in the name of the site's owner there",
    remedy="nothing to do",
)
def mariadb_definers(facts: Database) -> Seen:
    return counted("accounts that define views, routines, triggers or events", _of(facts).definers)


@kinds.kind(
    "warning",
    meaning="they run on legacy while it is at work, and stop in the freeze",
    remedy="see that none has to run in the window, and what takes their place on the site",
)
def mariadb_events_at_work(facts: Database) -> Seen:
    if _of(facts).events != "ON":
        return None
    return counted("events", [f"{job.name} {job.schedule}" for job in facts.jobs or ()])


@kinds.kind(
    "info",
    meaning="texts are converted to UTF-8, and what sorts and compares without regard to case or accents "
    "does regard them in PostgreSQL",
    remedy="see that the application on the site does not count on it",
)
@_of_translation
def mariadb_collations(facts: Database) -> Seen:
    return counted("collations", _of(facts).encodings)


@kinds.kind(
    "info",
    meaning="values that do not fit are cut or changed in silence as they are written there",
    remedy="nothing to do for the move: what was stored is what is moved",
)
def mariadb_not_strict(facts: Database) -> Seen:
    mode = _of(facts).sql_mode
    return None if "STRICT_" in mode else f"sql_mode is {mode or 'empty'}"


@kinds.kind(
    "warning",
    meaning="the freeze waits for it for two seconds and then ends it; what it wrote is rolled back",
    remedy="find out whose it is, and that it does not run in the window",
)
def mariadb_long_transaction(facts: Database) -> Seen:
    slow = [
        f"{one.who}, {one.seconds:.0f} s" for one in facts.long_transactions if one.seconds > LONG_SECONDS
    ]
    return counted("open transactions", slow)


@kinds.kind(
    "blocker",
    meaning="it may commit at any time, read-only or not, so the freeze refuses to begin",
    remedy="have their transaction manager finish them, or XA ROLLBACK them",
)
def mariadb_prepared_transaction(facts: Database) -> Seen:
    prepared = [one.who for one in facts.long_transactions if one.is_prepared]
    return f"prepared transactions ({len(prepared)}): {listed(prepared)}" if prepared else None


def files_only_in(facts: Database) -> Seen:
    """No finding of its own: it stands against a live move only."""
    folder = _of(facts).files_only_in
    return f"secure_file_priv is {folder}; it must be empty" if folder else None


needed: tuple[Callable[[Database], Seen], ...] = (
    mariadb_log_off,
    mariadb_log_format_not_row,
    mariadb_row_image_not_full,
    mariadb_server_id_missing,
    mariadb_replicates_from_another,
    mariadb_user_may_not_freeze,
    files_only_in,
)
