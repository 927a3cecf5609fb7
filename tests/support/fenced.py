"""
A database with every kind of right to write, for tests of the fence.

Promise: `rights` sees each right that anybody has on anything in a database, defaults included.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.support.private_hosts import PrivateHost

SCHEMA = """
CREATE ROLE ward_owner LOGIN PASSWORD 'none';
CREATE ROLE nurse LOGIN PASSWORD 'none';
CREATE ROLE "head, nurse" LOGIN PASSWORD 'none';
CREATE ROLE pupil LOGIN PASSWORD 'none';
CREATE SCHEMA ward AUTHORIZATION ward_owner;
GRANT USAGE ON SCHEMA ward TO PUBLIC;
GRANT CREATE ON SCHEMA ward TO nurse;
CREATE TABLE public.left_alone (id int);

SET ROLE ward_owner;
CREATE TABLE ward.own (id bigserial PRIMARY KEY, note text);
CREATE TABLE ward.granted (id int, note text);
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ward.granted TO nurse;
CREATE TABLE ward.everybody (id int);
GRANT SELECT, INSERT ON ward.everybody TO PUBLIC;
CREATE TABLE ward.columns (id int, note text, "odd % name" text);
GRANT SELECT ON ward.columns TO nurse;
GRANT INSERT (id, "odd % name"), UPDATE (note) ON ward.columns TO nurse;
CREATE TABLE ward.chained (id int, note text);
GRANT SELECT, INSERT, UPDATE ON ward.chained TO "head, nurse" WITH GRANT OPTION;
CREATE TABLE ward.parts (id int) PARTITION BY RANGE (id);
CREATE TABLE ward.part PARTITION OF ward.parts FOR VALUES FROM (0) TO (1000);
GRANT INSERT ON ward.parts TO nurse;
CREATE VIEW ward.through AS SELECT id, note FROM ward.own;
GRANT SELECT, INSERT ON ward.through TO nurse;
CREATE FUNCTION ward.define(number int) RETURNS void LANGUAGE sql SECURITY DEFINER
    AS 'INSERT INTO ward.own (id, note) VALUES (number, $$definer$$)';
INSERT INTO ward.own VALUES (0, 'before'); INSERT INTO ward.granted VALUES (0, 'before');
INSERT INTO ward.columns VALUES (0, 'before');
SELECT lo_create(4711);

SET ROLE "head, nurse";
GRANT INSERT, UPDATE ON ward.chained TO nurse WITH GRANT OPTION;
GRANT UPDATE (note) ON ward.chained TO pupil;
SET ROLE nurse;
GRANT INSERT ON ward.chained TO pupil;
RESET ROLE;
"""

WRITES = {
    "the owner": ("ward_owner", "INSERT INTO ward.own VALUES ({n}, 'x')"),
    "an owner's update": ("ward_owner", "UPDATE ward.own SET note = 'x'"),
    "an owner's truncate": ("ward_owner", "TRUNCATE ward.own"),
    "a role with a grant": ("nurse", "INSERT INTO ward.granted VALUES ({n}, 'x')"),
    "a role's delete": ("nurse", "DELETE FROM ward.granted"),
    "a role's copy": ("nurse", "COPY ward.granted FROM STDIN"),
    "a grant to everybody": ("pupil", "INSERT INTO ward.everybody VALUES ({n})"),
    "a column's insert": ("nurse", 'INSERT INTO ward.columns (id, "odd % name") VALUES ({n}, 1)'),
    "a column's update": ("nurse", "UPDATE ward.columns SET note = 'x' WHERE id = {n}"),
    "a right passed on": ("pupil", "INSERT INTO ward.chained VALUES ({n})"),
    "a column's right passed on": ("pupil", "UPDATE ward.chained SET note = 'x'"),
    "a partition": ("ward_owner", "INSERT INTO ward.part VALUES ({n})"),
    "a partitioned table": ("nurse", "INSERT INTO ward.parts VALUES ({n})"),
    "a view": ("nurse", "INSERT INTO ward.through VALUES ({n}, 'x')"),
    "a function with its owner's rights": ("nurse", "SELECT ward.define({n})"),
    "a sequence": ("ward_owner", "SELECT nextval('ward.own_id_seq')"),
    "a sequence set": ("ward_owner", "SELECT setval('ward.own_id_seq', 77)"),
    "a new table": ("nurse", "CREATE TABLE ward.new_{n} (id int)"),
    "a copied table": ("ward_owner", "CREATE TABLE ward.copy_{n} AS SELECT * FROM ward.own"),
    "a large object": ("ward_owner", "SELECT lo_put(4711, 0, 'x')"),
    "a new large object": ("pupil", "SELECT lo_create(0)"),
}
"""Who writes what; {n} is another number each time."""

_RIGHTS = """
SELECT 'relation', c.oid::regclass::text, '', e.grantor::regrole::text, e.grantee::regrole::text,
       e.privilege_type, e.is_grantable
FROM pg_class c, aclexplode(coalesce(relacl, acldefault(
    CASE WHEN relkind = 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner))) e
UNION ALL
SELECT 'column', attrelid::regclass::text, attname, grantor::regrole::text, grantee::regrole::text,
       privilege_type, is_grantable
FROM pg_attribute, aclexplode(attacl)
UNION ALL
SELECT 'function', oid::regprocedure::text, '', grantor::regrole::text, grantee::regrole::text,
       privilege_type, is_grantable
FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
UNION ALL
SELECT 'schema', nspname, '', grantor::regrole::text, grantee::regrole::text, privilege_type, is_grantable
FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
UNION ALL
SELECT 'database', datname, '', grantor::regrole::text, grantee::regrole::text, privilege_type, is_grantable
FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
UNION ALL
SELECT 'setting', setdatabase::text, array_to_string(setconfig, ','), setrole::regrole::text, '', '', false
FROM pg_db_role_setting
"""


def rights(host: PrivateHost, dbname: str = "besa") -> set[tuple[object, ...]]:
    """Every right on everything, what is there by default included, and every setting of roles."""
    with host.connect(dbname) as session:
        return set(session.execute(_RIGHTS).fetchall())


def as_role(
    host: PrivateHost, user: str, dbname: str = "besa", **more: str
) -> psycopg.Connection[tuple[object, ...]]:
    """A session of the superuser, or of one of the roles of `SCHEMA`."""
    local = host.local(dbname).replace("user=postgres", f"user={user}")
    password = host.superuser_password if user == "postgres" else "none"
    return psycopg.connect(local, password=password, autocommit=True, **more)  # type: ignore[arg-type] # libpq's words


@contextmanager
def of_his_own_mind(
    host: PrivateHost, user: str, dbname: str = "besa"
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session of a role that has switched its read-only flag off."""
    with as_role(host, user, dbname) as session:
        session.execute("SET default_transaction_read_only = off")
        yield session


def refused(host: PrivateHost, user: str, statement: str, dbname: str = "besa") -> bool:
    """Whether a role may not write, whatever its flag says; one that is ended at a lift may not."""
    try:
        with of_his_own_mind(host, user, dbname) as session:
            if statement.startswith("COPY"):
                with session.cursor().copy(statement) as copy:
                    copy.write_row((1, "x"))
            else:
                session.execute(statement)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.AdminShutdown):
        return True
    return False
