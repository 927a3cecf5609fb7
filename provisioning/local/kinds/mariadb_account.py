"""
An account in a host's MariaDB.

Promise: its password and everything that it may do are compared with the server's own tables; one that
somebody dropped is made again, with the same password. Dropped, its sessions end.
"""

import re
from contextlib import suppress

import pymysql

from provisioning.local import mariadb
from provisioning.local.kinds.hosted import HostedInputs
from provisioning.local.plugin.glue import Kind, State

_ANYWHERE = "@'%'"
"""Whence an account may come: the server listens on its host's own address only."""
_SEEN = (
    "SELECT JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'),"
    " COALESCE(JSON_VALUE(Priv, '$.account_locked'), 'false') IN ('true', '1')"
    " FROM mysql.global_priv WHERE User = %s AND Host = '%%'"
)
_GRANT = re.compile(r"GRANT (.+) ON (\S+) TO .*?(WITH GRANT OPTION)?$")
_NOTHING = "USAGE"
_MAY_GRANT = "GRANT OPTION"


class MariadbAccountInputs(HostedInputs):
    server: str
    """Output `server` of the server: with another one, the account has to be made there."""
    name: str
    password: str
    grants: dict[str, tuple[str, ...]]
    """What it may do, by what with: ``{"`besa`.*": ["DELETE", "SELECT"]}``; sorted, in SHOW GRANTS' words."""


class MariadbAccountKind(Kind[MariadbAccountInputs]):
    token = "bascule:local:MariadbAccount"  # noqa: S105
    secret = frozenset({"password"})
    replaced_by = frozenset({"host", "name"})

    def create(self, inputs: MariadbAccountInputs) -> tuple[str, State]:
        return inputs.name, self.update(inputs, {})

    def read(self, inputs: MariadbAccountInputs, state: State) -> State | None:
        if not inputs.place.exists:
            return None
        try:
            with mariadb.session(inputs.place) as session:
                found = session.run(_SEEN, inputs.name)
                if not found:
                    return None
                granted = _granted(session, inputs.name)
        except mariadb.NotAnswering:
            return {}
        return {
            "password": inputs.password if found[0] == _login(inputs) else "",
            "grants": {what: list(rights) for what, rights in granted.items()},
        }

    def update(self, inputs: MariadbAccountInputs, state: State) -> State:
        account = _account(inputs.name)
        with mariadb.session(inputs.place) as session:
            session.run(f"CREATE USER IF NOT EXISTS {account}")
            if session.run(_SEEN, inputs.name) != [_login(inputs)]:
                secret = mariadb.verifier(inputs.password)
                session.run(f"ALTER USER {account} IDENTIFIED BY PASSWORD '{secret}' ACCOUNT UNLOCK")
            if _granted(session, inputs.name) != inputs.grants:
                session.run(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}")
                for what, rights in inputs.grants.items():
                    words = ", ".join(right for right in rights if right != _MAY_GRANT)
                    passes_on = f" WITH {_MAY_GRANT}" if _MAY_GRANT in rights else ""
                    session.run(f"GRANT {words} ON {what} TO {account}{passes_on}")
        return {}

    def delete(self, inputs: MariadbAccountInputs, state: State) -> None:
        with suppress(mariadb.NotAnswering), mariadb.session(inputs.place) as session:
            session.run(f"DROP USER IF EXISTS {_account(inputs.name)}")
            for (number,) in session.run(
                "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", inputs.name
            ):
                try:
                    session.run(f"KILL {int(number)}")
                except pymysql.MySQLError as error:
                    if error.args[0] != mariadb.NO_SUCH_THREAD:
                        raise


def _account(name: str) -> str:
    return mariadb.quoted(name) + _ANYWHERE


def _login(inputs: MariadbAccountInputs) -> tuple[str, str, int]:
    """As `_SEEN` finds an account that logs in with this password."""
    return "mysql_native_password", mariadb.verifier(inputs.password), 0


def _granted(session: mariadb.Session, name: str) -> dict[str, tuple[str, ...]]:
    """Return what an account may do, in the form of `MariadbAccountInputs.grants`."""
    found = {}
    for (line,) in session.run(f"SHOW GRANTS FOR {_account(name)}"):
        if match := _GRANT.match(line):
            rights = {*match[1].split(", "), *([_MAY_GRANT] if match[3] else [])} - {_NOTHING}
            if rights:
                found[match[2]] = tuple(sorted(rights))
    return found
