"""A product's installation on a real server: customisations, the upgrade chain, its users' latency."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from migrate.connections import connect
from migrate.databases import Database, Session
from migrate.product import chain, customisations, put_back
from migrate.product.baseline import load_baseline, write_baseline
from migrate.product.description import Product, ProductError, load_product
from migrate.product.installation import users_in, version_in
from migrate.product.latency import usual, watched
from migrate.product.objects import in_database
from migrate.waiting import wait_until
from tests.support.moves import Told
from tests.support.private_hosts import PrivateHost, private_host
from tests.support.product import INSTALL, product_folder


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with private_host("server", tmp_path_factory.mktemp("product")) as here:
        yield here


@pytest.fixture
def database(host: PrivateHost, request: pytest.FixtureRequest) -> Iterator[Database]:
    name = request.node.name[:50].lower()
    host.psql("postgres", f'CREATE DATABASE "{name}"')
    host.psql(name, INSTALL)
    with connect(host.ssh_config, host.alias) as connection:
        yield Database(f"{name} on server", host.endpoint(name), connection)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return product_folder(tmp_path / "product")


def test_customisations_are_found_by_digest(database: Database, folder: Path) -> None:
    """Added, changed and removed objects are found, and nothing else; an untouched installation has none."""
    product = load_product(folder)
    with database.opened() as session:
        write_baseline(product, folder, "5", in_database(session, product))
        baseline = load_baseline(product, folder, "5")
        assert customisations.compare(baseline, in_database(session, product)).found == ()
        session.execute(
            "CREATE OR REPLACE FUNCTION erp.margin(price numeric) RETURNS numeric LANGUAGE sql"
            " AS 'SELECT price * 1.4'"
        )
        session.execute("DROP VIEW erp.cheap")
        session.execute("ALTER TABLE erp.part ADD COLUMN colour text DEFAULT 'red'")
        session.execute("CREATE VIEW erp.dear AS SELECT id FROM erp.part WHERE price > 100")
        # Of no interest: rows, and what is in other schemas.
        session.execute("INSERT INTO erp.part VALUES (1, 2)")
        session.execute("CREATE VIEW public.elsewhere AS SELECT 1")
        found = customisations.compare(baseline, in_database(session, product))
    assert [(one.change, one.id) for one in found.found] == [
        ("changed", "function erp.margin(numeric)"),
        ("changed", "table erp.part"),
        ("removed", "view erp.cheap"),
        ("added", "view erp.dear"),
    ]


def test_indexes_and_grants_are_found_too(database: Database, folder: Path) -> None:
    """Each that the vendor did not deliver, or that is gone; nothing of the product's own users."""
    product = load_product(product_folder(folder, roles=["pg_signal_backend"]))
    with database.opened() as session:
        session.execute(
            "CREATE INDEX part_price ON erp.part (price);"
            " CREATE INDEX part_dear ON erp.part (id) WHERE price > 9;"
            " GRANT SELECT ON erp.cheap TO pg_monitor; GRANT SELECT (id) ON erp.part TO pg_monitor"
        )
        write_baseline(product, folder, "5", in_database(session, product))
        baseline = load_baseline(product, folder, "5")
        assert customisations.compare(baseline, in_database(session, product)).found == ()
        session.execute(
            "CREATE INDEX part_both ON erp.part (price, id);"
            " DROP INDEX erp.part_dear; DROP INDEX erp.part_price;"
            " CREATE INDEX part_price ON erp.part (price DESC);"
            " GRANT UPDATE (price), DELETE ON erp.part TO pg_monitor WITH GRANT OPTION;"
            " REVOKE ALL ON erp.cheap FROM pg_monitor;"
            " REVOKE EXECUTE ON FUNCTION erp.margin(numeric) FROM PUBLIC;"
            " GRANT USAGE ON SCHEMA erp TO PUBLIC;"
            " GRANT ALL ON ALL TABLES IN SCHEMA erp TO pg_signal_backend"
        )
        every = in_database(session, product)
        found = customisations.compare(baseline, every)
    assert [(one.change, one.id) for one in found.found] == [
        ("added", "grant PUBLIC ON FUNCTION erp.margin(numeric)"),
        ("added", "grant PUBLIC ON SCHEMA erp"),
        ("removed", "grant pg_monitor ON TABLE erp.cheap"),
        ("changed", "grant pg_monitor ON TABLE erp.part"),
        ("added", "index erp.part_both"),
        ("removed", "index erp.part_dear"),
        ("changed", "index erp.part_price"),
    ]
    texts = {one.id: one.text.decode().splitlines() for one in every}
    assert texts["grant PUBLIC ON FUNCTION erp.margin(numeric)"] == [
        "REVOKE EXECUTE ON FUNCTION erp.margin(numeric) FROM PUBLIC;"
    ]
    assert texts["grant pg_monitor ON TABLE erp.part"] == [
        "GRANT DELETE ON TABLE erp.part TO pg_monitor WITH GRANT OPTION;",
        "GRANT SELECT (id) ON TABLE erp.part TO pg_monitor;",
        "GRANT UPDATE (price) ON TABLE erp.part TO pg_monitor WITH GRANT OPTION;",
    ]


