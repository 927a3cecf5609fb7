"""Files that were written on the site since go-live come back to legacy: the same passes, turned round."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.compare.trees import compare_tree
from migrate.connections import Hosts
from migrate.files import delta_pass, forget, last_pass, prepare, trees
from tests.support.moves import Move, Told, a_move


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("back")) as move:
        top = move.legacy.folder / "documents"
        (top / "akten").mkdir()
        for number in range(20):
            (top / "akten" / f"brief-{number}").write_text(f"Guten Tag {number}")
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts


def test_what_was_written_since_comes_back(move: Move, hosts: Hosts) -> None:
    """New, changed and removed on the site: so it is on legacy, and the way forward is open again."""
    (tree,) = trees(hosts)
    legacy, site = move.legacy.folder / "documents", move.site.folder / "files"
    assert last_pass(tree, "realisation-1").comparison.agrees
    akten = Path("akten")
    (site / "nach dem umzug").write_text("on the site")
    (site / akten / "brief-0").write_text("on the site, again")
    (site / akten / "brief-1").unlink()
    back = tree.turned()
    delta_pass(back, "rollback-1", Told())
    assert (legacy / "nach dem umzug").read_text() == "on the site"
    prepare(back, "rollback-1", Told())
    (site / "zuletzt").write_text("just before")

    last = last_pass(back, "rollback-1")

    assert last.comparison.agrees
    assert (legacy / "zuletzt").read_text() == "just before"
    assert (legacy / akten / "brief-0").read_text() == "on the site, again"
    assert not (legacy / akten / "brief-1").exists()
    (legacy / "wieder hier").write_text("at work on legacy again")
    assert last_pass(tree, "realisation-2").comparison.agrees
    assert (site / "wieder hier").exists()
    forget(tree)
    assert compare_tree(tree).agrees
    for host in (move.site, move.legacy):
        assert [path for path in (host.folder / ".bascule").rglob("*") if path.is_file()] == []
