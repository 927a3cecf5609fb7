"""
What a role may do: asked once, of the server, so that nobody has to know whose server it is.

Promise: `read` only looks. `lacking` also tries what no catalogue tells, since a managed server grants its
master by means of its own; each trial is rolled back before anybody could see it. Nothing else in a live
move asks whether its target's role is a superuser.

Source: what the masters of managed servers have and lack is told in PostgreSQL's own terms (predefined roles
since 16); Amazon RDS gives ``rds_replication`` in the place of the attribute REPLICATION.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from migrate.databases import Session, query
from migrate.transfer.postgresql_live.sessions import statement

REPLICATES_INSTEAD = ("rds_replication",)
"""Roles of managed servers whose members may do what the attribute REPLICATION allows."""


@dataclass(frozen=True)
class Powers:
    """What the catalogue tells of the session's role; fields as ``live_powers.sql`` names them."""

    is_superuser: bool
    writes_files: bool
    reads_connections: bool
    resets_errors: bool
    reads_large_objects: bool
    may_create: bool
    is_not_of: Sequence[str]
    """Roles whose rights it was to have, and has not."""
    ends_sessions: bool


def read(session: Session, of: Sequence[str] = ()) -> Powers:
    """
    Look at what the session's role may do.

    Args:
        of: Roles whose rights it is to have.
    """
    session.execute("SELECT pg_catalog.set_config('bascule.of', %s, false)", (",".join(of),))
    with session.cursor(row_factory=dict_row) as cursor:
        (row,) = cursor.execute(query("live_powers")).fetchall()
    return Powers(**row)


def lacking(session: Session, of: Sequence[str]) -> tuple[str, ...]:
    """
    Say what the session's role lacks of all that the target of a live move takes, each with its remedy.

    Args:
        of: The site's owner and its application, whose tables and large objects are moved.
    """
    found = read(session, of)
    if found.is_superuser:
        return ()
    user = session.info.user
    wanted: tuple[tuple[bool | Callable[[], bool], str], ...] = (
        (found.may_create, f"CREATE on the database: GRANT CREATE ON DATABASE … TO {user}"),
        (not found.is_not_of, f"the rights of others: GRANT {', '.join(found.is_not_of)} TO {user}"),
        (found.reads_large_objects, f"reading large objects: GRANT pg_read_all_data TO {user}"),
        (found.ends_sessions, f"ending sessions: GRANT pg_signal_backend TO {user}"),
        (
            lambda: is_granted(session, _subscription),
            f"subscriptions: GRANT pg_create_subscription TO {user}, from PostgreSQL 16 on",
        ),
        (
            lambda: is_granted(session, _login),
            f"roles that replicate: ALTER ROLE {user} CREATEROLE REPLICATION, or on Amazon RDS"
            f" GRANT rds_replication TO {user} WITH ADMIN OPTION",
        ),
        (
            lambda: is_granted(session, _as_replica),
            f"loading without triggers: GRANT SET ON PARAMETER session_replication_role TO {user}",
        ),
    )
    return tuple(what for has, what in wanted if not (has if isinstance(has, bool) else has()))


def is_granted(session: Session, trial: Callable[[Session], Any]) -> bool:
    """Try something that is taken back at once; tell whether the server's rules allow it."""
    try:
        with session.transaction(force_rollback=True):
            session.execute("SET LOCAL client_min_messages = error")
            trial(session)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def make_replicating(session: Session, name: str) -> None:
    """
    Let a role log in and replicate, by the attribute or by what the server gives instead; may be repeated.

    Raises:
        psycopg.errors.InsufficientPrivilege: The server gives neither to the session's role.
    """
    session.execute(statement("ALTER ROLE {} LOGIN VALID UNTIL 'infinity'", name))
    try:
        with session.transaction():
            session.execute(statement("ALTER ROLE {} REPLICATION", name))
    except psycopg.errors.InsufficientPrivilege:
        known = session.execute(
            "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY (%s)", (list(REPLICATES_INSTEAD),)
        ).fetchone()
        if known is None:
            raise
        session.execute(statement("GRANT {} TO {}", str(known[0]), name))


def _trial_name() -> str:
    return f"bascule_trial_{secrets.token_hex(8)}"


def _subscription(session: Session) -> None:
    # Without connecting; who is no superuser must bring a password along.
    conninfo = "dbname=none password=none"
    text = f"CREATE SUBSCRIPTION {{}} CONNECTION '{conninfo}' PUBLICATION none WITH (connect = false)"
    session.execute(sql.SQL(text).format(sql.Identifier(_trial_name())))


def _login(session: Session) -> None:
    name = _trial_name()
    session.execute(statement("CREATE ROLE {}", name))
    make_replicating(session, name)


def _as_replica(session: Session) -> None:
    session.execute("SET LOCAL session_replication_role = replica")
