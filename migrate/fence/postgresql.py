"""
The fence of PostgreSQL: a flag for those who mind it, and no rights for those who do not.

Promise: once `fence` returns, no session can write that is not a superuser's, whatever flags it sets
for itself, and none lives that began before; everybody can read. `lift` gives every right back to
whom it came from. What it needs for that lies in the database, written in the same transaction as what
it undoes: a fence is there whole, with its undoing, or not at all, and a second one changes nothing.

In order: sessions become read-only by default; transactions that are open may end; nobody may define or
grant anything any more (``freeze_definitions.sql``); everybody loses the rights to write, owners too
(``freeze_rights.sql``: only GRANT and REVOKE, no locks on tables, some milliseconds, 0.15 s for 2,000
tables); sessions from before each of the last two are ended until a pass finds none.
Superusers cannot be kept out that way, so what they write is counted; a SECURITY DEFINER function that
belongs to one writes with his rights, and is counted likewise. An owner who would define something
anew or grant himself his rights again is refused by an event trigger, which goes with the lift, where the
server takes one. A login that is no superuser takes rights where it is a member of all owners, as a managed
site's mover is; else it cannot take others': it sets the flag alone, and the evidence says so.

Why rights, and not the alternatives: locks end with the session that holds them, and would keep out
the replication that has to write into a frozen source after going live; triggers on every table are
definitions of the customer's, take locks that wait for autovacuum, and do not see large objects.

Bascule's own sessions are left alone, those of the very role that fences under Bascule's name: that role
is a superuser, or the one that sets the flag, so ending them would keep nobody out.

Source: ALTER DATABASE, then end all older sessions until a pass finds none, as measured over 360
freezes without a late write; waiting for sessions that are still starting closes the gap that remains.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import psycopg

from migrate.databases import Database, Session, query
from migrate.errors import FreezeError
from migrate.fence.contract import GRACE_SECONDS, FrozenDatabase, Watched
from migrate.fence.sessions import clear, let_finish, rows
from migrate.waiting import wait_until

_TOO_LATE, _NOT_TAKEN = "BA001", "BA002"
_LOCK_SECONDS = 5
"""How long a statement on rights may wait for somebody's open change of the same table's."""

_RESTORE = """\
PGPASSFILE=./secret-{name} exec psql -X -q -v ON_ERROR_STOP=1 -o /dev/null \\
    -d "$(cat conninfo-{name})" -f lift-{name}.sql < /dev/null
