"""Servers that keep text in other encodings, sort otherwise or print numbers otherwise hold the same rows."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from migrate.compare import changes
from migrate.compare.digests import Hasher
from migrate.compare.frozen import SESSIONS, compare_changed
from migrate.compare.ledger import Ledger
from migrate.compare.live import compare_live
from migrate.compare.run import compare
from migrate.connections import connect
from migrate.databases import Database, value
from tests.support.compared import told
from tests.support.postgres_versions import servers
from tests.support.private_hosts import BINARIES, PrivateHost, private_host

ROWS = """
CREATE TABLE wort (
  k text PRIMARY KEY, was text, n float8, m real, ms real[], genau numeric, wann timestamptz);
INSERT INTO wort SELECT w || n, 'Zoë – ' || w, n / 3.0, 2.33333325, ARRAY[n / 7.0, 'NaN', '-0']::real[], 1.00,
  '2025-10-26 00:30+00'
  FROM unnest(ARRAY['ä', 'a', 'Z', 'é', 'z', 'ß', '_', 'A']) w, generate_series(1, 300) n;
"""
WITHOUT_DASH = ROWS.replace("–", "-")
OTHER = "SET client_encoding = 'UTF8'; UPDATE wort SET was = replace(was, 'ë', 'e') WHERE k = 'ä7'"
LESS = "UPDATE wort SET m = 2.33333 WHERE k = 'Z9'"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with private_host("mixed", tmp_path_factory.mktemp("servers")) as host:
        for name, encoding, rows in (
            ("utf8", "UTF8", ROWS), ("utf8_plain", "UTF8", WITHOUT_DASH), ("latin1", "LATIN1", WITHOUT_DASH),
            ("sql_ascii", "SQL_ASCII", ROWS), ("win1252", "WIN1252", ROWS),
        ):  # fmt: skip
            host.psql(
                "postgres",
                f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0"
                " LC_COLLATE 'C' LC_CTYPE 'C'",
            )
            host.psql(name, "SET client_encoding = 'UTF8';" + rows)
        yield host


@pytest.fixture(scope="module")
def opened(host: PrivateHost) -> Iterator[dict[str, Database]]:
    with connect(host.ssh_config, host.alias) as ssh:
        names = ("utf8", "utf8_plain", "latin1", "sql_ascii", "win1252")
        yield {name: Database(name, host.endpoint(name), ssh) for name in names}


@pytest.mark.parametrize(
    ("source", "target"),
    [("latin1", "utf8_plain"), ("win1252", "utf8"), ("sql_ascii", "utf8"), ("utf8", "win1252")],
)
def test_another_encoding_is_no_difference(
    source: str, target: str, host: PrivateHost, opened: dict[str, Database]
) -> None:
    """The same letters are the same, whatever bytes a server keeps them in; another letter is another."""
    assert told(compare("x", opened[source], opened[target])) == []
    host.psql(target, OTHER)
    assert told(compare("x", opened[source], opened[target])) == ["public.wort: changed (ä7)"]
    host.psql(target, OTHER.replace("'ë', 'e'", "'Zoe', 'Zoë'"))


def test_another_order_of_letters_is_no_difference(host: PrivateHost, tmp_path: Path) -> None:
    """Ranges of a key are the same rows only where both sides sort alike; else a table is read at once."""
    host.psql("postgres", "CREATE DATABASE sorted LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' TEMPLATE template0")
    host.psql("sorted", ROWS)
    with connect(host.ssh_config, host.alias) as ssh:
        source, target = (Database(name, host.endpoint(name), ssh) for name in ("utf8", "sorted"))
        store = tmp_path / "s.sqlite"
        try:
            base = compare_live("x", source, target, tenant="t", store=store, patience_seconds=1)
            assert base.agrees
            assert [(table.way, table.rows) for table in base.tables] == [("whole", 2400)]
            host.psql("sorted", OTHER)
            different = compare_live(
                "x", source, target, tenant="t", store=store, patience_seconds=1
            ).different
            assert [row.key for table in different for row in table.differing] == ["(ä7)"]
        finally:
            changes.end("t", "x", source, target)


def rows_in_the_freeze(
    source: Database, target: Database, store: Path
) -> list[tuple[str, int | None, int | None]]:
    """The tables that differ by the verdict over all that changed, with their rows on both sides."""
    with source.opened_many(SESSIONS) as left, target.opened_many(SESSIONS) as right:
        at, there = (value(one[0], "SELECT pg_current_wal_insert_lsn()") for one in (left, right))
        found = compare_changed(store, left, right, name="x", source_position=at, target_position=there)
    return [(table.name, table.source_rows, table.target_rows) for table in found.differing_tables]


@pytest.mark.parametrize("major", [major for major in servers() if servers()[major] != BINARIES])
def test_another_version_is_no_difference(major: int, host: PrivateHost, tmp_path: Path) -> None:
    """Floats are printed otherwise before 12, hashes may be others: the same rows stay the same."""
    host.psql("postgres", "DROP DATABASE IF EXISTS besa; CREATE DATABASE besa TEMPLATE utf8")
    with ExitStack() as stack:
        old = stack.enter_context(private_host("old", tmp_path, binaries=servers()[major]))
        old.psql("postgres", "CREATE DATABASE besa")
        old.psql("besa", ROWS)
        source, target = (
            Database(one.alias, one.endpoint("besa"), stack.enter_context(connect(one.ssh_config, one.alias)))
            for one in (old, host)
        )
        assert told(compare("x", source, target)) == []
        with source.opened() as one, target.opened() as other:
            assert not Hasher.between(one, other).is_native
        store = tmp_path / "s.sqlite"
        assert compare_live("x", source, target, tenant="t", store=store, patience_seconds=1).agrees
        host.psql("besa", LESS)
        assert told(compare("x", source, target)) == ["public.wort: changed (Z9)"]
        different = compare_live("x", source, target, tenant="t", store=store, patience_seconds=1).different
        assert [row.key for table in different for row in table.differing] == ["(Z9)"]
        # Version 10's log says nothing of it.
        old.psql("besa", "TRUNCATE wort")
        assert rows_in_the_freeze(source, target, store) == [("public.wort", 0, 2400)]
        with Ledger(store) as ledger, source.opened() as one:
            for _ in range(12):  # a session of an old server may look ten times
                changes.pump(one, ledger, "source")
        changes.end("t", "x", source, target)
