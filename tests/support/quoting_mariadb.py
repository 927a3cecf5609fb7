"""
A MariaDB database as an assessment measures it, and a change for every kind of finding about one.

Promise: `sound` gives nothing to worry about; each of `ROWS` is `sound` but for what its finding is about.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from migrate.assess.facts import Database, Job, LongTransaction
from tests.support import quoting

_SOUND = {
    "has_log": True,
    "log_format": "ROW",
    "row_image": "FULL",
    "log_kept_seconds": 0,
    "server_id": 11,
    "gtid_domain": 0,
    "gtid_position": "0-11-42",
    "has_tls": True,
    "files_only_in": "",
    "sql_mode": "STRICT_TRANS_TABLES",
    "events": "ON",
    "case_mode": 0,
}
_OPEN = LongTransaction(who="anna from 10.0.0.7", seconds=900, is_prepared=False)


def sound(
    server: dict[str, Any] | None = None, *, mariadb: dict[str, Any] | None = None, **changes: Any
) -> Database:
    """A database that could be moved live to its like."""
    version = {"version": "10.11.19-MariaDB", "version_number": 101119}
    return quoting.database(
        engine="mariadb",
        server={**version, **(server or {})},
        mariadb={**_SOUND, **(mariadb or {})},
        **changes,
    )


ROWS: dict[str, tuple[str, Database]] = {
    "mariadb-version-unknown": ("warning", sound({"version_number": 100311})),
    "mariadb-password-expires": (
        "warning",
        sound({"user_expires_at": datetime.now(UTC) + timedelta(days=3)}),
    ),
    "mariadb-clock-differs": ("warning", sound({"clock_ahead_seconds": 40.0})),
    "mariadb-replicates-from-another": ("blocker", sound(mariadb={"replicates_from": ("haupt",)})),
    "mariadb-parts-hidden": ("blocker", sound(mariadb={"hidden": ("TRIGGER",)})),
    "mariadb-user-may-not-freeze": ("blocker", sound({"may_freeze": False})),
    "mariadb-users-bypass-read-only": ("warning", sound(mariadb={"bypassing": ("dba@%",)})),
    "mariadb-users-unreadable": ("warning", sound(mariadb={"bypassing": None})),
    "mariadb-source-read-only": ("warning", sound({"is_read_only_by_default": True})),
    "mariadb-log-off": ("info", sound(mariadb={"has_log": False})),
    "mariadb-log-format-not-row": ("info", sound(mariadb={"log_format": "MIXED"})),
    "mariadb-row-image-not-full": ("info", sound(mariadb={"row_image": "MINIMAL"})),
    "mariadb-server-id-missing": ("info", sound(mariadb={"server_id": 0})),
    "mariadb-log-kept-briefly": ("warning", sound(mariadb={"log_kept_seconds": 3600})),
    "mariadb-without-tls": ("blocker", sound(mariadb={"has_tls": False})),
    "mariadb-table-without-key": ("warning", sound(tables=(quoting.table(has_key=False),))),
    "mariadb-table-without-transactions": ("warning", sound(mariadb={"without_transactions": ("a (Aria)",)})),
    "mariadb-zero-dates": ("warning", sound(mariadb={"zero_dates": ("kunde.geboren 3",)})),
    "mariadb-times-over-a-day": ("info", sound(mariadb={"long_times": ("dienst.dauer 3",)})),
    "mariadb-values-not-looked-at": ("info", sound(mariadb={"not_looked_at": ("protokoll",)})),
    "mariadb-column-without-like": ("blocker", sound(mariadb={"without_like": ("ort.lage: a point",)})),
    "mariadb-own-language": ("warning", sound(mariadb={"own_language": ("view aktive",)})),
    "mariadb-definers": ("info", sound(mariadb={"definers": ("app@%",)})),
    "mariadb-events-at-work": (
        "warning",
        sound(jobs=(Job(scheduler="events", name="taeglich", schedule="every 1 DAY"),)),
    ),
    "mariadb-collations": ("info", sound(mariadb={"encodings": ("latin1_swedish_ci",)})),
    "mariadb-not-strict": ("info", sound(mariadb={"sql_mode": ""})),
    "mariadb-long-transaction": ("warning", sound(long_transactions=(_OPEN,))),
    "mariadb-prepared-transaction": (
        "blocker",
        sound(long_transactions=(_OPEN.model_copy(update={"is_prepared": True, "seconds": 0.0}),)),
    ),
}
