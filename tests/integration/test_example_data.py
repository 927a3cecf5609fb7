"""The legacy database as the generator makes it, on a real PostgreSQL."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from examples.alpenblick.generate import Loaded, is_loaded, load
from tests.support.private_hosts import BINARIES, PrivateHost, private_host

OWNER, APPLICATION = "alpenblick_owner", "alpenblick_app"
DIGEST = """
SELECT coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0) || '/' || count(*) FROM {} t
"""
TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname IN ('stamm', 'rai', 'epdoc', 'abrechnung', 'schnittstelle')
ORDER BY 1, 2
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with private_host("data", tmp_path_factory.mktemp("example-data")) as running:
        for role in (OWNER, APPLICATION):
            running.psql("postgres", f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
        yield running


def fill(host: PrivateHost, dbname: str) -> Loaded:
    host.psql("postgres", f"CREATE DATABASE {dbname} OWNER {OWNER}")
    conninfo = f"{host.local(dbname)} password=pw".replace("user=postgres", f"user={OWNER}")
    done = load(conninfo, APPLICATION, scale=0.02, seed=11)
    assert is_loaded(conninfo)
    return done


def digests(host: PrivateHost, dbname: str) -> dict[str, str]:
    with host.connect(dbname) as session:
        session.execute("SET TimeZone = 'UTC'")
        found = {}
        for schema, table in session.execute(TABLES).fetchall():
            statement = sql.SQL(DIGEST).format(sql.Identifier(str(schema), str(table)))
            row = session.execute(statement).fetchone()
            found[f"{schema}.{table}"] = str(row[0]) if row else ""
        return found


@pytest.fixture(scope="module")
def loaded(host: PrivateHost) -> Loaded:
    return fill(host, "first")


def test_it_has_what_real_databases_have(host: PrivateHost, loaded: Loaded) -> None:
    """Tens of tables over schemas, and each of the kinds of thing that a move must not forget."""
    assert loaded.tables >= 40
    with host.connect("first") as session:

        def count(query: str) -> int:
            row = session.execute(query.encode()).fetchone()
            assert row is not None
            return int(str(row[0]))

        assert count("SELECT count(*) FROM pg_class WHERE relkind = 'p'") == 2
        assert count("SELECT count(*) FROM pg_inherits") >= 9
        assert count("SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'") == 1
        assert count("SELECT count(*) FROM pg_largeobject_metadata") == loaded.large_objects
        assert count("SELECT count(*) FROM epdoc.vitalwert WHERE wert = 'NaN'") > 0
        assert count("SELECT count(*) FROM epdoc.verordnung WHERE gueltig_bis = '-infinity'") > 0
        assert count('SELECT count(*) FROM stamm."Bewohnerübersicht" WHERE zimmer IS NOT NULL') > 0
        assert count("SELECT count(*) FROM rai.uebermittlung") == 0
        assert count("SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql'") == 3
        assert count("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 3
        assert count("SELECT count(*) FROM rai.stufen_je_monat") > 0
        assert count("SELECT octet_length(epdoc.anhang_inhalt(2))") > 0
        keyless = session.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' AND NOT c.relispartition"
            " AND c.relnamespace = 'epdoc'::regnamespace AND NOT EXISTS"
            " (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')"
        ).fetchall()
        assert keyless == [("epdoc.leseprotokoll",)]


def test_the_same_seed_gives_the_same_database(host: PrivateHost, loaded: Loaded) -> None:
    """Two loads of one seed agree in every row; only the server numbers large objects as it likes."""
    fill(host, "second")
    first, second = digests(host, "first"), digests(host, "second")
    assert first.pop("epdoc.anhang") != second.pop("epdoc.anhang")
    assert first == second


def test_dump_and_restore_bring_all_of_it_back(host: PrivateHost, loaded: Loaded, tmp_path: Path) -> None:
    """The schema survives pg_restore's empty search_path: no error, and every row the same."""
    env = {"PGPASSWORD": host.superuser_password, "PATH": "/usr/bin:/bin"}
    dump = tmp_path / "dump"
    subprocess.run([BINARIES / "pg_dump", "-Fc", "-Z0", "-f", dump, host.local("first")], env=env, check=True)
    host.psql("postgres", f"CREATE DATABASE third OWNER {OWNER}")
    subprocess.run(
        [BINARIES / "pg_restore", "--exit-on-error", "-d", host.local("third"), dump], env=env, check=True
    )
    assert digests(host, "first") == digests(host, "third")


def test_the_application_may_change_rows_and_nothing_of_the_structure(
    host: PrivateHost, loaded: Loaded
) -> None:
    """The application's role writes rows; tables are not its own."""
    as_application = host.local("first").replace("user=postgres", f"user={APPLICATION}")
    env = {"PGPASSWORD": "pw", "PATH": "/usr/bin:/bin"}

    def says(statement: str) -> str:
        done = subprocess.run(
            [BINARIES / "psql", "-X", "-q", as_application, "-c", statement],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr

    assert says("INSERT INTO epdoc.sturz (bewohner_id, ereignet_am, hergang) VALUES (1, now(), '')") == ""
    assert "must be owner of table sturz" in says("DROP TABLE epdoc.sturz")
    assert "permission denied for schema rai" in says("CREATE TABLE rai.neu (id int)")
