"""
A database in a host's PostgreSQL, with what each of its roles may do in it.

Promise: nobody but the roles named here may connect; what the owner creates, the application may
read and write and no more. With `final_backup`, deleting it first leaves a dump outside the host's
folder that `pg_restore` could read; when that fails, the database stays.
"""

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

from provisioning.local import ports, postgres
from provisioning.local.kinds.backups import final_backup, no_final_backup
from provisioning.local.kinds.hosted import HostedInputs
from provisioning.local.place import eventually
from provisioning.local.plugin.glue import Kind, State
from provisioning.local.supervisor import Supervisor


class DatabaseInputs(HostedInputs):
    port: int = ports.POSTGRESQL
    server: str
    """Output `server` of the cluster: with another cluster, the database has to be made there."""
    name: str
    owner: str
    application: str | None = None
    """Role that reads and writes rows of all that the owner creates."""
    connects: tuple[str, ...] = ()
    """Further roles that may connect, sorted."""
    guests: str = ""
    """How the names of roles begin that may connect and are somebody else's to make and drop: a move's."""
    final_backup: bool = False


_CONNECTS = """
SELECT ARRAY(SELECT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee)::text END
             FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
             WHERE x.privilege_type = 'CONNECT' AND x.grantee <> d.datdba ORDER BY 1),
       pg_get_userbyid(d.datdba)::text
FROM pg_database d WHERE d.datname = %s
"""

_GRANTED = """
SELECT CASE a.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'n' THEN 'schemas' END,
       string_agg(x.privilege_type, ',' ORDER BY x.privilege_type)
FROM pg_default_acl a, aclexplode(a.defaclacl) x
WHERE a.defaclnamespace = 0 AND a.defaclobjtype IN ('r', 'S', 'n')
  AND a.defaclrole = to_regrole(%s) AND x.grantee = to_regrole(%s)
GROUP BY 1
"""

_WITHOUT = """
SELECT 'schemas', quote_ident(n.nspname)
FROM pg_namespace n, r
WHERE n.nspowner = r.owner AND NOT has_schema_privilege(r.application, n.oid, 'USAGE')
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'sequences' ELSE 'tables' END, format('%%I.%%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, r
WHERE c.relowner = r.owner AND c.relpersistence <> 't' AND CASE
    WHEN c.relkind = 'S' THEN NOT (
        has_sequence_privilege(r.application, c.oid, 'USAGE')
        AND has_sequence_privilege(r.application, c.oid, 'SELECT')
        AND has_sequence_privilege(r.application, c.oid, 'UPDATE'))
    WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN NOT (
        has_table_privilege(r.application, c.oid, 'SELECT')
        AND has_table_privilege(r.application, c.oid, 'INSERT')
        AND has_table_privilege(r.application, c.oid, 'UPDATE')
        AND has_table_privilege(r.application, c.oid, 'DELETE'))
    END
ORDER BY 1, 2
"""
"""What there is of the owner's and the application may not use: a role that was dropped took it along."""

_SUBSCRIPTIONS = """
SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = %s)
"""
_SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE database = %s"
_SEND_AWAY = """
SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
WHERE database = %s AND active_pid IS NOT NULL
"""

_ROLES = "WITH r AS (SELECT to_regrole(%s)::oid AS owner, to_regrole(%s)::oid AS application)"

_GRANTS = {
    "schemas": "USAGE",
    "sequences": "SELECT,UPDATE,USAGE",
    "tables": "DELETE,INSERT,SELECT,UPDATE",
}
"""What the application is granted on whatever the owner creates."""

_KEYWORDS = {"schemas": "SCHEMA", "sequences": "SEQUENCE", "tables": "TABLE"}


