"""
Start the application: web server, inbox, database pool.

Promise: SIGTERM ends it in order: no request is cut off, no file half taken.
"""

import logging
import signal
import sys
from pathlib import Path
from types import FrameType

from waitress.server import create_server

from .database import Database
from .inbox import Importer
from .settings import Settings
from .web import create_app


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # While the database is away the pool says so at each attempt; once is told by /healthz.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    settings = Settings.read()
    settings.inbox.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database, settings.workers + 2)
    importer = Importer(database, settings.inbox)
    importer.start()
    server = create_server(create_app(settings, database), **_where(settings), threads=settings.workers)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    logging.info("pflegebuch %s (%s) listens on %s", settings.version, settings.environment, settings.listen)
    try:
        server.run()
    finally:
        importer.stop()
        database.close()


def _where(settings: Settings) -> dict[str, str]:
    form, _, path = settings.listen.partition(":")
    if form != "unix":
        return {"listen": settings.listen}
    Path(path).unlink(missing_ok=True)  # left by a process that was killed
    return {"unix_socket": path, "unix_socket_perms": "660"}