"""


class PostgresqlFence:
    """Meets `migrate.fence.contract.Fence`."""

    lift_needs: tuple[str, ...] = ("psql",)

    def fence(
        self,
        database: Database,
        *,
        name: str = "",
        grace_seconds: float = GRACE_SECONDS,
        within_seconds: float | None = None,
        before: Callable[[], datetime] | None = None,
    ) -> FrozenDatabase:
        """Let nobody write any more; see `Fence.fence`."""
        with _working(database) as session:
            _refuse_prepared(session, database, grace_seconds)
            now = _look(session)
            by_rights = bool(now["takes_rights"])
            session.execute(
                "SELECT pg_catalog.set_config('bascule.takes_rights', %s, false)",
                ("on" if by_rights else "off",),
                prepare=False,
            )
            if not by_rights and now["has_own_settings"] and not now["has_flag"]:
                raise FreezeError(
                    f"{database.name}: {database.endpoint.user} is no superuser, and cannot put back the"
                    " settings of default_transaction_read_only that database or roles have already",
                    state="Nothing was changed.",
                    next_step="RESET them, or name a superuser in legacy.databases",
                )
            if within_seconds is not None:
                session.execute(
                    "SELECT pg_catalog.set_config('bascule.not_after', %s, false)",
                    (str(now["server_epoch"] + within_seconds),),
                    prepare=False,
                )
            frozen_at = before() if before else datetime.now(UTC)
            begun = monotonic()
            session.execute(query("freeze_flag"), prepare=False)
            ended = let_finish(session, database, grace_seconds)
            if by_rights:
                session.execute(query("freeze_definitions"), prepare=False)
                # Whoever began before may still have granted something; from here on nobody can any more.
                ended = clear(session, database) | ended
                _take_rights(session)
            ended = clear(session, database) | ended
            seconds = monotonic() - begun
            # Once more: one may have been prepared until just now.
            _refuse_prepared(session, database, grace_seconds)
            rows_written = _look(session)["rows_written"]
            excepted = rows(session, "freeze_excepted")
        return FrozenDatabase(
            name=name,
            dbname=database.endpoint.dbname,
            frozen_at=frozen_at,
            seconds=round(seconds, 3),
            ended=tuple(ended.values()),
            rows_written=rows_written,
            held_by="rights" if by_rights else "flag",
            excepted=tuple(row["rolname"] for row in excepted),
        )

    def lift(self, database: Database) -> None:
        """Put everything back; see `Fence.lift`."""
        with _working(database, state="It is still read-only, or part of it.") as session:
            now = _look(session)
            if now["rights_taken"] is not None or (now["has_flag"] and not now["is_superuser"]):
                for statement in _LIFTING:
                    session.execute(query(statement), prepare=False)

    def lift_files(self, name: str, database: Database) -> Mapping[str, bytes]:
        """What psql needs to lift it; see `Fence.lift_files`."""
        end = database.endpoint
        statements = b"SET default_transaction_read_only = off;\nSET search_path = '';\n"
        return {
            f"ca-{name}.pem": end.ca.encode(),
            # Relative: the lease's own folder is where psql runs.
            f"conninfo-{name}": end.conninfo(ca_file=f"ca-{name}.pem", application="bascule lease").encode(),
            f"lift-{name}.sql": statements + b"\n".join(query(statement) for statement in _LIFTING),
            f"secret-{name}": end.pgpass,
            f"restore-{name}.sh": _RESTORE.format(name=name).encode(),
        }

    def is_fenced(self, database: Database) -> bool:
        """Tell whether flag and, where they can be, rights are taken."""
        with database.opened() as session:
            return _is_fenced(_look(session))

    def writes_since(self, database: Database) -> Watched:
        """Count the rows written, and name the sessions that could; see `Fence.writes_since`."""
        with database.opened() as session:
            now, suspects = _look(session), rows(session, "freeze_suspects")
        return Watched(
            is_fenced=_is_fenced(now),
            rows_written=now["rows_written"],
            suspects=tuple(_named(one) for one in suspects),
        )


_LIFTING = ("freeze_lift", "freeze_end_sessions")


def _is_fenced(now: Mapping[str, Any]) -> bool:
    return bool(now["rights_taken"]) or (bool(now["has_flag"]) and not now["is_superuser"])


def _named(one: Mapping[str, Any]) -> str:
    program, client = one["application_name"] or "no name", one["client"] or "the server"
    return f"{one['usename']} ({program}, from {client}, since {one['backend_start']:%H:%M:%S} UTC)"


@contextmanager
def _working(
    database: Database, *, state: str = "What was changed already is put back."
) -> Iterator[Session]:
    """A session that may write in a fenced database; what the server refuses becomes a `FreezeError`."""
    with database.opened() as session:
        try:
            session.execute(
                f"SET default_transaction_read_only = off; SET lock_timeout = '{_LOCK_SECONDS}s';"
                " SET synchronous_commit = on",
                prepare=False,
            )
            yield session
        except psycopg.errors.InsufficientPrivilege as error:
            raise FreezeError(
                f"{database.endpoint.user} may not make {database.name} read-only:"
                f" {error.diag.message_primary}",
                state="Nothing was changed; it is writable.",
                next_step=f"make {database.endpoint.user} the database's owner or a superuser",
            ) from error
        except psycopg.Error as error:
            late = error.sqlstate == _TOO_LATE
            raise FreezeError(
                f"{database.name}: {error.diag.message_primary or error}",
                state="The lease may have run out meanwhile." if late else state,
                next_step="fab run" if late else "mend the cause, then fab run",
            ) from error


def _look(session: Session) -> dict[str, Any]:
    return rows(session, "freeze_look")[0]


def _take_rights(session: Session) -> None:
    """Take them; where somebody changed the same table's rights or definition just then, once more."""
    for patience in (2, 1, 0):
        try:
            session.execute(query("freeze_rights"), prepare=False)
            return
        except psycopg.errors.InternalError_:  # "tuple concurrently updated": PostgreSQL asks for a repeat
            if not patience:
                raise


def _refuse_prepared(session: Session, database: Database, grace_seconds: float) -> None:
    """Wait for transactions prepared for two-phase commit; those that stay could commit at any time."""
    found: list[dict[str, Any]] = []

    def none_left() -> bool:
        found[:] = rows(session, "freeze_prepared")
        return not found

    if not wait_until(none_left, deadline_seconds=grace_seconds, pace_seconds=0.02):
        names = ", ".join(f"{p['gid']!r} of {p['owner']} ({p['seconds']:.0f} s old)" for p in found)
        raise FreezeError(
            f"{database.name} has prepared transactions, which may commit at any time: {names}",
            next_step="have their transaction manager finish them, or ROLLBACK PREPARED '…', then fab run",
        )
