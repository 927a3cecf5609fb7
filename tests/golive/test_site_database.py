"""May each database role do what it has to, and nothing more?"""

import psycopg
import pytest
from psycopg import sql

from migrate.databases import Session, value
from migrate.suite import Database, Substrate, Tunnelled
from provisioning.site import SiteOutputs

pytestmark = pytest.mark.engine("postgresql")

ROLES = ("owner", "application", "migration")


_LACKING = """
SELECT format('%I.%I lacks %s', n.nspname, c.relname, string_agg(w.privilege, ', ' ORDER BY w.privilege))
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL unnest(CASE c.relkind WHEN 'S' THEN ARRAY['USAGE', 'schema']
                             ELSE ARRAY['DELETE', 'INSERT', 'SELECT', 'UPDATE', 'schema'] END) w (privilege)
 WHERE c.relkind IN ('r', 'p', 'S') AND n.nspname !~ '^pg_'
   AND n.nspname NOT IN ('information_schema', 'bascule')
   AND NOT CASE WHEN w.privilege = 'schema' THEN has_schema_privilege(n.oid, 'USAGE')
                WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, w.privilege)
                ELSE has_table_privilege(c.oid, w.privilege) END
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
                      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid)
 GROUP BY n.nspname, c.relname ORDER BY 1
"""
"""What the session's role may not do with the rows of the customer's tables, and with their sequences."""


def _refused(session: Session, statement: sql.Composed) -> bool:
    """Tell whether the server refuses a statement for want of a privilege; what it allows is taken back."""
    try:
        with session.transaction(force_rollback=True):
            session.execute("SET LOCAL lock_timeout = '2s'")
            session.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def _tables(session: Session) -> list[tuple[str, str]]:
    rows = session.execute(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'"
        # While a move lasts, its own bookkeeping lies in the schema `bascule`.
        " AND n.nspname NOT IN ('information_schema', 'bascule') ORDER BY 1, 2"
    ).fetchall()
    return [(str(schema), str(table)) for schema, table in rows]


def test_no_other_superuser(database: Database, substrate: Substrate, site: SiteOutputs) -> None:
    """No role but the cluster's own is a superuser, and the mover's while the move lasts."""
    with database.session() as session:
        rows = session.execute("SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper ORDER BY 1").fetchall()
    # A managed server makes nobody one, the mover neither.
    mover = {site.database.mover.name} if site.database.mover else set[str]()
    assert {str(name) for (name,) in rows} - mover == set(substrate.superusers)


@pytest.mark.parametrize("role", ROLES)
def test_role_has_no_power_over_the_cluster(database: Database, site: SiteOutputs, role: str) -> None:
    """The role may not make roles or databases, replicate, or pass by row security."""
    with database.session(role) as session:
        powers = session.execute(
            "SELECT rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_catalog.pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
    # The migration role reads every row whatever the policies say: it has to carry them over.
    allowed = (False, False, False, role == "migration")
    assert powers is not None
    assert all(has <= may for has, may in zip(powers, allowed, strict=True)), dict(
        zip(("createrole", "createdb", "replication", "bypassrls"), powers, strict=True)
    )


@pytest.mark.parametrize("role", ROLES)
def test_password_is_asked_for_by_scram(reach: Tunnelled, role: str) -> None:
    """The server lets the role in by SCRAM over TLS, and by no weaker way."""
    with reach.connect(role, sslmode="verify-full", require_auth="scram-sha-256") as session:
        assert session.info.status == psycopg.pq.ConnStatus.OK


@pytest.mark.parametrize("role", ROLES)
def test_no_entry_without_tls(reach: Tunnelled, role: str) -> None:
    """The server refuses a connection that is not encrypted."""
    reach.connect(role, sslmode="verify-full").close()  # so that the refusal below is about TLS
    with pytest.raises(psycopg.OperationalError):
        reach.connect(role, sslmode="disable").close()


def test_no_entry_with_a_wrong_password(reach: Tunnelled) -> None:
    """The server refuses a wrong password."""
    with pytest.raises(psycopg.OperationalError):
        reach.connect("application", sslmode="verify-full", password="not-the-password").close()


def test_application_reads_and_writes(database: Database) -> None:
    """The application's role may read and change rows of every table, and draw from every sequence."""
    with database.session() as session:
        lacking = [str(line) for (line,) in session.execute(_LACKING).fetchall()]
    assert lacking == []


def test_application_cannot_create(database: Database) -> None:
    """The application's role cannot make a table in any schema, nor a schema."""
    with database.session() as session:
        schemas = [
            str(row[0])
            for row in session.execute(
                "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'"
                " AND nspname <> 'information_schema' ORDER BY 1"
            )
        ]
        allowed = [
            name
            for name in schemas
            if not _refused(session, sql.SQL("CREATE TABLE {}.bascule_check ()").format(sql.Identifier(name)))
        ]
        if not _refused(session, sql.SQL("CREATE SCHEMA {}").format(sql.Identifier("bascule_check"))):
            allowed.append("a schema")
    assert allowed == []


def test_application_cannot_drop(database: Database) -> None:
    """The application's role owns nothing, so it can drop and alter nothing."""
    with database.session() as session:
        owned = session.execute(
            "SELECT c.oid::regclass::text FROM pg_catalog.pg_class c WHERE pg_has_role(c.relowner, 'MEMBER')"
            " UNION ALL SELECT nspname FROM pg_catalog.pg_namespace WHERE pg_has_role(nspowner, 'MEMBER')"
            " AND nspname !~ '^pg_' LIMIT 5"
        ).fetchall()
        assert owned == []
        for schema, table in _tables(session)[:1]:
            assert _refused(session, sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(schema, table)))


def test_application_cannot_become_another(database: Database, site: SiteOutputs) -> None:
    """The application's role cannot act as the owner, the migration role or a superuser."""
    with database.session() as session:
        others = (site.database.owner.name, site.database.migration.name)
        member_of = session.execute(
            "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname <> current_user"
            " AND pg_has_role(oid, 'MEMBER')"
        ).fetchall()
        assert member_of == []
        for other in others:
            assert _refused(session, sql.SQL("SET ROLE {}").format(sql.Identifier(other)))


def test_owner_owns_the_database(database: Database, site: SiteOutputs) -> None:
    """The database and all its tables belong to the owner's role."""
    with database.session("owner") as session:
        owner = value(
            session,
            "SELECT pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = current_database()",
        )
        foreign = session.execute(
            "SELECT c.oid::regclass::text, pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname !~ '^pg_'"
            " AND n.nspname NOT IN ('information_schema', 'bascule')"
            " AND c.relowner <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s)"
            # Of an extension: whoever made it, as the server wants it.
            " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d"
            " WHERE d.objid = c.oid AND d.deptype = 'e')",
            (site.database.owner.name,),
        ).fetchall()
    assert (owner, foreign) == (site.database.owner.name, [])
