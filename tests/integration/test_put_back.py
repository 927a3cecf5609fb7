"""Customisations put back on a site as they were decided, tested there, and files taken back by the undo."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.case import write_whole
from migrate.connections import Hosts
from migrate.product import put_back
from migrate.product.customisations import Customisation, Customisations
from migrate.product.decisions import Decision
from migrate.product.description import Product, ProductError, load_product
from migrate.product.objects import Object
from migrate.product.put_back import Decided
from tests.support.moves import Move, a_move
from tests.support.product import INSTALL, product_folder

MARGIN = b"""
CREATE OR REPLACE FUNCTION erp.margin(price numeric) RETURNS numeric LANGUAGE sql AS 'SELECT price * 2'
"""
A_FIRST = b"CREATE OR REPLACE VIEW erp.a_first AS SELECT * FROM erp.b"
B = b"CREATE OR REPLACE VIEW erp.b AS SELECT erp.margin(1) AS m"
REPORT = "documents/reports/note.txt"


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("put-back")) as here:
        here.site.psql("besa", f"GRANT CREATE ON DATABASE besa TO app_owner; SET ROLE app_owner; {INSTALL}")
        yield here


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return load_product(product_folder(tmp_path / "product"))


def decided(kind: str, name: str, change: str, decision: str, text: bytes | None, **test: str) -> Decided:
    one = Customisation.model_validate({"kind": kind, "name": name, "change": change, "lines": 1})
    said: dict[str, Any] = {"id": one.id, "decision": decision, "by": "chef@birke.example"}
    return one, Decision.model_validate({**said, "test": test or None}), text


def put(hosts: Hosts, product: Product, *each: Decided) -> dict[str, str]:
    return {one.id: one.what for one in put_back.put_back(hosts, "prod", product, each)}


def asked(move: Move, query: str) -> list[tuple[object, ...]]:
    with move.site.connect("besa") as session:
        return session.execute(query.encode()).fetchall()


def test_each_is_as_it_was_decided(move: Move, product: Product) -> None:
    """Put back, replaced or taken out, whatever rests on what; a second time nothing differs."""
    every = (
        # By name the first rests on the second: no order is known but by trying.
        decided("view", "erp.a_first", "added", "keep", A_FIRST),
        decided("view", "erp.b", "added", "keep", B),
        decided("function", "erp.margin(numeric)", "changed", "keep", MARGIN),
        decided("view", "erp.cheap", "removed", "keep", None),
        decided("trigger", "t ON erp.part", "added", "keep",
                b"CREATE TRIGGER t BEFORE UPDATE ON erp.part FOR EACH ROW"
                b" EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
        decided("report", REPORT, "added", "replace", b"new\n"),
        decided("report", "documents/reports/gone.txt", "added", "drop", None),
    )  # fmt: skip
    with move.hosts() as hosts:
        (move.site.folder / "files" / "reports").mkdir(exist_ok=True)
        (move.site.folder / "files" / "reports" / "gone.txt").write_text("x")
        for _ in range(2):
            assert put(hosts, product, *every) == {
                "function erp.margin(numeric)": "put back",
                "report documents/reports/gone.txt": "taken out",
                f"report {REPORT}": "put back",
                "trigger t ON erp.part": "put back",
                "view erp.a_first": "put back",
                "view erp.b": "put back",
                "view erp.cheap": "taken out",
            }
    assert asked(move, "SELECT m = 2 FROM erp.a_first") == [(True,)]
    assert asked(move, "SELECT to_regclass('erp.cheap')") == [(None,)]
    assert [path.name for path in (move.site.folder / "files" / "reports").iterdir()] == ["note.txt"]

    drop = (
        decided("view", "erp.b", "added", "drop", None),
        decided("view", "erp.a_first", "added", "drop", None),
        decided("trigger", "t ON erp.part", "added", "drop", None),
    )
    with move.hosts() as hosts:
        assert set(put(hosts, product, *drop).values()) == {"taken out"}
    assert asked(
        move, "SELECT to_regclass('erp.b'), (SELECT count(*) FROM pg_trigger WHERE tgname = 't')"
    ) == [(None, 0)]


def test_an_index_and_a_grant_are_put_back(move: Move, product: Product) -> None:
    """An index that is there already is not made anew; a grant is given as it was, and taken out whole."""
    index = b"CREATE INDEX part_price ON erp.part USING btree (price);\n"
    grant = b"GRANT SELECT (id) ON TABLE erp.part TO pg_monitor;\n"
    keep = (
        decided("index", "erp.part_price", "added", "keep", index),
        decided("grant", "pg_monitor ON TABLE erp.part", "added", "keep", grant),
    )
    rights = "SELECT has_column_privilege('pg_monitor', 'erp.part', 'id', 'SELECT'),"
    rights += " has_table_privilege('pg_monitor', 'erp.part', 'UPDATE')"
    with move.hosts() as hosts:
        for _ in range(2):
            assert set(put(hosts, product, *keep).values()) == {"put back"}
        made = asked(move, "SELECT 'erp.part_price'::regclass::oid")
        move.site.psql("besa", "GRANT UPDATE ON erp.part TO pg_monitor")
        put(hosts, product, *keep)
        assert asked(move, "SELECT 'erp.part_price'::regclass::oid") == made
        assert asked(move, rights) == [(True, False)]
        another = index.replace(b"(price)", b"(price DESC)")
        put(hosts, product, decided("index", "erp.part_price", "added", "keep", another))
        assert asked(move, "SELECT 'erp.part_price'::regclass::oid") != made
        drop = [(one, decision.model_copy(update={"decision": "drop"}), None) for one, decision, _ in keep]
        assert set(put(hosts, product, *drop).values()) == {"taken out"}
    assert asked(move, "SELECT to_regclass('erp.part_price')") == [(None,)]
    assert asked(move, rights) == [(False, False)]


def test_a_text_that_the_server_refuses_changes_nothing(move: Move, product: Product) -> None:
    """All of the database's, or none: what would have gone well is taken back with it."""
    well = decided("view", "erp.well", "added", "keep", b"CREATE VIEW erp.well AS SELECT 1")
    ill = decided("view", "erp.ill", "added", "keep", b"CREATE VIEW erp.ill AS SELECT nowhere")
    with move.hosts() as hosts, pytest.raises(ProductError) as refused:
        put(hosts, product, well, ill)
    assert 'view erp.ill cannot be put back: column "nowhere" does not exist' in str(refused.value)
    assert asked(move, "SELECT to_regclass('erp.well')") == [(None,)]


