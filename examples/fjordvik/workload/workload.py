#!/usr/bin/env python3
"""
People at work on the archive: a record filed five times a second.

Promise: every record that was acknowledged is counted; while the database takes none, filing resumes by
itself.
"""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg

PAUSE_SECONDS = 0.2


def main() -> None:
    """Work until ended; the status is the file that the argument names."""
    status = Path(sys.argv[1])
    filed = int(json.loads(status.read_text())["filed"]) if status.exists() else 0
    while True:
        # The schema is missing until it is installed; a session ends when the freeze begins.
        with (
            suppress(psycopg.Error),
            psycopg.connect(os.environ["WORKLOAD_DATABASE"], autocommit=True) as session,
        ):
            while True:
                session.execute("INSERT INTO websak.journalpost (sak_id, tittel) VALUES (1, 'Notat')")
                filed += 1
                fresh = status.with_name(f".{status.name}")
                fresh.write_text(json.dumps({"filed": filed}) + "\n")
                fresh.replace(status)
                time.sleep(PAUSE_SECONDS)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
