"""
What a live move remembers of itself, on the site, in schema ``bascule``: what is moved and what is done.

Promise: a mark is written in the transaction that does the work, so it is there exactly if the work is;
whoever comes after a crash, from whichever machine, goes on by it. It goes with the schema at the end.
"""

from collections.abc import Sequence
from dataclasses import asdict

from psycopg.types.json import Jsonb

from migrate.databases import Session, query, value
from migrate.transfer.contract import Copied, Task
from migrate.transfer.postgresql_live.schema import Entry


def is_begun(target: Session, task: Task) -> bool:
    """Whether the target holds this move, begun or done."""
    if value(target, "SELECT pg_catalog.to_regclass('bascule.move') IS NULL"):
        return False
    return bool(value(target, "SELECT EXISTS (SELECT FROM bascule.move WHERE name = %s)", task.name))


def prepare(target: Session) -> None:
    """Make the tables that all of this lies in, where they are not there yet."""
    target.execute(query("live_state"))


def begin(target: Session, task: Task) -> None:
    """Note that a move has begun."""
    target.execute("INSERT INTO bascule.move (name) VALUES (%s) ON CONFLICT DO NOTHING", (task.name,))


def keep_entries(target: Session, task: Task, entries: Sequence[Entry]) -> None:
    """Note that tables stand, and what is to be made after their rows."""
    listed = Jsonb([asdict(entry) for entry in entries])
    target.execute("UPDATE bascule.move SET entries = %s WHERE name = %s", (listed, task.name))


def entries(target: Session, task: Task) -> tuple[Entry, ...] | None:
    """Return what `keep_entries` noted; None while tables do not stand."""
    listed = value(target, "SELECT entries FROM bascule.move WHERE name = %s", task.name)
    if listed is None:
        return None
    return tuple(Entry(**{**entry, "needs": tuple(entry["needs"])}) for entry in listed)


def done(target: Session) -> dict[str, int]:
    """Return what is done: the stream under which it was, by item."""
    return dict(target.execute("SELECT item, stream FROM bascule.done").fetchall())


def mark(target: Session, item: str, stream: int, seconds: float = 0.0) -> None:
    """Note that an item is done."""
    target.execute(
        "INSERT INTO bascule.done (item, stream, seconds) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (item, stream, seconds),
    )


def keep_copied(target: Session, task: Task, copied: Copied) -> None:
    """Note that the base copy is complete."""
    found = Jsonb(copied.model_dump(mode="json"))
    target.execute("UPDATE bascule.move SET copied = %s WHERE name = %s", (found, task.name))


def copied(target: Session, task: Task) -> Copied | None:
    """Return what `keep_copied` noted; None while the base copy is not complete."""
    found = value(target, "SELECT copied FROM bascule.move WHERE name = %s", task.name)
    return None if found is None else Copied.model_validate(found)


def pause(target: Session, why: str) -> None:
    """Note that a person has the move wait."""
    with target.transaction():
        target.execute("DELETE FROM bascule.paused")
        target.execute("INSERT INTO bascule.paused (why) VALUES (%s)", (why,))


def resume(target: Session) -> None:
    """Note that nobody has it wait any more."""
    target.execute("DELETE FROM bascule.paused")


def paused(target: Session) -> str:
    """Why a person has it wait; empty if nobody has."""
    rows = target.execute("SELECT why FROM bascule.paused").fetchall()
    return str(rows[0][0]) if rows else ""
