"""
What a live move runs beside the target: its two jobs, and how their programs connect.

Promise: passwords lie in a file that only the jobs' user reads, and that each job removes at its end;
servers are checked by their own authorities. Nothing of it passes the operator's machine.
"""

from importlib.resources import files

from psycopg.conninfo import make_conninfo

from migrate.databases import Endpoint
from migrate.remote_jobs import Job
from migrate.transfer.contract import Task


def definitions_job(task: Task) -> Job:
    """The job that takes definitions over."""
    return Job(task.target.through, f"live-{task.name}-definitions")


def copy_job(task: Task) -> Job:
    """The job that copies rows."""
    return Job(task.target.through, f"live-{task.name}-copy")


def script(name: str) -> str:
    """A shell script of this package."""
    return (files(__package__) / name).read_text()


def connecting(task: Task) -> dict[str, bytes]:
    """The files that a job's programs connect with: ``source`` and ``target`` are connection strings."""
    source, target = task.source.from_afar, task.target.endpoint
    return {
        "pgpass": source.pgpass + target.pgpass,
        "source.pem": source.ca.encode(),
        "target.pem": target.ca.encode(),
        "source": _conninfo(source, "source.pem").encode(),
        "target": _conninfo(target, "target.pem").encode(),
    }


def _conninfo(end: Endpoint, ca_file: str) -> str:
    return make_conninfo(
        end.conninfo(ca_file=ca_file, application="bascule copy"),
        # A server that went away is noticed after half a minute, not after the two hours of TCP.
        keepalives_idle=15,
        keepalives_interval=5,
        keepalives_count=3,
        # A stopped sender or a held snapshot is idle on purpose.
        options="-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
        " -c default_transaction_read_only=off",
    )
