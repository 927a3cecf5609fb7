"""
What is measured of a MariaDB server and database beside what every engine has.

Promise: plain data; what the account may not see is said in `hidden`, never taken for nought.
"""

from provisioning.model import Model


class MariadbFacts(Model):
    """One database and its server, as seen by the account of the manifest."""

    has_log: bool
    """Whether the server writes a binary log."""
    log_format: str
    row_image: str
    log_kept_seconds: int
    """How long the server keeps that log; 0 is for ever."""
    server_id: int
    gtid_domain: int
    gtid_position: str
    has_tls: bool
    files_only_in: str
    """``secure_file_priv``; replication by certificate needs it empty."""
    sql_mode: str
    events: str
    """Whether events run: ON, OFF or DISABLED."""
    case_mode: int
    """``lower_case_table_names``."""
    hidden: tuple[str, ...] = ()
    """Rights without which the server hides parts of the database."""
    bypassing: tuple[str, ...] | None = ()
    """Accounts that write whatever ``read_only`` says; None where they may not be seen."""
    replicates_from: tuple[str, ...] = ()
    """Names of flows that write into this server."""

    without_transactions: tuple[str, ...] = ()
    """Tables with their engine, such as ``alt (MyISAM)``."""
    zero_dates: tuple[str, ...] = ()
    """Columns that hold dates that do not exist, with how many."""
    long_times: tuple[str, ...] = ()
    """Columns that hold times of more than a day, or less than none."""
    not_looked_at: tuple[str, ...] = ()
    """Tables whose values were not looked at, since that took too long."""
    without_like: tuple[str, ...] = ()
    """Columns that PostgreSQL has no type for, with the reason."""
    own_language: tuple[str, ...] = ()
    """Views, routines, triggers, events, sequences and checks, each with its kind."""
    definers: tuple[str, ...] = ()
    """Accounts in whose name views, routines, triggers and events run."""
    encodings: tuple[str, ...] = ()
    """Of columns, with their collations, such as ``latin1_swedish_ci``."""
