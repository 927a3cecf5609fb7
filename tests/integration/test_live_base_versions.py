"""A legacy server of every PostgreSQL version that the site's can follow is moved while it is at work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.connections import Hosts, connect
from migrate.databases import Database
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.stream import (
    drop_publication,
    drop_subscription,
    new_stream,
    publish,
    reserve,
    subscribe,
)
from migrate.waiting import wait_until
from tests.support.live_copy import LIVE, Writer, settled_differences
from tests.support.moves import Move, Told, a_move
from tests.support.postgres_versions import binaries_or_skip
from tests.support.private_hosts import BINARIES, private_host

SITE = int(BINARIES.parent.name)
SCHEMA = """
CREATE SCHEMA app;
SET search_path = app;
CREATE TYPE stufe AS ENUM ('tief', 'hoch');
CREATE TABLE kunde (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, stufe stufe, wert double precision,
  preis numeric, daten jsonb, an timestamptz, stufen stufe[], wo inet, suche tsvector);
INSERT INTO kunde (name, stufe, wert, preis, daten, an, stufen, wo, suche)
SELECT 'k' || n, 'hoch', n / 3.0, n / 7.0, jsonb_build_object('n', n), '2024-03-31 01:30:00+00', '{tief}',
  '::1', to_tsvector('simple', 'k' || n) FROM generate_series(1, 300) n;
CREATE TABLE zettel (was text, kunde int REFERENCES kunde);
INSERT INTO zettel VALUES ('a', 1), ('a', 1);
CREATE TABLE messung (id int, monat date) PARTITION BY RANGE (monat);
CREATE TABLE messung_a PARTITION OF messung FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
INSERT INTO messung SELECT n, '2025-01-05' FROM generate_series(1, 50) n;
CREATE UNLOGGED TABLE fluechtig (id int);
INSERT INTO fluechtig VALUES (1);
CREATE MATERIALIZED VIEW zahlen AS SELECT stufe, count(*) FROM kunde GROUP BY 1;
SELECT lo_from_bytea(70001, 'ein grosses Objekt');
"""
WRITES = [
    "INSERT INTO app.kunde (name) VALUES ('neu')",
    "INSERT INTO app.zettel SELECT 'n', max(id) FROM app.kunde",
    "UPDATE app.zettel SET was = was || '!' WHERE length(was) < 5",
    "DELETE FROM app.messung_a WHERE id = (SELECT min(id) FROM app.messung_a)",
]


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("versions")) as move:
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts


@pytest.mark.parametrize("version", range(10, SITE))
def test_a_server_of_this_version_is_moved(move: Move, hosts: Hosts, tmp_path: Path, version: int) -> None:
    """Rows of an older server arrive whole under a running writer, and what came since flows."""
    with private_host(f"old{version}", tmp_path, binaries=binaries_or_skip(version)) as old:
        old.psql("postgres", "CREATE DATABASE besa")
        old.psql("besa", SCHEMA)
        work = Task(
            name="main-db",
            attempt="replication-1",
            source=Database(f"besa on {version}", old.endpoint("besa"), connect(old.ssh_config, old.alias)),
            target=Database("besa on site", move.site.endpoint("besa"), hosts.target()),
            owner="app_owner",
            application="app_user",
            tenant=f"t{version}",
        )
        try:
            with Writer(old, "besa", WRITES):
                LIVE.copy(work, Told())
            assert settled_differences(work) == []
        finally:
            LIVE.empty(work)
            work.source.through.close()


@pytest.mark.parametrize("version", [10, 11])
def test_a_truncate_on_the_site_does_not_end_the_way_back(
    move: Move, hosts: Hosts, tmp_path: Path, version: int
) -> None:
    """Version 10 knows no such change and would stop at it for good: it is told of none. The others are."""
    with private_host(f"back{version}", tmp_path, binaries=binaries_or_skip(version)) as old:
        for host in (old, move.site):
            host.psql("postgres", f"CREATE DATABASE back{version}")
            host.psql(f"back{version}", "CREATE TABLE eintrag (n int PRIMARY KEY)")
        back = Task(
            name="main-db",
            attempt="way-back-1",
            source=Database("site", move.site.endpoint(f"back{version}"), hosts.target()),
            target=Database("legacy", old.endpoint(f"back{version}"), connect(old.ssh_config, old.alias)),
            owner="app_owner",
            application="app_user",
            tenant=f"b{version}",
        )
        stream = new_stream(back, [("public", "eintrag")])
        try:
            with back.source.opened() as site, back.target.opened() as legacy:
                publish(stream, site, legacy)
                reserve(stream, site)
                subscribe(stream, site, legacy)
                for statement in (
                    "INSERT INTO eintrag VALUES (1)",
                    "TRUNCATE eintrag",
                    "INSERT INTO eintrag VALUES (2)",
                ):
                    move.site.psql(f"back{version}", statement)

                def rows() -> list[int]:
                    return [
                        n for (n,) in legacy.execute("SELECT n FROM public.eintrag ORDER BY n").fetchall()
                    ]

                assert wait_until(lambda: 2 in rows(), deadline_seconds=30, pace_seconds=0.1)
                assert rows() == ([1, 2] if version < 11 else [2])
        finally:
            with back.source.opened() as site, back.target.opened() as legacy:
                drop_subscription(stream, legacy)
                drop_publication(stream, site)
            back.target.through.close()
