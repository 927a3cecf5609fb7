"""Owners and grants on a site are held to a rule; whatever breaks it is found."""

from collections.abc import Iterator

import pytest

from migrate.compare.run import compare
from migrate.databases import Database
from migrate.transfer.postgresql_bulk import grant
from tests.support.compared import compared_host, told, two_sides
from tests.support.private_hosts import PrivateHost

BROKEN = {
    "a table of somebody else's": (
        'ALTER TABLE "Pflege".kind OWNER TO postgres',
        'owner table "Pflege".kind',
    ),
    "a large object of somebody else's": (
        "ALTER LARGE OBJECT 70001 OWNER TO postgres",
        "owner large object 70001",
    ),
    "a right too few": (
        'REVOKE DELETE ON "Pflege".kind FROM app_user',
        'grant table "Pflege".kind to app_user',
    ),
    "a right too many": (
        'GRANT TRUNCATE ON "Pflege".kind TO app_user',
        'grant table "Pflege".kind to app_user',
    ),
    "a right that may be passed on": (
        'GRANT SELECT ON "Pflege".kind TO app_user WITH GRANT OPTION',
        'grant table "Pflege".kind to app_user',
    ),
    "a right of a stranger's": (
        'GRANT SELECT ON "Pflege".kind TO pg_monitor',
        'grant table "Pflege".kind to pg_monitor',
    ),
    "a right on one column": (
        'GRANT UPDATE (id) ON "Pflege".kind TO pg_monitor',
        'grant column "Pflege".kind.id',
    ),
    "a right of everybody's": (
        'GRANT SELECT ON "Pflege".kind TO PUBLIC',
        'grant relation "Pflege".kind to PUBLIC',
    ),
    "a function that everybody may call again": (
        'GRANT EXECUTE ON FUNCTION "Pflege".f(int) TO PUBLIC',
        'grant function "Pflege".f(n integer) to PUBLIC',
    ),
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with compared_host(tmp_path_factory.mktemp("rights")) as host:
        host.psql("postgres", "CREATE ROLE app_owner; CREATE ROLE app_user;")
        for name in ("source", "model"):
            host.psql(name, 'REVOKE EXECUTE ON FUNCTION "Pflege".f(int) FROM PUBLIC')
        give_away = "SELECT format('ALTER %s %s OWNER TO app_owner', kind, name) FROM owned \\gexec\n"
        host.psql("model", OWNED + give_away)
        with host.connect("model") as session:
            session.execute("SET search_path = ''; SET ROLE app_owner")
            grant(session, "app_user")
        yield host


OWNED = """
CREATE TEMP VIEW owned AS
SELECT 'SCHEMA' AS kind, '"Pflege"' AS name
UNION ALL SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                              ELSE 'TABLE' END, c.oid::regclass::text
  FROM pg_class c WHERE relnamespace = '"Pflege"'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
   AND (relkind <> 'S'
        OR NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('i', 'a')))
UNION ALL SELECT 'ROUTINE', p.oid::regprocedure::text
  FROM pg_proc p WHERE pronamespace = '"Pflege"'::regnamespace
UNION ALL SELECT 'TYPE', t.oid::regtype::text FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
  WHERE typnamespace = '"Pflege"'::regnamespace AND (typtype IN ('e', 'd') OR c.relkind = 'c')
UNION ALL SELECT 'LARGE OBJECT', oid::text FROM pg_largeobject_metadata;
"""


@pytest.fixture
def sides(host: PrivateHost) -> Iterator[tuple[Database, Database]]:
    with two_sides(host) as sides:
        yield sides


def found(sides: tuple[Database, Database]) -> list[str]:
    return told(compare("pflege", *sides, target_role="app_owner", application="app_user"))


def test_a_site_as_a_transfer_leaves_it_keeps_the_rule(sides: tuple[Database, Database]) -> None:
    """The owner has everything, the application what the transfer grants: no false alarm."""
    assert found(sides) == []


@pytest.mark.parametrize("fault", BROKEN)
def test_what_breaks_the_rule_is_found(
    fault: str, host: PrivateHost, sides: tuple[Database, Database]
) -> None:
    """By kind and name, with what there is and what there should be."""
    statement, named = BROKEN[fault]
    host.psql("target", statement)
    # The comparison reads as the owner, who sees only what it may.
    for what in ('"Pflege".kind', "LARGE OBJECT 70001"):
        host.psql("target", f"GRANT SELECT ON {what} TO app_owner")
    assert named in found(sides)
