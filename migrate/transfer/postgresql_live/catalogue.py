"""
What a database and its server looked like before a move touched them, and what is otherwise now.

Promise: plain data that JSON can hold, without passwords and without Bascule's own objects. Grants are told
by what they mean, so that one which was given and taken back again is no difference.
"""

import json

from migrate.databases import Session, query, value
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import powers
from migrate.transfer.postgresql_live.names import SCHEMA
from migrate.transfer.postgresql_live.sessions import asked, both_at_work, statement, telling

Catalogue = dict[str, dict[str, str]]
"""By kind, by name. Definitions are kinds too, each named ``definition of …``."""

_TABLE = (SCHEMA, "as_found")
IDENTITY = "replica identity"


def as_found(session: Session) -> Catalogue:
    """Read the catalogue of a session's database and server."""
    found: Catalogue = {}
    # Who may not set the server as a whole may not see how it is set either.
    beside = ["turn_server_settings"] if powers.read(session).is_superuser else []
    rows = [row for name in ("turn_catalogue", "turn_identities", *beside) for row in asked(session, name)]
    for row in rows:
        found.setdefault(row["kind"], {})[row["name"]] = row["value"] or ""
    for kind, name, definition in session.execute(query("compare_definitions")):
        of_kind = found.setdefault(f"definition of {kind}", {})
        # Two constraints may bear one name on one table's two parents; both then count as one text.
        of_kind[name] = "\n".join(filter(None, (of_kind.get(name), definition)))
    return found


def differences(before: Catalogue, now: Catalogue) -> tuple[str, ...]:
    """Say in one line each what is otherwise than before; empty when nothing is."""
    lines = []
    for kind in sorted(before.keys() | now.keys()):
        was, is_ = before.get(kind, {}), now.get(kind, {})
        for name in sorted(was.keys() | is_.keys()):
            if was.get(name) != is_.get(name):
                lines.append(f"{kind} {name}: was {_shown(was.get(name))}, is {_shown(is_.get(name))}")
    return tuple(lines)


def _shown(text: str | None) -> str:
    return "not there" if text is None else repr(text) if text else "there"


def remember(task: Task) -> Catalogue:
    """
    Keep the source's catalogue on the target, unless it is kept there already; return it as first read.

    Call it before anything is changed on the source.
    """
    with both_at_work(task) as ((source,), (target,)):
        if (kept := remembered(target)) is not None:
            return kept
        with telling(task.source, "reading its catalogue"):
            found = as_found(source)
        with telling(task.target, "keeping the source's catalogue"), target.transaction():
            target.execute("SET LOCAL client_min_messages = warning")
            target.execute(statement("CREATE SCHEMA IF NOT EXISTS {}", SCHEMA))
            target.execute(
                statement(
                    "CREATE TABLE IF NOT EXISTS {} (only_one bool PRIMARY KEY CHECK (only_one),"
                    " taken_at timestamptz NOT NULL DEFAULT pg_catalog.now(), catalogue jsonb NOT NULL)",
                    _TABLE,
                )
            )
            target.execute(
                statement("INSERT INTO {} (only_one, catalogue) VALUES (true, %s)", _TABLE),
                (json.dumps(found),),
            )
    return found


def remembered(target: Session) -> Catalogue | None:
    """Return what `remember` kept there; None where it did not, or where it is gone."""
    if value(target, "SELECT pg_catalog.to_regclass(%s)", ".".join(_TABLE)) is None:
        return None
    row = target.execute(statement("SELECT catalogue FROM {}", _TABLE)).fetchone()
    return row[0] if row else None
