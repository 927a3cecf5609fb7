"""
Tuning the target's server for loading, and setting it back.

Promise: only settings that are safe in a crash and take effect without a restart; what the server had
of its own before is remembered on it first, and `untune` puts exactly that back, as often as it is called.
"""

from collections.abc import Mapping

from psycopg import sql

from migrate.databases import Session, value
from migrate.transfer.postgresql_live import powers

_MIB = 1024**2
LARGEST_LOG_MIB = 8192
"""How much log a loading server may keep before it must write a checkpoint."""


def settings(database_bytes: int, free_bytes: int) -> dict[str, str]:
    """Return what is set while loading. The log takes at most a quarter of what is free on the disk."""
    log = min(LARGEST_LOG_MIB, max(1024, int(database_bytes * 1.5) // _MIB), max(64, free_bytes // 4 // _MIB))
    return {
        "max_wal_size": f"{log}MB",
        "checkpoint_timeout": "30min",
        # It would read every table once more while others are loaded; the copy gathers statistics itself.
        "autovacuum": "off",
    }


def tune(target: Session, wanted: Mapping[str, str]) -> None:
    """
    Set the server for loading; a second call changes nothing that the first remembered.

    A server that is set up from outside alone, as a managed one is, loads as it is set.
    """
    if not powers.read(target).is_superuser:
        return
    rows = target.execute(
        "SELECT name, setting FROM pg_catalog.pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf'"
    ).fetchall()
    own: dict[str, str] = dict(rows)
    for name, setting in wanted.items():
        target.execute(
            "INSERT INTO bascule.tuned (name, former) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (name, own.get(name)),
        )
        target.execute(_set(name, setting))
    target.execute("SELECT pg_catalog.pg_reload_conf()")


def untune(target: Session) -> None:
    """Put back what the server had of its own before."""
    if value(target, "SELECT pg_catalog.to_regclass('bascule.tuned') IS NULL"):
        return
    for statement in undoing(target):
        target.execute(statement)


def undoing(target: Session) -> list[sql.Composed]:
    """The statements of `untune`, for a program that runs when nobody else is there."""
    rows = target.execute("SELECT name, former FROM bascule.tuned ORDER BY name").fetchall()
    if not rows:
        return []
    return [
        *(_set(name, former) for name, former in rows),
        sql.SQL("DELETE FROM bascule.tuned").format(),
        sql.SQL("SELECT pg_catalog.pg_reload_conf()").format(),
    ]


def _set(name: str, setting: str | None) -> sql.Composed:
    if setting is None:
        return sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name))
    return sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(setting))
