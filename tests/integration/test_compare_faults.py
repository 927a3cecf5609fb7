"""A rehearsal plants faults of every kind, its comparison finds each, and all of them are taken back."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from migrate.compare import changes
from migrate.compare.faults import plant, take_back
from migrate.compare.file_faults import flip_back, flip_bit
from migrate.compare.frozen import standing_by
from migrate.compare.live import compare_live
from migrate.compare.planted import Planted
from migrate.compare.run import compare
from migrate.compare.trees import compare_tree
from migrate.compare.verdict import Comparison, DatabaseComparison
from migrate.errors import DifferenceError, Refused
from migrate.files import Tree
from migrate.steps.compare import require_agreement
from tests.support.flowing import Flowing, flowing

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
MORE = """
CREATE TABLE notiz (id int PRIMARY KEY, was text);
INSERT INTO notiz SELECT n, 'Notiz ' || n FROM generate_series(1, 40) n;
"""
ALL = {
    "changed character",
    "truncated text",
    "lost row",
    "extra row",
    "sequence behind",
    "missing index",
    "cascade rule changed",
    "lost large object",
}


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flowing]:
    with flowing(tmp_path_factory.mktemp("faults"), HARD + MORE) as flow:
        yield flow


def planted_in(flow: Flowing) -> list[Planted]:
    with flow.target.opened() as session:
        return plant(session, flow.target.endpoint)


def taken_back(flow: Flowing, planted: list[Planted]) -> None:
    with flow.target.opened() as session:
        take_back(session, planted)


def missed(planted: list[Planted], found: DatabaseComparison) -> list[Planted]:
    return [fault for fault in planted if not fault.found_in(found)]


def test_every_fault_is_found_by_a_whole_comparison_and_taken_back(flow: Flowing) -> None:
    """One of each kind; a comparison before and after finds nothing."""
    before = compare("besa", flow.source, flow.target)
    assert before.agrees
    planted = planted_in(flow)
    found = compare("besa", flow.source, flow.target)
    assert {fault.kind for fault in planted} == ALL
    assert missed(planted, before) == planted
    assert missed(planted, found) == []
    taken_back(flow, planted)
    assert compare("besa", flow.source, flow.target).agrees


def test_every_fault_is_found_inside_the_freeze(flow: Flowing, tmp_path: Path) -> None:
    """Also when every row had been compared before the fault was planted."""
    store = tmp_path / "compare.sqlite"
    assert compare_live("besa", flow.source, flow.target, tenant="alpenblick", store=store).agrees
    with standing_by(store, "besa", flow.source, flow.target) as standby:
        planted = planted_in(flow)
        found = standby.verdict(*flow.drain())
    assert missed(planted, found) == []
    taken_back(flow, planted)
    with standing_by(store, "besa", flow.source, flow.target) as standby:
        assert standby.verdict(*flow.drain()).agrees
    changes.end("alpenblick", "besa", flow.source, flow.target)


def test_trap_17_a_difference_is_never_a_success(flow: Flowing) -> None:
    """Pgcopydb 1046: down to the last fault the verdict is no agreement, and an error of its own kind."""
    planted = planted_in(flow)
    while planted:
        found = compare("besa", flow.source, flow.target)
        now = datetime.now(UTC)
        verdict = Comparison(attempt="", started_at=now, ended_at=now, databases=(found,))
        assert not verdict.agrees
        with pytest.raises(DifferenceError, match="source and target differ"):
            require_agreement(verdict)
        taken_back(flow, [planted.pop()])
    assert compare("besa", flow.source, flow.target).agrees


def test_nothing_is_planted_in_any_other_database(flow: Flowing) -> None:
    """A session on the source, or on anything else than the rehearsal, is refused."""
    with flow.source.opened() as session, pytest.raises(Refused, match="only, not in besa on"):
        plant(session, flow.target.endpoint)
    assert compare("besa", flow.source, flow.target).agrees


def test_a_fault_does_not_show_what_a_row_was(flow: Flowing) -> None:
    """What undoes a fault holds a row's values; it is not printed with it."""
    planted = planted_in(flow)
    assert "Notiz" not in repr(planted)
    taken_back(flow, planted)


def test_a_flipped_bit_is_found_and_flipped_back(flow: Flowing) -> None:
    """Same size and time, one bit: only who reads the content finds it."""
    source, target = (host.folder / "tree" for host in (flow.legacy, flow.site))
    source.mkdir()
    (source / "empty").touch()
    (source / "scan 1.pdf").write_bytes(bytes(range(256)) * 10)
    shutil.copytree(source, target)  # with its times
    legacy, site = flow.source.through, flow.target.through
    tree = Tree("tree", legacy, flow.legacy.address, str(source), site, str(target))
    assert compare_tree(tree).agrees
    fault = flip_bit(flow.target.through, tree.target)
    assert fault is not None
    assert fault.found_in(compare_tree(tree))
    flip_back(flow.target.through, tree.target, fault)
    assert compare_tree(tree).agrees
