"""
What a database is made of: each object as the statement that makes it, with what it was made under.

Promise: an object that the server knows is either here or in `unknown`; a table's next number, and the
definer, which is an account of one server, are no part of a definition. Reads only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from migrate.errors import MigrationError
from migrate.mariadb.session import MariaSession, literal, name, query

_STATEMENT = {
    "sequence": "Create Table",
    "table": "Create Table",
    "view": "Create View",
    "function": "Create Function",
    "procedure": "Create Procedure",
    "package": "Create Package",
    "package body": "Create Package Body",
    "trigger": "SQL Original Statement",
    "event": "Create Event",
}
"""By kind, what SHOW CREATE calls its statement."""

DISABLED, ASLEEP = "DISABLE", "DISABLE ON SLAVE"

_DEFINER = re.compile(r" DEFINER=`((?:[^`]|``)*)`@`((?:[^`]|``)*)`")
_NEXT_NUMBER = re.compile(r"^(\) .*?) AUTO_INCREMENT=\d+", re.MULTILINE)
_EVENT_STATE = re.compile(r" (ENABLE|DISABLE ON SLAVE|DISABLE)(?= (?:COMMENT|DO) )")


@dataclass(frozen=True)
class Made:
    """One object."""

    kind: str
    name: str
    statement: str
    """Makes it; without definer, next number, and whether an event is enabled."""
    definer: str = ""
    """As ``user@host``; empty where there is none."""
    sql_mode: str = ""
    charset: str = "utf8mb4"
    collation: str = "utf8mb4_general_ci"
    time_zone: str = ""
    state: str = ""
    """Of an event: ENABLE, DISABLE, or `ASLEEP` where it is enabled on the other side of a flow."""

    def statements(self, definer: str) -> list[str]:
        """
        What makes it elsewhere, in order.

        Args:
            definer: The account as SQL has it, such as ``'app'@'%'``; it must exist there.
        """
        made = self.statement
        if self.definer:
            made = re.sub(r"^CREATE( ALGORITHM=\w+)?", rf"\g<0> DEFINER={definer}", made, count=1)
        if self.kind == "event":
            made = _after_schedule(made, DISABLED if self.state == DISABLED else ASLEEP)
        return [
            f"SET SESSION sql_mode = {literal(self.sql_mode)}",
            f"SET SESSION character_set_client = {self.charset}, collation_connection = {self.collation}",
            *([f"SET SESSION time_zone = {literal(self.time_zone)}"] if self.time_zone else []),
            made,
        ]


def definitions(session: MariaSession, *kinds: str) -> dict[tuple[str, str], Made]:
    """
    Return objects of the session's database by kind and name, in an order to make them in.

    Args:
        kinds: Of these alone; all without any.
    """
    found = {}
    for row in session.run(query("objects")):
        kind, called = str(row["kind"]), str(row["name"])
        if not kinds or kind in kinds:
            found[kind, called] = _made(session, kind, called)
    return found


def compared(session: MariaSession) -> dict[tuple[str, str], str]:
    """Return each object's definition as a text that two servers share."""
    return texts(definitions(session))


def texts(objects: Mapping[tuple[str, str], Made]) -> dict[tuple[str, str], str]:
    """As `compared`, of objects that were read before."""
    found = {}
    for key, made in objects.items():
        beside = (made.sql_mode, made.charset, made.collation, made.state if made.state == DISABLED else "")
        found[key] = "\n-- ".join((made.statement, *filter(None, beside)))
    return found


def _made(session: MariaSession, kind: str, called: str) -> Made:
    (row,) = session.run(f"SHOW CREATE {kind.upper()} {name(called)}")
    if (statement := row[_STATEMENT[kind]]) is None:
        raise MigrationError(
            f"{session.shown}: the account may not see how {kind} {called} is made",
            next_step="GRANT SELECT ON mysql.* TO that account, which shows it routines' bodies",
        )
    definer = _DEFINER.search(statement)
    made = Made(
        kind=kind,
        name=called,
        statement=_DEFINER.sub("", statement, count=1),
        definer=f"{definer[1]}@{definer[2]}" if definer else "",
        sql_mode=str(row.get("sql_mode") or ""),
        charset=str(row.get("character_set_client") or "utf8mb4"),
        collation=str(row.get("collation_connection") or "utf8mb4_general_ci"),
        time_zone=str(row.get("time_zone") or ""),
    )
    if kind == "table":
        return replace(made, statement=_NEXT_NUMBER.sub(r"\1", made.statement))
    if kind == "event":
        state = _EVENT_STATE.search(made.statement)
        return replace(
            made, statement=_EVENT_STATE.sub("", made.statement, count=1), state=state[1] if state else ""
        )
    return made


def _after_schedule(made: str, state: str) -> str:
    return re.sub(r" ON COMPLETION (NOT )?PRESERVE", rf"\g<0> {state}", made, count=1)
