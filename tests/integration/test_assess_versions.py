"""Assessing a real server of every version at hand: the same troubles are found on each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from migrate.assess import database as measuring
from migrate.assess.facts import Database
from migrate.assess.findings import all_findings
from migrate.databases import PINNED, Session
from provisioning.manifest import LegacyDatabase
from tests.support.postgres_versions import CONTRACT, binaries_or_skip
from tests.support.private_hosts import PrivateHost, private_host

TROUBLES = (Path(__file__).parents[1] / "support" / "troubles.sql").read_text()
OLD = "CREATE TABLE rai.mit_oids (id int PRIMARY KEY) WITH OIDS; CREATE TABLE rai.frueher (id abstime)"
NAMED = LegacyDatabase(
    name="pflege", host="server", dbname="pflege", user="postgres", password_file="p", ca_file="c"
)


@contextmanager
def session_of(host: PrivateHost, user: str, password: str) -> Iterator[Session]:
    """A session with the settings that every session of Bascule has."""
    words = f"host={host.address} port={host.pg_port} user={user} dbname=pflege sslmode=require"
    with psycopg.connect(words, password=password, autocommit=True) as session:
        for name, value in PINNED.items():
            session.execute("SELECT pg_catalog.set_config(%s, %s, false)", [name, value])
        yield session


@pytest.fixture(scope="module", params=CONTRACT, ids=lambda major: f"PostgreSQL {major}")
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    """A server with every trouble; a version that was not fetched is told as skipped, not passed over."""
    binaries = binaries_or_skip(request.param)
    folder = tmp_path_factory.mktemp(f"v{request.param}")
    with private_host("legacy", folder, binaries=binaries) as started:
        started.psql("postgres", "CREATE DATABASE pflege; CREATE ROLE weak LOGIN PASSWORD 'weak'")
        started.psql("pflege", "SET client_min_messages = error;" + TROUBLES)
        if request.param < 12:
            started.psql("pflege", "SET client_min_messages = error;" + OLD)
        yield started


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write rate is not what these tests are about."""
    monkeypatch.setattr(measuring, "RATE_SECONDS", 0.0)


def ids_of(facts: Database) -> dict[str, str]:
    return {f.id: f.what for f in all_findings([], [facts], [], [], None)}


@pytest.mark.usefixtures("quick")
def test_every_trouble_is_found_on_every_version(host: PrivateHost) -> None:
    """Each by its own id, and naming what it is about."""
    with session_of(host, "postgres", host.superuser_password) as session:
        facts = measuring.measure_database(NAMED, session)
    found = ids_of(facts)

    keyless = {str(t) for t in facts.tables if t.kind == "table" and not (t.has_key or t.no_equality)}
    assert {"rai.gut", "rai.messung_a", "rai.protokoll", "rai.spaet"} <= keyless
    assert not keyless & {"rai.bewohner", "rai.voll", "rai.wert"}
    assert sorted(str(t) for t in facts.tables if t.no_equality) == ["rai.karte", "rai.roh"]
    assert facts.path_traps[0].function == "rai.kennt"
    assert [trap.names for trap in facts.path_traps] == [("stufen",)]
    assert "ALWAYS" in found["trigger-fires-on-apply"]
    assert "rai.voll.doppelt (REPLICA)" in found["trigger-fires-on-apply"]
    assert found["sequence-nearly-used-up"] == "sequences (1): rai.nummer, 95 % of 100"
    assert found["partition-tree"] == "partition trees (1): rai.messung, 1 partitions"
    assert found["replica-identity-set"] == "tables with a replica identity of their own (1): rai.voll (FULL)"
    assert found["database-settings"] == "settings (1): work_mem (of the database)"
    assert found["scheduled-jobs"].startswith("jobs (2): Abschluss (pg_cron, 0 2 * * *), Export (pgagent, ")
    assert found["slot-inactive"].startswith("replication slots without a reader (1): alt (")
    assert facts.server.slots_used == 1
    assert found["subscription-present"] == "subscriptions (1): vom_labor"
    assert found["collation-version-changed"].startswith(
        "collations of another version than was recorded (1): rai.deutsch (1.0 when recorded, "
    )
    assert found["function-untrusted"] == "functions in untrusted languages (1): rai.plus (internal)"
    assert found["event-triggers"] == "event triggers (1): waechter (ddl_command_end)"
    assert {
        "constraint-not-validated",
        "deferrable-constraint",
        "foreign-table",
        "large-objects",
        "materialized-views",
        "publication-present",
        "roles-with-rights",
        "policies",
        "sequences",
        "superusers-may-write",
        "table-inherits",
        "unlogged-table",
    } <= found.keys()
    assert ("table-with-oids" in found) is (facts.server.major < 12)
    assert (len(facts.odd("removed type")) == 1) is (facts.server.major < 12)
    assert not any("bascule" in what for what in found.values())


def test_search_path_trap_is_one(host: PrivateHost) -> None:
    """What is told to fail fails with an empty search path, and what is left alone works."""
    with session_of(host, "postgres", host.superuser_password) as session:
        with pytest.raises(psycopg.errors.UndefinedTable, match="stufen"):
            session.execute("INSERT INTO rai.einstufung VALUES (2, 'a')")
        session.execute("BEGIN; INSERT INTO rai.sicher VALUES (2, 'a'); ROLLBACK")


@pytest.mark.usefixtures("quick")
def test_who_may_see_little_is_told_what_is_missing(host: PrivateHost) -> None:
    """A login without rights gets an assessment all the same, with blockers in the place of facts."""
    with session_of(host, "weak", "weak") as session:
        facts = measuring.measure_database(NAMED, session)
    found = ids_of(facts)
    assert {
        "row-security",
        "user-may-not-freeze",
        "table-unreadable",
        "jobs-unreadable",
        "source-refuses-superuser",
    } <= found.keys()
    assert found["source-refuses-superuser"] == "weak is no superuser, and may not replicate"
    assert facts.wal_history is None
    assert facts.server.data_directory is None
