"""Every row is compared beside running work, in the freeze only what changed: the verdict is about all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.compare import changes
from migrate.compare.frozen import SESSIONS, compare_changed
from migrate.compare.live import compare_live
from migrate.compare.verdict import BaseComparison, DatabaseComparison
from tests.support.flowing import Flowing, flowing

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
MORE = """
CREATE TABLE viele (id int PRIMARY KEY, was text, geheimes_wort text);
INSERT INTO viele SELECT n, repeat(md5(n::text), 4), md5(n::text) FROM generate_series(1, 30000) n;
CREATE TABLE nach_text (k text PRIMARY KEY, n int);
INSERT INTO nach_text SELECT md5(n::text), n FROM generate_series(1, 3000) n;
ALTER TABLE "Pflege".ohne_schluessel REPLICA IDENTITY FULL;
CREATE UNLOGGED TABLE fluechtig (id int PRIMARY KEY, was text);
INSERT INTO fluechtig SELECT n, 'x' FROM generate_series(1, 50) n;
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flowing]:
    with flowing(tmp_path_factory.mktemp("live"), HARD + MORE) as flow:
        yield flow


@pytest.fixture
def store(flow: Flowing, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "compare.sqlite"
    changes.end("alpenblick", "besa", flow.source, flow.target)


def live(flow: Flowing, store: Path, patience_seconds: float = 10.0) -> BaseComparison:
    return compare_live(
        "besa", flow.source, flow.target, tenant="alpenblick", store=store, patience_seconds=patience_seconds
    )


def frozen(flow: Flowing, store: Path) -> DatabaseComparison:
    """The verdict at the position that the drain tells."""
    with flow.source.opened_many(SESSIONS) as source, flow.target.opened_many(SESSIONS) as target:
        at, there = flow.drain()
        return compare_changed(store, source, target, name="besa", source_position=at, target_position=there)


def told(found: DatabaseComparison) -> list[str]:
    rows = [
        f"{table.name}: {row.kind} {row.key}" for table in found.differing_tables for row in table.differing
    ]
    return rows + [f"{difference.kind} {difference.name}" for difference in found.differences]


def test_base_then_changes_make_a_verdict_about_every_row(flow: Flowing, store: Path) -> None:
    """A faithful copy that was written to meanwhile agrees, and few of its rows were read in the freeze."""
    base = live(flow, store)
    assert base.agrees, base.different
    assert {t.name: t.way for t in base.tables}["public.viele"] == "ranges"
    flow.write(
        "UPDATE viele SET was = 'neu' WHERE id <= 300; DELETE FROM viele WHERE id BETWEEN 1000 AND 1009;"
        "INSERT INTO viele VALUES (100001, 'x', 'y'); UPDATE viele SET id = 100002 WHERE id = 2000;"
        'UPDATE "Pflege"."Bewohnerübersicht" SET punkte = 1.00 WHERE id = 7;'
        "INSERT INTO \"Pflege\".ohne_schluessel VALUES ('2026-01-01', 'neu')"
    )
    found = frozen(flow, store)
    assert told(found) == []
    assert found.agrees
    (viele,) = [t for t in found.tables if t.name == "public.viele"]
    assert (viele.source_rows, viele.target_rows, viele.changed_rows) == (29991, 29991, 313)
    assert found.rows == 29991 + 3000 + 500 + 11 + 300 + 1 + 1 + 3 + 50
    print(found.seconds)