def test_a_table_that_did_not_survive_is_told(move: Move, product: Product) -> None:
    """A customer's table comes with its rows; an upgrade that lost it is no upgrade."""
    with (
        move.hosts() as hosts,
        pytest.raises(ProductError, match=r"table erp\.lost did not survive the upgrade"),
    ):
        put(hosts, product, decided("table", "erp.lost", "added", "keep", None))


def test_an_acceptance_test_passes_on_true_alone(move: Move) -> None:
    """Anything but one true, an error and a script that fails have failed; nothing of a test stays."""
    tests = {
        "true": {"sql": "SELECT true"},
        "null": {"sql": "SELECT null"},
        "rows": {"sql": "VALUES (true), (true)"},
        "wrong": {"sql": "SELECT nowhere"},
        "writes": {
            "sql": "WITH made AS (INSERT INTO erp.part VALUES (7, 7) RETURNING id) SELECT id = 7 FROM made"
        },
        "script": {"command": "true"},
        "fails": {"command": "echo no paper >&2; exit 4"},
    }
    every = [Decision.model_validate({"id": name, "test": test}) for name, test in tests.items()]
    with move.hosts() as hosts:
        found = {one.id: one for one in put_back.run_tests(hosts, "prod", every)}
    assert [name for name, one in found.items() if one.passed] == ["true", "writes", "script"]
    assert found["fails"].says == "no paper"
    assert found["wrong"].says == 'column "nowhere" does not exist'
    assert asked(move, "SELECT count(*) FROM erp.part") == [(0,)]


def test_the_undo_brings_the_customers_files_back(move: Move, product: Product) -> None:
    """After a fallback the site has the files that legacy has, so that the next pass finds nothing odd."""
    mine = Object("report", REPORT, b"the customer's\n")
    one = Customisation(kind="report", name=REPORT, change="changed", sha256=mine.sha256, lines=1)
    found = Customisations(product="atelier", version="5", compared=1, found=(one,))
    with move.hosts() as hosts:
        case = move.context(hosts).case
        write_whole(case.folder / "customisations" / "found" / mine.sha256, mine.text)
        put(hosts, product, decided("report", REPORT, "changed", "replace", b"another\n"))
        for _ in range(2):
            put_back.undo_files(hosts, "prod", case, found)
            assert (move.site.folder / "files" / "reports" / "note.txt").read_bytes() == mine.text
