"""Assessing a tenant that leaves MariaDB, against a real server."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from migrate.assess import Assessment, measure
from migrate.assess.staleness import fingerprint_now
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import MigrationError
from provisioning.manifest import Manifest
from tests.support.crossing import PASSWORD, USER, a_crossing, is_writable
from tests.support.mariadb_hosts import MariaServer
from tests.support.moves import Move, Told


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Move, MariaServer]]:
    with a_crossing(tmp_path_factory.mktemp("crossing")) as (move, server):
        yield replace(move, manifest=move.manifest.model_copy(update={"mode": None})), server


@pytest.fixture
def hosts(crossing: tuple[Move, MariaServer]) -> Iterator[Hosts]:
    with crossing[0].hosts() as hosts:
        yield hosts


@pytest.fixture(scope="module")
def found(crossing: tuple[Move, MariaServer]) -> Assessment:
    with crossing[0].hosts() as hosts:
        return measure(Case(hosts.workspace, hosts.manifest), hosts, Told())


def _said(found: Assessment) -> dict[str, str]:
    return {finding.id: finding.what for finding in found.findings}


def test_what_would_hurt_is_found(found: Assessment) -> None:
    """Zero dates, long times, keyless and MyISAM tables, and what is written in MariaDB's own language."""
    said = _said(found)

    assert "(2): Kunde.geboren 2, Kunde.erfasst 1" in said["mariadb-zero-dates"]
    assert "messung.dauer 3" in said["mariadb-times-over-a-day"]
    assert said["mariadb-table-without-key"] == "tables without a key (1): ohne_schluessel"
    assert said["mariadb-table-without-transactions"] == (
        "tables of other engines than InnoDB (1): alt (MyISAM)"
    )
    assert "(7): sequence belegnummer" in said["mariadb-own-language"]
    assert said["mariadb-events-at-work"] == "events (1): taeglich every 1 DAY"
    assert said["mariadb-definers"].startswith("accounts that define")
    assert "latin1_swedish_ci" in said["mariadb-collations"]
    assert not found.blockers


def test_mode_and_stop_are_told_with_their_reasons(found: Assessment) -> None:
    """Nothing replicates into PostgreSQL, so it is bulk, and the stop rests on what was read."""
    assert found.mode == "bulk"
    assert found.mode_because == (
        "freeze, copy, compare, open: live cannot be, since this version of Bascule has no live way for it"
        " to a site with PostgreSQL: nothing replicates from MariaDB into it"
    )
    (database,) = found.databases
    assert database.read is not None
    assert database.read.bytes > 400_000  # the two long values alone
    assert [part.name for part in found.estimate.parts][:2] == [
        "copy database main-db",
        "compare database main-db",
    ]
    assert database.content_bytes == sum(table.bytes for table in database.tables)


def test_fingerprint_holds_until_schema_changes(
    crossing: tuple[Move, MariaServer], hosts: Hosts, found: Assessment
) -> None:
    """Taken anew it is the same, next numbers aside; a column more is named."""
    _, server = crossing
    case = Case(hosts.workspace, hosts.manifest)
    server.sql(
        "INSERT INTO Kunde (Name, geboren) VALUES ('neu', '2000-01-01'); DELETE FROM Kunde WHERE Id > 7"
    )
    assert found.fingerprint.changes(fingerprint_now(case, hosts)) == ()
    server.sql("ALTER TABLE alt ADD COLUMN mehr int")
    try:
        changed = found.fingerprint.changes(fingerprint_now(case, hosts))
    finally:
        server.sql("ALTER TABLE alt DROP COLUMN mehr")
    assert changed == ("the schema of main-db is another",)


def test_assessing_changes_nothing(
    crossing: tuple[Move, MariaServer], hosts: Hosts, found: Assessment
) -> None:
    """Measured again on a server that logs every change, the log is where it was."""
    _, server = crossing
    before = server.sql("SELECT @@gtid_binlog_pos, @@read_only, @@event_scheduler")
    measure(Case(hosts.workspace, hosts.manifest), hosts, Told())
    assert server.sql("SELECT @@gtid_binlog_pos, @@read_only, @@event_scheduler") == before
    assert is_writable(server)


def test_a_password_that_will_expire_is_found(crossing: tuple[Move, MariaServer], hosts: Hosts) -> None:
    """MariaDB counts days since it was set, for the account or for the whole server."""
    server = crossing[1]
    server.sql("SET GLOBAL default_password_lifetime = 30")
    try:
        said = _said(measure(Case(hosts.workspace, hosts.manifest), hosts, Told()))
    finally:
        server.sql("SET GLOBAL default_password_lifetime = 0")
    assert said["mariadb-password-expires"].startswith("the password of admin@% is valid until 20")


def test_an_account_with_few_rights_is_told_what_it_lacks(
    crossing: tuple[Move, MariaServer], hosts: Hosts
) -> None:
    """Parts that the server hides would be left out, so the assessment refuses and names the rights."""
    move, server = crossing
    password = move.legacy.folder / "etc" / "mariadb-password"
    manifest = move.manifest.model_dump(mode="json")
    manifest["legacy"]["databases"][0]["user"] = USER
    few = Manifest.model_validate(manifest)
    password.write_text(PASSWORD)
    try:
        with Hosts(hosts.workspace, few, _sites={few.stack("prod"): move.outputs}) as asked:
            with pytest.raises(MigrationError, match="the account lacks SHOW VIEW, TRIGGER, EVENT") as told:
                measure(Case(asked.workspace, few), asked, Told())
            assert "GRANT SHOW VIEW" in told.value.next_step
            server.sql(f"GRANT SHOW VIEW, TRIGGER, EVENT ON besa.* TO {USER}@'%'")
            found = measure(Case(asked.workspace, few), asked, Told())
    finally:
        password.write_text(server.password + "\n")
    said = _said(found)
    assert {"mariadb-user-may-not-freeze", "mariadb-users-unreadable"} <= said.keys()
    assert [one.id for one in found.blockers] == ["mariadb-user-may-not-freeze"]