class DatabaseKind(Kind[DatabaseInputs]):
    token = "bascule:local:Database"  # noqa: S105
    replaced_by = frozenset({"host", "name"})

    def facts(self, inputs: DatabaseInputs) -> State:
        allowed = sorted(
            {*inputs.connects, *([inputs.application] if inputs.application else [])} - {inputs.owner}
        )
        return {
            "may_connect": allowed,
            "default_grants": _GRANTS if inputs.application else {},
            "without_grants": [],
        }

    def create(self, inputs: DatabaseInputs) -> tuple[str, State]:
        return inputs.name, self.update(inputs, {})

    def read(self, inputs: DatabaseInputs, state: State) -> State | None:
        if not inputs.place.exists:
            return None
        try:
            with postgres.session(inputs.place, inputs.port) as session:
                row = session.execute(_CONNECTS, [inputs.name]).fetchone()
            if row is None:
                return None
            granted: dict[str, str] = {}
            without: list[str] = []
            if inputs.application:
                with postgres.session(inputs.place, inputs.port, inputs.name) as session:
                    granted = dict(session.execute(_GRANTED, _quoted(inputs)).fetchall())
                    without = [name for _, name in _without_grants(session, inputs)]
        except postgres.NotAnswering:
            return {}
        return {
            "may_connect": _declared(inputs, row[0]),
            "owner": row[1],
            "default_grants": granted,
            "without_grants": without,
        }

    def update(self, inputs: DatabaseInputs, state: State) -> State:
        name, owner = sql.Identifier(inputs.name), sql.Identifier(inputs.owner)
        with postgres.session(inputs.place, inputs.port) as session:
            row = session.execute(_CONNECTS, [inputs.name]).fetchone()
            if row is None:
                session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
                row = session.execute(_CONNECTS, [inputs.name]).fetchone() or ([], "")
            if row[1] != inputs.owner:
                session.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
            allowed = set(self.facts(inputs)["may_connect"])
            for role in set(_declared(inputs, row[0])) - allowed:
                grantee = sql.SQL("PUBLIC") if role == "PUBLIC" else sql.Identifier(role)
                session.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {}").format(name, grantee))
            for role in allowed - set(row[0]):
                session.execute(
                    sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(role))
                )
        if inputs.application:
            application = sql.Identifier(inputs.application)
            with postgres.session(inputs.place, inputs.port, inputs.name) as session:
                default = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} ").format(owner)
                for what, rights in _GRANTS.items():
                    for change in (f"REVOKE ALL ON {what} FROM {{}}", f"GRANT {rights} ON {what} TO {{}}"):
                        session.execute(default + sql.SQL(change).format(application))
                for what, found in _without_grants(session, inputs):
                    statement = f"GRANT {_GRANTS[what]} ON {_KEYWORDS[what]} {found} TO {{}}"
                    session.execute(sql.SQL(statement).format(application))
        return {}

    def delete(self, inputs: DatabaseInputs, state: State) -> str | None:
        told = self._back_up(inputs) if inputs.final_backup else None
        try:
            self._end_replication(inputs)
            with postgres.session(inputs.place, inputs.port) as session:
                statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                session.execute(statement.format(sql.Identifier(inputs.name)))
        except postgres.NotAnswering:
            pass  # its cluster is gone, or about to go
        return told

    def _end_replication(self, inputs: DatabaseInputs) -> None:
        """Remove what would keep the database from being dropped: a move's subscriptions and slots."""
        with (
            suppress(postgres.NotAnswering),
            postgres.session(inputs.place, inputs.port, inputs.name) as here,
        ):
            for (name,) in here.execute(_SUBSCRIPTIONS, [inputs.name]).fetchall():
                # The other side's slot is its own to drop; it may be gone, or out of reach.
                for change in ("ALTER {} DISABLE", "ALTER {} SET (slot_name = NONE)", "DROP {}"):
                    verb, _, rest = change.partition("{}")
                    statement = sql.SQL(f"{verb}SUBSCRIPTION {{}}{rest}")
                    here.execute(statement.format(sql.Identifier(name)))
        with postgres.session(inputs.place, inputs.port) as session:
            slots = [name for (name,) in session.execute(_SLOTS, [inputs.name]).fetchall()]

            def dropped() -> bool:
                # Whoever reads from one comes back as soon as he is sent away.
                session.execute(_SEND_AWAY, [inputs.name])
                with suppress(psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                    for slot in slots:
                        session.execute("SELECT pg_drop_replication_slot(%s)", [slot])
                return not session.execute(_SLOTS, [inputs.name]).fetchall()

            eventually(dropped, 10)

    def _back_up(self, inputs: DatabaseInputs) -> str | None:
        """Dump the database to where no destroy reaches, prove that it can be read, and say where it is."""
        place = inputs.place
        if not place.exists:
            return None  # nothing is left to back up
        try:
            with postgres.session(place, inputs.port, inputs.name):
                pass
        except postgres.NotAnswering as error:
            if Supervisor(place).is_up and "does not exist" in str(error):
                return None  # it was dropped by hand
            raise no_final_backup(place, error) from error
        dump = final_backup(place, "postgresql")
        part = dump.with_name(f".{dump.stem}.part")
        place.run(
            *(
                postgres.programs() / "pg_dump",
                "--format=custom",
                "--no-subscriptions",
                "--host",
                place.path("run"),
            ),
            *("--port", str(inputs.port), "--username", postgres.SUPERUSER, "--file", part, inputs.name),
        )
        place.run(postgres.programs() / "pg_restore", "--list", part)
        place.run("mv", "-T", part, dump)
        return f"final backup of {inputs.name}: {dump}"


def _declared(inputs: DatabaseInputs, roles: list[str]) -> list[str]:
    """Return those roles that the program answers for."""
    return [role for role in roles if not (inputs.guests and role.startswith(inputs.guests))]


def _quoted(inputs: DatabaseInputs) -> list[str]:
    return [f'"{inputs.owner}"', f'"{inputs.application}"']


def _without_grants(session: psycopg.Connection[Any], inputs: DatabaseInputs) -> list[tuple[str, str]]:
    """Return kind and quoted name of all that the application should be able to use and cannot."""
    return list(session.execute(f"{_ROLES} {_WITHOUT}".encode(), _quoted(inputs)).fetchall())
