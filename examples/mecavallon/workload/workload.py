#!/usr/bin/env python3
"""
People at work on the ERP: orders, changes of their lines, and what each took.

Promise: all that was acknowledged is counted; while the database takes none, reading goes on, and work
resumes by itself. The slowest of each second is kept, so that who looks sees what people felt. Most of it
changes what is there: an hour of it stays within the tenth of growth that a tested version is good for.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg

PAUSE_SECONDS = 0.2
KEPT_SECONDS = 600
CHANGES = 20
"""Of lines, for each new order."""


def main() -> None:
    """Work until ended; the status is the file that the argument names."""
    status, slowest = Path(sys.argv[1]), dict[int, float]()
    known = json.loads(status.read_text()) if status.exists() else {}
    orders, changes = int(known.get("orders", 0)), int(known.get("changes", 0))
    while True:
        # The schema is missing until it is installed; a session ends when the freeze begins.
        with (
            suppress(psycopg.Error),
            psycopg.connect(os.environ["WORKLOAD_DATABASE"], autocommit=True) as session,
        ):
            while True:
                session.execute("SELECT * FROM erp.commande_ouverte ORDER BY id DESC LIMIT 20").fetchall()
                began, writing = time.monotonic(), True
                try:
                    if changes >= orders * CHANGES:
                        order(session)
                        orders += 1
                    else:
                        change(session)
                        changes += 1
                except psycopg.errors.ReadOnlySqlTransaction:
                    writing = False
                took_ms, second = (time.monotonic() - began) * 1000, int(time.time())
                slowest[second] = max(took_ms, slowest.get(second, 0.0))
                for old in [one for one in slowest if one < second - KEPT_SECONDS]:
                    del slowest[old]
                fresh = status.with_name(f".{status.name}")
                told = {"orders": orders, "changes": changes, "writing": writing, "slowest_ms": slowest}
                fresh.write_text(json.dumps(told) + "\n")
                fresh.replace(status)
                time.sleep(PAUSE_SECONDS)
        time.sleep(PAUSE_SECONDS)


def order(session: psycopg.Connection) -> None:
    with session.transaction():
        (number,) = session.execute(
            "INSERT INTO erp.commande (client_id) VALUES (7) RETURNING id"
        ).fetchall()[0]
        session.execute("INSERT INTO erp.ligne VALUES (%s, 1, 3, 4), (%s, 2, 5, 1)", (number, number))


def change(session: psycopg.Connection) -> None:
    """Order one piece more or less of what was ordered last."""
    session.execute(
        "UPDATE erp.ligne SET quantite = 9 - quantite WHERE (commande_id, rang) = ("
        " SELECT commande_id, rang FROM erp.ligne ORDER BY commande_id DESC, rang DESC LIMIT 1)"
    )


if __name__ == "__main__":
    main()
