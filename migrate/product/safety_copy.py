"""
A safety copy of a site's database: made before an upgrade, read back, and put back where the upgrade fails.

Promise: a copy counts once its list was read back from its file; putting it back leaves the database as the
copy has it, owned and granted as on any site. Nothing but the site's own database is touched.
"""

import re
from collections.abc import Mapping
from shlex import quote

from migrate import remote
from migrate.connections import Hosts
from migrate.databases import Database, query, value
from migrate.errors import TransferError
from migrate.product.installation import owner_of, site_of
from migrate.transfer.postgresql_bulk import empty_database, grant
from migrate.transfer.tools import without_extensions
from provisioning.manifest import Environment

LONGEST_SECONDS = 6 * 3600.0
_FOLDER = ".bascule/safety-copy"
_HEAD = """
cd {folder} || exit 1
export PGPASSFILE=$PWD/pgpass PGSSLMODE=verify-full PGSSLROOTCERT=$PWD/ca.pem
. ./where
export PGHOST PGPORT PGDATABASE PGUSER
"""
_DUMP = """
umask 077
pg_dump -Fc --no-subscriptions --no-publications -N bascule -f {path}.part &&
pg_restore --list {path}.part > list && test -s list && mv -f {path}.part {path}
status=$?; cd; rm -rf {folder}; exit $status
"""
_RESTORE = """
pg_restore --no-owner --no-acl --role={owner} --single-transaction --exit-on-error \\
  -L toc -d "$PGDATABASE" {path}
status=$?; cd; rm -rf {folder}; exit $status
"""
_TABLES = "SELECT count(*) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p') AND relowner = %s::regrole"


def make(hosts: Hosts, environment: Environment, name: str) -> str:
    """
    Make a safety copy on the site's host, and return its path there; one of that name is made anew.

    Raises:
        TransferError: It was not made, or cannot be read back.
    """
    path = f"{hosts.site(environment).backups}/{name}.dump"
    script = _DUMP.format(path=quote(path), folder=_FOLDER)
    _run(hosts, environment, script, f"making {name}")
    return path


def put_back(hosts: Hosts, environment: Environment, path: str) -> None:
    """
    Make a site's database what a safety copy on its host has; repeatable.

    Raises:
        TransferError: It was not put back; the database is empty then.
    """
    database, owner = site_of(hosts, environment), owner_of(hosts, environment)
    name = path.rpartition("/")[2]
    # Read before anything is emptied: a copy that is gone or broken leaves the database as it is.
    toc = remote.run(
        hosts.target(environment),
        f"pg_restore -l {quote(path)}",
        raising=TransferError,
        doing=f"reading {name}",
    ).text
    with database.opened() as session:
        present = {str(one) for one, _ in session.execute(query("transfer_extensions")).fetchall()}
    empty_database(database, owner)
    script = _RESTORE.format(path=quote(path), owner=quote(owner), folder=_FOLDER)
    _run(
        hosts,
        environment,
        script,
        f"putting {name} back",
        {"toc": without_extensions(toc, present).encode()},
    )
    with database.opened(role=owner) as session:
        # Not by the exit status alone: what the copy lists has to be there.
        wanted = sum(
            bool(re.match(r"\d+; \d+ \d+ TABLE (?!DATA |ATTACH )", line)) for line in toc.splitlines()
        )
        if (found := value(session, _TABLES, owner)) != wanted:
            raise TransferError(f"{name} has {wanted} tables, {found} were put back on {database.name}")
        grant(session, hosts.site(environment).database.application.name)


def carry(hosts: Hosts, path: str, name: str) -> str:
    """Carry a safety copy from production's host to the test site's, and return its path there."""
    content = remote.read_file(hosts.target("prod"), path, timeout_seconds=LONGEST_SECONDS)
    there = f"{hosts.site('test').backups}/{name}.dump"
    remote.write_file(hosts.target("test"), there, content)
    return there


def _run(
    hosts: Hosts,
    environment: Environment,
    script: str,
    doing: str,
    more: Mapping[str, bytes] | None = None,
) -> None:
    database = site_of(hosts, environment)
    content = {**_files(database), **(more or {})}
    remote.write_folder(hosts.target(environment), _FOLDER, content, doing=doing)
    remote.run(
        hosts.target(environment),
        _HEAD.format(folder=_FOLDER) + script,
        timeout_seconds=LONGEST_SECONDS,
        raising=TransferError,
        doing=doing,
    )


def _files(database: Database) -> dict[str, bytes]:
    end = database.endpoint
    where = f"PGHOST={end.host} PGPORT={end.port} PGDATABASE={end.dbname} PGUSER={end.user}\n"
    return {"where": where.encode(), "pgpass": end.pgpass, "ca.pem": end.ca.encode()}
