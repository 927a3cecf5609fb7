"""
PostgreSQL on a host: its programs, and sessions in its server over the local socket.

Promise: sessions are the cluster's superuser by peer authentication, so no password is needed; a
server that does not answer is `NotAnswering`, which tells it from a thing that is missing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from provisioning.errors import SiteError
from provisioning.local.place import Place

Session = psycopg.Connection[TupleRow]

SUPERUSER = "postgres"


class NotAnswering(Exception):  # noqa: N818 - a state, told to callers inside this package only
    """The server takes no session."""


def programs() -> Path:
    """
    Return the folder of the newest PostgreSQL's programs, 15 or later.

    Raises:
        SiteError: There is none.
    """
    versions = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "initdb").exists()]
    fit = {int(p.parent.name): p for p in versions if p.parent.name.isdigit() and int(p.parent.name) >= 15}
    if not fit:
        raise SiteError("there is no PostgreSQL 15 or later in /usr/lib/postgresql", next_step="make setup")
    return fit[max(fit)]


@contextmanager
def session(place: Place, port: int, dbname: str = "postgres") -> Iterator[Session]:
    """
    Open a superuser's session; every statement commits at once.

    Raises:
        NotAnswering: The server takes none.
    """
    try:
        connection = psycopg.connect(
            host=str(place.path("run")),
            port=port,
            user=SUPERUSER,
            dbname=dbname,
            autocommit=True,
            connect_timeout=5,
            application_name="bascule",
            # A frozen database is still looked after.
            options="-c default_transaction_read_only=off -c statement_timeout=0",
        )
    except psycopg.OperationalError as error:
        raise NotAnswering(str(error).strip()) from error
    with connection:
        yield connection
