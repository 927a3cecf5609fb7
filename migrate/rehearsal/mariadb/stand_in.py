"""
The server that stands in for legacy while a move is rehearsed: private, temporary, beside the test site's.

Promise: it runs on the test site's host as whoever logs in there, on an address and port of its own, takes
TLS only and writes a log as legacy must. It ends by itself, with its data, when nobody has asked for it for
`LEASE_SECONDS`; the test site's server, if a rehearsal that was killed left it fenced, takes writes again
then. `discard` leaves nothing. Passwords are in files of that host's user, or not there at all.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from shlex import quote
from threading import Event, Thread

from fabric import Connection
from pydantic import SecretStr

from migrate import remote
from migrate.errors import MigrationError, TransferError
from migrate.fence import FENCES
from migrate.mariadb.replication import verifier
from migrate.mariadb.session import LONGEST_PACKET_BYTES, MariaDatabase, MariaEndpoint, literal, name
from migrate.rehearsal.contract import STATE
from migrate.remote_jobs import Job
from migrate.waiting import wait_until
from provisioning.certificates import Signed, new_authority, sign_server

JOB = "rehearsal-legacy"
LEASE_SECONDS = 120
"""So long it outlives whoever started it."""
MEMORY_MB = 128
"""Of its buffer pool."""
_RENEWED_SECONDS = 10.0
_STARTS_SECONDS = 180.0
_GOOD_FOR = timedelta(days=3)
_MOVER = "bascule_mover"

_SCRIPT = """
export LC_ALL=C.UTF-8 PATH="$PATH:/usr/local/sbin:/usr/sbin"
for each in mariadbd mariadb-install-db mariadb; do
    command -v $each > /dev/null || {{ echo "$each is not installed" >&2; exit 127; }}
done
here=$PWD
mkdir scratch
TMPDIR=$here/scratch mariadb-install-db --no-defaults --datadir="$here/data" --tmpdir="$here/scratch" \\
    --skip-test-db --skip-name-resolve --auth-root-authentication-method=socket \\
    --auth-root-socket-user="$(id -un)" --innodb-log-file-size=32M > install.log 2>&1 ||
    {{ tail -n 20 install.log >&2; exit 1; }}
mariadbd --defaults-file="$here/server.cnf" --datadir="$here/data" --tmpdir="$here/scratch" \\
    --ssl-cert="$here/server.crt" --ssl-key="$here/server.key" --init-file="$here/first.sql" \\
    > server.log 2>&1 &
server=$!
unasked=0
while kill -0 $server 2> /dev/null; do
    if [ -e asked ]; then rm -f asked; unasked=0; else unasked=$((unasked + 1)); fi
    if [ $unasked -gt {lease} ]; then
        # Whoever rehearsed was killed. The site first: it is what others may want to use.
        sh ./restore-site.sh > /dev/null 2>&1
        kill $server; wait $server
        cd .. && mv {job} {job}.gone && rm -rf {job}.gone
        exit 0
    fi
    sleep 1
done
tail -n 20 server.log >&2
exit 1
"""
_PORTS = "awk '{ split($2, at, \":\"); print at[2] }' /proc/net/tcp /proc/net/tcp6 2> /dev/null || :"


@dataclass(frozen=True)
class Like:
    """What of legacy's server decides what its objects are and take, and how long a commit does."""

    sql_mode: str
    case_mode: int
    charset: str
    collation: str
    sync_log: int
    flush_rows: int


@dataclass(frozen=True)
class Account:
    """Somebody who logs in there as on the site, with the same password."""

    user: str
    password: SecretStr
    rights: str
    """On the database; empty where only things are made in its name."""


def like(database: MariaDatabase) -> Like:
    """Read what a server is like."""
    with database.opened() as session:
        (row,) = session.run(
            "SELECT @@GLOBAL.sql_mode AS sql_mode, @@lower_case_table_names AS case_mode,"
            " @@character_set_database AS charset, @@collation_database AS collation,"
            " @@GLOBAL.sync_binlog AS sync_log, @@GLOBAL.innodb_flush_log_at_trx_commit AS flush_rows"
        )
    return Like(**row)


def job(through: Connection) -> Job:
    """The server, as a job of its host."""
    return Job(through, JOB)


