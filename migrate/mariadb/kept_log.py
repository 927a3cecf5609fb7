"""
A server that removes nothing of its binary log by itself, while an archive travels that its changes follow.

Promise: its settings are noted on it before they are changed, and `give_back` puts them back. A restart
forgets the change, since MariaDB keeps no global setting: `held` looks at the log itself.
"""

from dataclasses import dataclass

from migrate.mariadb.session import MariaSession

_LIMITS = ("expire_logs_days", "max_binlog_total_size")
"""What makes a server remove its log; 0 never does. The second since MariaDB 11.4."""


@dataclass(frozen=True)
class Held:
    """What a server has of its log since a position."""

    is_whole: bool
    """Whether the position is still in it, and everything after."""
    bytes: int
    limits: tuple[str, ...]
    """Settings by which it would remove some of it one day."""


def keep(session: MariaSession) -> None:
    """Let the server remove nothing of its log. What Bascule keeps on a server is there already."""
    for limit in _limits(session):
        session.run(
            f"INSERT IGNORE INTO bascule.kept VALUES ('{limit}', @@GLOBAL.{limit})"  # noqa: S608 - our own words
        )
        session.run(f"SET GLOBAL {limit} = 0")


def give_back(session: MariaSession) -> None:
    """Put the settings back that `keep` noted; nothing is done where it noted none."""
    for limit in _limits(session):
        for row in session.run("SELECT was FROM bascule.kept WHERE name = %s", limit):
            session.run(f"SET GLOBAL {limit} = {float(row['was']):.6f}".removesuffix(".000000"))


def held(session: MariaSession, *, position: str, log_file: str, log_offset: int) -> Held:
    """
    Look at the server's log; reads only.

    Args:
        position: GTIDs, as ``0-1-100``; they were at `log_offset` of `log_file`.
    """
    names = [(str(row["Log_name"]), int(row["File_size"])) for row in session.run("SHOW BINARY LOGS")]
    files = [called for called, _ in names]
    # A log that was begun anew has files of the same names, and something else in them.
    is_whole = log_file in files and position == str(
        session.value("SELECT BINLOG_GTID_POS(%s, %s)", log_file, log_offset) or ""
    )
    since = names[files.index(log_file) :] if log_file in files else []
    return Held(
        is_whole=is_whole,
        bytes=max(sum(size for _, size in since) - log_offset, 0),
        limits=tuple(
            f"{limit} is {value:g}"
            for limit in _limits(session)
            if (value := float(session.value(f"SELECT @@GLOBAL.{limit}")))
        ),
    )


def _limits(session: MariaSession) -> list[str]:
    """Those that this version has."""
    return [limit for limit in _LIMITS if session.run("SHOW GLOBAL VARIABLES LIKE %s", limit)]
