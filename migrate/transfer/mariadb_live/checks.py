"""
What two MariaDB servers must be like for a flow between them, either way.

Promise: reads only; every fault is told at once, each with what mends it.
"""

from typing import Any

from migrate.errors import TransferError
from migrate.mariadb.columns import tables
from migrate.mariadb.replication import flow_name
from migrate.mariadb.session import MariaDatabase, MariaSession, mariadb_of, query
from migrate.transfer.contract import Task

_RIGHTS, _RIGHTS_BEFORE_10_5 = 9, 5
"""Of those that ``mariadb_fitness.sql`` counts, as many as GRANT ALL gives."""


def require_fit(task: Task) -> None:
    """
    Look at both servers.

    Raises:
        TransferError: A flow could not be had, or not be turned; lists every reason.
    """
    source, target = mariadb_of(task.source), mariadb_of(task.target)
    with source.opened() as left, target.opened() as right:
        (here,), (there,) = left.run(query("fitness")), right.run(query("fitness"))
        faults = [
            *_faults(source, here),
            *_faults(target, there),
            *_of_both(source, here, target, there),
            *_of_database(source, left),
            *_others(left, source, task),
            *_others(right, target, task),
        ]
    if faults:
        raise TransferError(
            f"{source.name} cannot be moved live:\n  " + "\n  ".join(faults),
            state="Nothing was changed.",
            next_step="mend these, then fab run; or let the playbook's mode be bulk",
        )


def require_able(task: Task) -> None:
    """
    Look at the source alone, while nobody reaches the target yet.

    Raises:
        TransferError: Its changes could not be kept, or not flow; lists every reason.
    """
    source = mariadb_of(task.source)
    with source.opened() as session:
        (found,) = session.run(query("fitness"))
        faults = [
            *_faults(source, found),
            *_of_database(source, session),
            *_others(session, source, task),
        ]
    if faults:
        raise TransferError(
            f"{source.name}: its changes cannot be kept:\n  " + "\n  ".join(faults),
            state="Nothing was changed.",
            next_step="mend these, then the same command again; or leave --live out",
        )


def _faults(database: MariaDatabase, found: dict[str, Any]) -> list[str]:
    of = database.name
    wrong = {
        "log_bin is off; switch it on in the server's configuration and restart it": not found["has_log"],
        "binlog_format is not ROW; SET GLOBAL binlog_format = ROW, then let its clients connect anew": (
            found["log_format"] != "ROW"
        ),
        "binlog_row_image is not FULL; SET GLOBAL binlog_row_image = FULL": found["row_image"] != "FULL",
        "server_id is 0; give it one of its own": not found["server_id"],
        "it has no TLS; give it a certificate": found["has_tls"] != "YES",
        "secure_file_priv is set, so no certificate can be put beside it; let it be empty": bool(
            found["files_only_in"]
        ),
        f"{found['account']} lacks rights; GRANT ALL PRIVILEGES ON *.* TO it WITH GRANT OPTION": (
            int(found["rights"]) < (_RIGHTS if _version(found["version"]) >= (10, 5) else _RIGHTS_BEFORE_10_5)
        ),
    }
    return [f"{of}: {fault}" for fault, is_wrong in wrong.items() if is_wrong]


def _of_both(
    source: MariaDatabase, here: dict[str, Any], target: MariaDatabase, there: dict[str, Any]
) -> list[str]:
    found = []
    if here["server_id"] == there["server_id"]:
        found.append(
            f"both servers have server_id {here['server_id']}; SET GLOBAL server_id = … on {target.name}"
        )
    if (here["is_strict"] or there["is_strict"]) and here["domain_id"] == there["domain_id"]:
        found.append(
            f"gtid_strict_mode is on and both servers write in domain {here['domain_id']};"
            f" SET GLOBAL gtid_domain_id = … on {target.name}"
        )
    if not there["takes_files"]:
        found.append(
            f"{target.name}: local_infile is off; SET GLOBAL local_infile = ON while rows are copied"
        )
    if here["case_mode"] != there["case_mode"]:
        found.append("lower_case_table_names differs, so tables would be called otherwise")
    if source.endpoint.dbname != target.endpoint.dbname:
        found.append(
            f"the databases are called {source.endpoint.dbname} and {target.endpoint.dbname};"
            " replication has no other name for one, so let both be called alike"
        )
    if _version(here["version"]) > _version(there["version"]):
        found.append(f"{target.name} is {there['version']}, older than {here['version']}; take a newer one")
    return found


def _of_database(source: MariaDatabase, session: MariaSession) -> list[str]:
    (status,) = session.run("SHOW MASTER STATUS") or [{}]
    only, never = str(status.get("Binlog_Do_DB", "")), str(status.get("Binlog_Ignore_DB", ""))
    dbname = source.endpoint.dbname
    found = [
        f"{source.name}: {table.name} is system-versioned, and its history would stay behind"
        for table in tables(session).values()
        if table.kind == "SYSTEM VERSIONED"
    ]
    if (only and dbname not in only.split(",")) or dbname in never.split(","):
        found.append(f"{source.name}: binlog_do_db or binlog_ignore_db keeps {dbname} out of the log")
    if prepared := session.run("XA RECOVER"):
        found.append(f"{source.name}: {len(prepared)} prepared XA transactions; let their manager end them")
    return found


def _others(session: MariaSession, database: MariaDatabase, task: Task) -> list[str]:
    """A server has one replication position for all its flows, so ours has to be the only one."""
    ours = flow_name(task.tenant, task.name)
    others = [
        row["Connection_name"] or "(unnamed)"
        for row in session.run("SHOW ALL SLAVES STATUS")
        if row["Connection_name"] != ours
    ]
    if others:
        return [
            f"{database.name}: it replicates already ({', '.join(others)}); move one database after another"
        ]
    return []


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("-")[0].split(".")[:2])
