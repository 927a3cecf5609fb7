"""
Start the application: a web server and a pool of connections.

Promise: SIGTERM ends it in order: no request is cut off.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from psycopg_pool import ConnectionPool
from waitress.server import create_server

from .web import create_app


def main() -> None:
    """Run until told to stop."""
    workers = int(os.environ.get("APP_WORKERS", "4"))
    pool: ConnectionPool = ConnectionPool(
        os.environ["APP_DATABASE"],
        min_size=1,
        max_size=workers + 1,
        timeout=3,
        check=ConnectionPool.check_connection,
        open=True,
    )
    path = os.environ["APP_LISTEN"].removeprefix("unix:")
    Path(path).unlink(missing_ok=True)  # left by a process that was killed
    server = create_server(create_app(pool), unix_socket=path, unix_socket_perms="660", threads=workers)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        server.run()
    finally:
        pool.close()
