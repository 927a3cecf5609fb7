"""A target that is upgraded while changes flow onto it: in step, turned round, and equal to its source."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.compare.run import compare
from migrate.product import in_step
from migrate.product.description import Hop, Probe, Product, ProductError, UpgradeStep
from migrate.product.in_step import InStep
from migrate.product.order import FileTicket, Order, Ordered
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import end, let_go
from migrate.transfer.postgresql_live.settle import settle
from migrate.transfer.postgresql_live.turn import prepare_turn, turn
from tests.support.live import LiveMove, a_live_move
from tests.support.moves import Told

SCHEMA = """
CREATE SCHEMA archive;
CREATE TABLE archive.system (version text NOT NULL PRIMARY KEY);
CREATE TABLE archive.case_file (id int PRIMARY KEY, title text);
CREATE SEQUENCE archive.number;
INSERT INTO archive.system VALUES ('8');
INSERT INTO archive.case_file VALUES (1, 'one');
"""
ADDS = """
CREATE SCHEMA archive9;
CREATE UNLOGGED TABLE archive9.seen (id int);
CREATE MATERIALIZED VIEW archive9.titles AS SELECT title FROM archive.case_file;
CREATE TABLE archive9.setting (name text PRIMARY KEY, value text);
INSERT INTO archive9.setting VALUES ('version', '9');
CREATE SEQUENCE archive9.drawn;
CREATE VIEW archive9.case_file AS SELECT id, upper(title) AS title FROM archive.case_file;
"""
VERSION = """
SELECT CASE WHEN to_regnamespace('archive9') IS NULL THEN (SELECT version FROM archive.system) ELSE '9' END
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMove]:
    with a_live_move(tmp_path_factory.mktemp("in-step"), SCHEMA) as live:
        owns = "ALTER SCHEMA archive OWNER TO app_owner"
        tables = [f"ALTER TABLE archive.{name} OWNER TO app_owner" for name in ("system", "case_file")]
        live.do(live.site, owns, *tables, "ALTER SEQUENCE archive.number OWNER TO app_owner")
        live.do(live.site, "GRANT CREATE ON DATABASE besa TO app_owner")
        yield live


def upgraded(live: LiveMove, folder: Path, text: str) -> InStep:
    """Upgrade the target by one hop with this SQL."""
    (folder / "9.sql").write_text(text)
    step = UpgradeStep.model_validate({"name": "schema", "sql": "9.sql"})
    product = Product(
        name="archive",
        title="Archive",
        versions=("8", "9"),
        version=VERSION,
        schemas=("archive",),
        upgrades=(Hop.model_validate({"from": "8", "to": "9", "steps": (step,)}),),
        probes=(Probe(name="one", sql="SELECT 1"),),
    )
    order = Order(product="products/archive", to="9", ticket=FileTicket(kind="file", path="ticket.json"))
    ordered = Ordered(order, product, folder)
    return in_step.upgrade(live.task.target, "app_owner", "app_user", ordered, "8", Told())


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("ALTER TABLE archive.case_file ADD COLUMN more text;", "column archive.case_file.more"),
        ("UPDATE archive.case_file SET title = 'other';", "rows of archive.case_file were written"),
        ("CREATE INDEX ON archive.case_file (title);", "index archive.case_file"),
        (
            "CREATE TABLE archive9.note (of int REFERENCES archive.case_file);",
            "a foreign key of archive9.note points at what flows",
        ),
        ("SELECT 1 / 0;", "division by zero"),
    ],
)
def test_an_upgrade_that_touches_what_flows_is_taken_back(
    live: LiveMove, tmp_path: Path, does: str, told: str
) -> None:
    """What both sides have may not change: the upgrade is refused by name, and nothing of it is left."""
    with pytest.raises(ProductError) as refused:
        upgraded(live, tmp_path, ADDS + does)
    assert told in refused.value.what
    assert live.rows(live.site, "SELECT to_regnamespace('archive9') IS NULL") == [(True,)]


def test_what_was_upgraded_goes_live_and_back_with_every_change(live: LiveMove, tmp_path: Path) -> None:
    """Changes flow onto the upgraded target, both sides compare equal, the flow turns both ways."""
    found = upgraded(live, tmp_path, ADDS)
    assert (found.schemas, [hop.to_version for hop in found.hops]) == (("archive9",), ["9"])
    assert upgraded(live, tmp_path, ADDS).hops == ()  # a repeat finds nothing to do

    live.do(live.legacy, "INSERT INTO archive.case_file VALUES (2, 'two'); SELECT nextval('archive.number')")
    assert live.arrives(live.site, "SELECT title FROM archive9.case_file ORDER BY id", [("ONE",), ("TWO",)])
    prepare_turn(live.task)
    drain(live.task, timeout_seconds=20)
    settle(live.task)
    verdict = compare("main-db", live.task.source, live.task.target)
    assert (verdict.agrees, sum(t.source_rows or 0 for t in verdict.tables)) == (True, 3)

    turn(live.task, timeout_seconds=20)
    live.do(live.site, "INSERT INTO archive9.setting VALUES ('colour', 'blue')")
    live.do(live.site, "INSERT INTO archive.case_file VALUES (3, 'three')")
    assert live.arrives(live.legacy, "SELECT max(id) FROM archive.case_file", [(3,)])
    let_go(live.task)

    # And back, with what was written on the site in what both versions have; then once more.
    back = live.task.turned()
    prepare_turn(back)
    drain(back, timeout_seconds=20)
    settle(back)
    assert compare("main-db", back.source, back.target).agrees
    turn(back, timeout_seconds=20)
    let_go(back)
    live.do(live.legacy, "INSERT INTO archive.case_file VALUES (4, 'four')")
    assert live.arrives(live.site, "SELECT max(id) FROM archive9.case_file", [(4,)])
    prepare_turn(live.task)
    drain(live.task, timeout_seconds=20)
    settle(live.task)
    assert compare("main-db", live.task.source, live.task.target).agrees
    turn(live.task, timeout_seconds=20)
    let_go(live.task)
    assert live.rows(live.site, "SELECT value FROM archive9.setting WHERE name = 'colour'") == [("blue",)]
    assert end(live.task) == ()

    assert in_step.adopt(live.task.target, "app_owner") == ["archive9"]
    assert not compare("main-db", live.task.source, live.task.target).agrees  # it is the site's own now
