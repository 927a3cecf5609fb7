"""
MariaDB on a host: its programs, and sessions in its server over the local socket.

Promise: sessions are an administrator's, by the account of this very process, so no password is needed;
nothing that they do is in the binary log, so no replica does it as well. A server that does not answer is
`NotAnswering`, which tells it from a thing that is missing.
"""

import hashlib
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioning.errors import SiteError
from provisioning.local.place import Place

if TYPE_CHECKING:
    import pymysql
    from pymysql.cursors import Cursor

SOCKET = "run/mariadb.sock"
NO_SUCH_THREAD, READ_ONLY_SETTING = 1094, 1238
_ELSEWHERE = "/usr/sbin:/usr/local/sbin"
"""Where programs lie that are not on everybody's path."""


class NotAnswering(Exception):  # noqa: N818 - a state, told to callers inside this package only
    """The server takes no session."""


class Session:
    """One session; every statement commits at once."""

    def __init__(self, connection: "pymysql.Connection[Cursor]") -> None:
        self._connection = connection

    def run(self, statement: str, *args: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows; without `args`, a ``%`` in it stands for itself."""
        with self._connection.cursor() as cursor:
            cursor.execute(statement, args or None)
            return list(cursor.fetchall())


def program(name: str) -> Path:
    """
    Return where one of MariaDB's programs is, such as ``mariadbd``.

    Raises:
        SiteError: There is none.
    """
    found = shutil.which(name) or shutil.which(name, path=_ELSEWHERE)
    if found is None:
        raise SiteError(
            f"there is no {name} on this machine, which a site with MariaDB needs", next_step="make setup"
        )
    return Path(found)


@contextmanager
def session(place: Place) -> Iterator[Session]:
    """
    Open an administrator's session.

    Raises:
        NotAnswering: The server takes none.
    """
    import pymysql  # the program declares grants with this module, and opens no session

    try:
        connection = pymysql.connect(
            unix_socket=str(place.path(SOCKET)),
            user=pwd.getpwuid(os.geteuid()).pw_name,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=5,
            program_name="bascule",
            init_command="SET SESSION sql_log_bin = 0",
        )
    except pymysql.MySQLError as error:
        raise NotAnswering(str(error.args[-1]).strip()) from error
    with connection:
        yield Session(connection)


def quoted(identifier: str) -> str:
    """An identifier as SQL has it."""
    return "`" + identifier.replace("`", "``") + "`"


def all_of(dbname: str) -> str:
    """All of a database, as grants name it: there an underscore would stand for any letter."""
    return quoted(dbname.replace("_", "\\_")) + ".*"


def verifier(password: str) -> str:
    """What the server keeps of a password, so that no statement, and so no log, has it in clear."""
    once = hashlib.sha1(password.encode()).digest()  # noqa: S324 - mysql_native_password's own scheme
    return "*" + hashlib.sha1(once).hexdigest().upper()  # noqa: S324 - as above