def upgraded(database: Database, folder: Path, started_from: str = "5") -> list[tuple[str, tuple[str, ...]]]:
    product = load_product(folder)
    done = chain.upgrade(
        database, "postgres", product, folder, started_from=started_from, to="7", told=Told()
    )
    return [(hop.to_version, hop.steps) for hop in done]


def version(database: Database, product: Product) -> str:
    with database.opened() as session:
        return version_in(session, product)


def test_an_installation_is_upgraded_hop_by_hop(database: Database, folder: Path) -> None:
    """V5 takes the extra step; a second time there is nothing to do."""
    with database.opened() as session:
        session.execute("INSERT INTO erp.part VALUES (1, 2)")
    assert upgraded(database, folder) == [("6", ("rows",)), ("7", ("old-data", "columns"))]
    with database.opened() as session:
        assert session.execute("SELECT unit, vat FROM erp.part").fetchall() == [("P", None)]
    assert upgraded(database, folder) == []


def test_a_hop_that_fails_leaves_the_version_before_it(database: Database, folder: Path) -> None:
    """Nothing of a failed hop stays, one that tells no new version counts as failed, and a repeat goes on."""
    right = (folder / "up/6-7.sql").read_text()
    (folder / "up/6-7.sql").write_text("ALTER TABLE erp.part ADD COLUMN vat numeric; SELECT nonsense;")
    with pytest.raises(ProductError, match='columns of the upgrade from 6 to 7 failed: column "nonsense"'):
        upgraded(database, folder)
    (folder / "up/6-7.sql").write_text("ALTER TABLE erp.part ADD COLUMN vat numeric;")
    with pytest.raises(ProductError, match="tells version 6, not 7"):
        upgraded(database, folder)
    assert version(database, load_product(folder)) == "6"
    (folder / "up/6-7.sql").write_text(right)
    assert upgraded(database, folder) == [("7", ("old-data", "columns"))]


def test_an_installation_of_an_unknown_version_is_refused(database: Database, folder: Path) -> None:
    """Nothing is run on what nobody knows."""
    with database.opened() as session:
        session.execute("UPDATE erp.about SET version = '4.2'")
    with pytest.raises(ProductError, match=r"atelier has no version '4\.2'"):
        upgraded(database, folder)


def test_a_vendors_query_reads_only(database: Database, folder: Path) -> None:
    """A query that writes fails, whatever role asks; one in another shape is told."""
    changed = product_folder(folder, version="UPDATE erp.about SET version = '6' RETURNING version")
    with pytest.raises(ProductError, match="cannot execute UPDATE in a read-only transaction"):
        version(database, load_product(changed))
    licences = {"users": "SELECT 'ADM', 'Ada', 'lifelong'", "workstations": "SELECT 1"}
    with (
        database.opened() as session,
        pytest.raises(ProductError, match="ADM has a licence that is neither full nor workshop"),
    ):
        users_in(session, load_product(product_folder(folder, licences=licences)))


def test_what_would_hold_an_upgrade_up_is_set_aside(database: Database, folder: Path) -> None:
    """The customer's own views go newest first, so that the delivered ones and tables can change."""
    product = load_product(folder)
    with database.opened() as session:
        write_baseline(product, folder, "5", in_database(session, product))
        session.execute("CREATE VIEW erp.dear AS SELECT id FROM erp.part WHERE price > 100")
        session.execute("CREATE VIEW erp.dearest AS SELECT id FROM erp.dear LIMIT 1")
        found = customisations.compare(load_baseline(product, folder, "5"), in_database(session, product))
        assert put_back.set_aside(session, product, found) == ["view erp.dearest", "view erp.dear"]
        assert put_back.set_aside(session, product, found) == []


def test_who_waits_for_us_is_seen(host: PrivateHost, database: Database, folder: Path) -> None:
    """Nobody waits while nothing is done; a session that waits for a lock of Bascule's is counted."""
    probes = load_product(folder).probes
    quiet = usual(database, probes)
    assert quiet.probes >= 40
    assert quiet.waiting_for_us == 0
    assert 0 < quiet.median_ms <= quiet.p95_ms <= quiet.longest_ms
    with (
        database.opened_many(2) as (ours, looking),
        host.connect(database.endpoint.dbname) as user,
        watched(database, probes) as watch,
        ThreadPoolExecutor(1) as pool,
    ):
        with ours.transaction():
            ours.execute("LOCK TABLE erp.part IN ACCESS EXCLUSIVE MODE")
            waiting = pool.submit(user.execute, "SELECT count(*) FROM erp.part")
            assert wait_until(lambda: _is_waiting(looking), deadline_seconds=20)
            seen = watch.end()
        assert waiting.result().fetchall() == [(0,)]
    assert seen.waiting_for_us == 1
    assert seen.longest_transaction_ms > 0


def _is_waiting(session: Session) -> bool:
    found = session.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall()
    return found == [(1,)]
