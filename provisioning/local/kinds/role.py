"""
A role in a host's PostgreSQL.

Promise: its attributes, memberships and password are compared with the catalogue's; a role that
somebody dropped is made again, with the same password.
"""

import base64
import hashlib
import hmac

from psycopg import sql

from provisioning.local import ports, postgres
from provisioning.local.kinds.hosted import HostedInputs
from provisioning.local.plugin.glue import Kind, State


class RoleInputs(HostedInputs):
    port: int = ports.POSTGRESQL
    server: str
    """Output `server` of the cluster: with another cluster, the role has to be made there."""
    name: str
    password: str
    attributes: tuple[str, ...] = ()
    """Of SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, sorted; LOGIN goes without saying."""
    member_of: tuple[str, ...] = ()
    """In any order: a program cannot sort names that it does not know yet."""
    may_set: tuple[str, ...] = ()
    """Parameters that only a superuser may set otherwise, sorted."""


_ATTRIBUTES = {
    "BYPASSRLS": "rolbypassrls",
    "CREATEDB": "rolcreatedb",
    "CREATEROLE": "rolcreaterole",
    "REPLICATION": "rolreplication",
    "SUPERUSER": "rolsuper",
}

_SEEN = sql.SQL("""
SELECT a.rolpassword, a.rolcanlogin,
       a.rolbypassrls, a.rolcreatedb, a.rolcreaterole, a.rolreplication, a.rolsuper,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
             WHERE m.member = a.oid ORDER BY 1),
       ARRAY(SELECT p.parname FROM pg_parameter_acl p, aclexplode(p.paracl) x
             WHERE x.grantee = a.oid AND x.privilege_type = 'SET' ORDER BY 1)
FROM pg_authid a WHERE a.rolname = %s
""")


def holds(verifier: str | None, password: str) -> bool:
    """
    Tell whether a SCRAM-SHA-256 verifier was made from a password.

    Source: RFC 5803 and RFC 5802, section 3; as PostgreSQL stores it in ``pg_authid.rolpassword``.
    """
    if not verifier or not verifier.startswith("SCRAM-SHA-256$"):
        return False
    _, parameters, keys = verifier.split("$")
    rounds, _, salt = parameters.partition(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(stored, base64.b64decode(keys.partition(":")[0]))


_SUPERUSER = sql.Identifier(postgres.SUPERUSER)


def _exists(session: postgres.Session, role: str) -> bool:
    return session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def _as_declared(found: list[str], declared: tuple[str, ...]) -> list[str]:
    """Put what the server has into the order in which it was declared: another order is no difference."""
    return [one for one in declared if one in found] + [one for one in found if one not in declared]


class RoleKind(Kind[RoleInputs]):
    token = "bascule:local:DatabaseRole"  # noqa: S105
    secret = frozenset({"password"})
    replaced_by = frozenset({"host", "name"})

    def create(self, inputs: RoleInputs) -> tuple[str, State]:
        return inputs.name, self.update(inputs, {})

    def read(self, inputs: RoleInputs, state: State) -> State | None:
        if not inputs.place.exists:
            return None
        try:
            with postgres.session(inputs.place, inputs.port) as session:
                row = session.execute(_SEEN, [inputs.name]).fetchone()
        except postgres.NotAnswering:
            return {}
        if row is None:
            return None
        verifier, may_login, *flags, groups, parameters = row
        attributes = [name for name, on in zip(_ATTRIBUTES, flags, strict=True) if on]
        return {
            "attributes": attributes if may_login else ["NOLOGIN", *attributes],
            "member_of": _as_declared(groups, inputs.member_of),
            "may_set": _as_declared(parameters, inputs.may_set),
            "password": inputs.password if holds(verifier, inputs.password) else "",
        }

    def update(self, inputs: RoleInputs, state: State) -> State:
        name = sql.Identifier(inputs.name)
        with postgres.session(inputs.place, inputs.port) as session:
            if not _exists(session, inputs.name):
                session.execute(sql.SQL("CREATE ROLE {}").format(name))
            seen = session.execute(_SEEN, [inputs.name]).fetchone() or ()
            words = ["LOGIN", *(a if a in inputs.attributes else f"NO{a}" for a in _ATTRIBUTES)]
            session.execute(sql.SQL("ALTER ROLE {} {}").format(name, sql.SQL(" ").join(map(sql.SQL, words))))
            if not holds(seen[0], inputs.password):
                # The verifier is made here: the password itself never stands in a statement, so in no log.
                verifier = session.pgconn.encrypt_password(
                    inputs.password.encode(), inputs.name.encode(), b"scram-sha-256"
                ).decode()
                session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))
            for what, form, found, wanted in (
                ("", "", seen[-2], inputs.member_of),
                ("SET ON", "PARAMETER ", seen[-1], inputs.may_set),
            ):
                for verb, joint, names in (
                    ("GRANT", "TO", set(wanted) - set(found)),
                    ("REVOKE", "FROM", set(found) - set(wanted)),
                ):
                    for one in sorted(names):
                        statement = sql.SQL(f"{verb} {what} {form}{{}} {joint} {{}}")
                        session.execute(statement.format(sql.Identifier(one), name))
        return {}

    def delete(self, inputs: RoleInputs, state: State) -> None:
        name = sql.Identifier(inputs.name)
        try:
            with postgres.session(inputs.place, inputs.port) as session:
                if not _exists(session, inputs.name):
                    return
                databases = session.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
            for (database,) in databases:
                with postgres.session(inputs.place, inputs.port, database) as session:
                    # What it owns outlives it; what it was granted does not.
                    session.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(name, _SUPERUSER))
                    session.execute(sql.SQL("DROP OWNED BY {}").format(name))
            with postgres.session(inputs.place, inputs.port) as session:
                session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))
        except postgres.NotAnswering:
            return  # its cluster is gone, or about to go
