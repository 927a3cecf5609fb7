"""May each account of a site's MariaDB do what it has to, and nothing more?"""

from collections.abc import Iterator

import pytest

from migrate import engines
from migrate.connections import Hosts
from migrate.mariadb.session import MariaSession, ServerRefused, mariadb_of
from provisioning.manifest import Environment
from provisioning.site import SiteOutputs

pytestmark = pytest.mark.engine("mariadb")

STRONG = (
    "SELECT User FROM mysql.global_priv WHERE Host <> 'localhost'"
    " AND CAST(JSON_VALUE(Priv, '$.access') AS UNSIGNED) & (1 << 15) <> 0"
)


@pytest.fixture
def application(hosts: Hosts, environment: Environment) -> Iterator[MariaSession]:
    with mariadb_of(engines.site_database(hosts, environment, role="application")).opened() as session:
        yield session


def test_database_answers(application: MariaSession) -> None:
    """The database answers a query of the application's account."""
    assert application.value("SELECT 1") == 1


def test_no_entry_without_tls(application: MariaSession) -> None:
    """The server refuses connections that are not encrypted."""
    assert application.value("SELECT @@require_secure_transport") == 1


@pytest.mark.parametrize(
    "forbidden",
    [
        "CREATE TABLE bascule_check (i int)",
        "CREATE DATABASE bascule_check",
        "CREATE USER bascule_check",
        "SET GLOBAL max_connect_errors = 100",
        "SELECT 1 FROM mysql.global_priv",
    ],
)
def test_application_has_no_power(application: MariaSession, forbidden: str) -> None:
    """The application's account works on rows; it makes nothing and changes no setting."""
    with pytest.raises(ServerRefused, match="denied"):
        application.run(forbidden)


def test_application_reads_and_writes(application: MariaSession, site: SiteOutputs) -> None:
    """The application's account may read and change rows of the whole database."""
    rows = application.run(
        "SELECT PRIVILEGE_TYPE AS it FROM information_schema.SCHEMA_PRIVILEGES"
        " WHERE REPLACE(TABLE_SCHEMA, '\\\\', '') = %s",
        site.database.dbname,
    )
    assert {row["it"] for row in rows} == {"SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"}


@pytest.mark.parametrize("role", ["owner", "application", "migration"])
def test_role_has_no_power_over_the_server(hosts: Hosts, environment: Environment, role: str) -> None:
    """The account may do nothing that goes beyond the database."""
    with mariadb_of(engines.site_database(hosts, environment, role=role)).opened() as session:
        found = session.run("SELECT PRIVILEGE_TYPE AS it FROM information_schema.USER_PRIVILEGES")
    assert [row["it"] for row in found] == ["USAGE"]


def test_no_other_superuser(hosts: Hosts, environment: Environment, site: SiteOutputs) -> None:
    """While a move lasts its mover may do everything, and nobody else who comes over the network."""
    if (mover := site.database.mover) is None:
        return  # nobody else may see other accounts
    with mariadb_of(engines.site_database(hosts, environment, role="mover")).opened() as session:
        assert [row["User"] for row in session.run(STRONG)] == [mover.name]