def start(target: MariaDatabase, like: Like, accounts: Sequence[Account], *, called: str) -> MariaDatabase:
    """
    Start the server beside the target's, with an empty database of the same name; it answers on return.

    Args:
        called: As messages call it.

    Raises:
        TransferError: It does not start; says what it said.
    """
    end, working = target.endpoint, job(target.through)
    authority = new_authority("Bascule, for one rehearsal", _GOOD_FOR)
    password, port = secrets.token_urlsafe(24), _free_port(target.through, end.port)
    endpoint = replace(end, port=port, user=_MOVER, password=SecretStr(password), ca=authority.certificate)
    files = {
        "server.cnf": _configuration(endpoint, like).encode(),
        "first.sql": _first(endpoint, like, accounts).encode(),
        **_certificate(authority, end.host),
        **FENCES["mariadb"].lift_files("site", target),
    }
    working.discard()
    working.start(
        spec=f"{end.host}:{port}",
        script=_SCRIPT.format(lease=LEASE_SECONDS, job=quote(JOB)),
        files=files,
    )
    database = MariaDatabase(called, endpoint, target.through)
    if not wait_until(lambda: _answers(working, database), deadline_seconds=_STARTS_SECONDS):
        raise TransferError(
            f"{called} does not answer within {_STARTS_SECONDS:.0f} s",
            state=STATE,
            next_step="see what else is at work on the test site's host, then fab rehearse",
        )
    return database


@contextmanager
def kept_alive(through: Connection) -> Iterator[None]:
    """Ask for the server while the block lasts, so that it stays."""
    stopped, folder = Event(), quote(job(through).folder)

    def ask() -> None:
        while not stopped.wait(_RENEWED_SECONDS):
            with suppress(MigrationError, OSError):  # whoever works with the server meets it too, and says so
                remote.attempt(through, f": > {folder}/asked")

    asking = Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield
    finally:
        stopped.set()
        asking.join(timeout=30)


def _answers(working: Job, database: MariaDatabase) -> bool:
    # Nobody knocks at a port where nobody is yet.
    seen = working.look(measure="grep -sc 'ready for connections' server.log")
    if seen.state != "running":
        said = working.wait().errors.strip()
        raise TransferError(
            f"{database.name} did not start: {said or 'it said nothing'}",
            state=STATE,
            next_step="mend that on the test site's host, then fab rehearse",
        )
    if int(seen.measured or 0) == 0:
        return False
    with database.opened():
        return True


def _free_port(through: Connection, after: int) -> int:
    """The next port above the site server's own that nobody has on that host."""
    said = remote.run(through, _PORTS, doing="looking for a free port").text
    taken = {int(port, 16) for port in said.split() if port != "local_address"}
    return next(port for port in range(after + 1, 1 << 16) if port not in taken)


def _configuration(end: MariaEndpoint, like: Like) -> str:
    number = secrets.randbelow((1 << 31) - 1) + 1
    settings = {
        "bind_address": end.host,
        "port": str(end.port),
        # Relative to its data: a socket's path may not be long.
        "socket": "s",
        "pid_file": "pid",
        "server_id": str(number),
        # Its own transactions are told from those of the site's server.
        "gtid_domain_id": str(number),
        "log_bin": "binlog",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "sync_binlog": str(like.sync_log),
        "innodb_flush_log_at_trx_commit": str(like.flush_rows),
        "innodb_buffer_pool_size": f"{MEMORY_MB}M",
        "innodb_log_file_size": "32M",
        "max_allowed_packet": str(LONGEST_PACKET_BYTES),
        "local_infile": "ON",
        "secure_file_priv": "",
        "require_secure_transport": "ON",
        "skip_name_resolve": "ON",
        "default_time_zone": "'+00:00'",
        "lower_case_table_names": str(like.case_mode),
        "sql_mode": f"'{like.sql_mode}'",
        # Only users write on the copy: what events would do is no part of a rehearsal.
        "event_scheduler": "OFF",
    }
    return "[mariadbd]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


def _first(end: MariaEndpoint, like: Like, accounts: Sequence[Account]) -> str:
    """What the server does when it starts; a statement a line."""
    of = name(end.dbname.replace("_", "\\_"))  # in a grant an underscore stands for any letter
    mover = Account(end.user, end.password, "")
    statements = [
        "SET sql_log_bin = 0",
        f"CREATE DATABASE {name(end.dbname)} CHARACTER SET {like.charset} COLLATE {like.collation}",
    ]
    for each in (mover, *accounts):
        whom, kept = f"{literal(each.user)}@'%'", verifier(each.password.get_secret_value())
        statements.append(f"CREATE USER {whom} IDENTIFIED BY PASSWORD '{kept}'")
        if each.rights:
            statements.append(f"GRANT {each.rights} ON {of}.* TO {whom}")
    statements.append(f"GRANT ALL PRIVILEGES ON *.* TO {literal(end.user)}@'%' WITH GRANT OPTION")
    return "".join(f"{statement};\n" for statement in statements)


def _certificate(authority: Signed, host: str) -> dict[str, bytes]:
    signed = sign_server(authority, [host], _GOOD_FOR)
    return {"server.crt": signed.certificate.encode(), "server.key": signed.private_key.encode()}
