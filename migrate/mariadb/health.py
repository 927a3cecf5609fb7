"""
How a MariaDB server is, so that a copy and a comparison can yield to its own work.

Promise: reads only, in a session of its own; what it asks is a few milliseconds of work.
"""

from migrate.compare.pacing import Health
from migrate.mariadb.session import MariaDatabase, MariaSession, query

# The server's own client asks once, or every second until it is ended; its questions have no end.
_ASK = """
ask="mariadb --defaults-file=source.cnf --batch --skip-column-names --unbuffered"
[ "$1" != once ] || exec $ask < health.sql
rm -f health.questions
mkfifo health.questions
while cat each-second 2>/dev/null; do :; done > health.questions &
exec $ask < health.questions
"""


def asking() -> dict[str, bytes]:
    """The script ``ask`` of `migrate.throttle`, and what it needs; source.cnf lies beside it."""
    health = query("health")
    return {
        "ask": _ASK.encode(),
        "health.sql": health.encode(),
        "each-second": f"DO SLEEP(1);\n{health}".encode(),
    }


def sessions_allowed(source: MariaSession) -> int:
    """How many sessions a server allows."""
    return int(source.value("SELECT @@max_connections"))


def health(database: MariaDatabase) -> Health:
    """
    Raises:
        ConnectionFailed: The server does not answer.
    """
    with database.opened() as session:
        latency, behind, active = str(session.value(query("health"))).split("|")
    return Health(int(latency), int(behind), int(active))
