"""
Replication slots: removing one for good, whoever reads from it.

Promise: a reader that was sent away, or whose connection is only just ending, holds its slot for a moment
longer, and one that is a subscription's comes back at once; so it is sent away again until the slot is gone.
"""

import psycopg

from migrate.databases import Session
from migrate.errors import TransferError
from migrate.waiting import wait_until

DROP_SECONDS = 20.0
"""How long readers may take to let go of a slot."""
_PACE_SECONDS = 0.01


def drop_slot(session: Session, name: str) -> None:
    """
    Remove a slot where it is there; may be repeated. `session` must not be in a transaction.

    Raises:
        TransferError: Somebody reads from it all the time.
    """

    def is_gone() -> bool:
        session.execute(
            "SELECT pg_catalog.pg_terminate_backend(active_pid) FROM pg_catalog.pg_replication_slots"
            " WHERE slot_name = %s AND active_pid IS NOT NULL",
            (name,),
        )
        try:
            session.execute(
                "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots"
                " WHERE slot_name = %s",
                (name,),
            )
        except psycopg.errors.ObjectInUse:
            return False
        except psycopg.errors.UndefinedObject:
            return True  # somebody else was quicker
        return True

    if not wait_until(is_gone, deadline_seconds=DROP_SECONDS, pace_seconds=_PACE_SECONDS):
        raise TransferError(
            f"{session.info.dbname} on {session.info.host}: slot {name} is in use {DROP_SECONDS:.0f} s after"
            " its readers were ended",
            next_step="end who reads from it (pg_replication_slots), then fab run",
        )
