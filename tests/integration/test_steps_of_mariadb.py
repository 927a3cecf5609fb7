"""The steps from freeze to comparison for a tenant that leaves MariaDB, between two real hosts."""

from collections.abc import Iterator

import pytest

from migrate.compare.verdict import Comparison
from migrate.errors import DifferenceError, FreezeError, TransferError
from migrate.freeze import Freeze
from migrate.reach import require_all_answer
from migrate.step import StepContext, known_steps
from migrate.transfer.contract import Transferred
from tests.support.crossing import a_crossing, is_writable
from tests.support.mariadb_hosts import MariaServer
from tests.support.moves import Move

ORDER = ("freeze-legacy", "final-sync", "compare-content")


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Move, MariaServer]]:
    with a_crossing(tmp_path_factory.mktemp("crossing")) as both:
        yield both


@pytest.fixture
def ctx(crossing: tuple[Move, MariaServer]) -> Iterator[StepContext]:
    move, _ = crossing
    with move.hosts() as hosts:
        ctx = move.context(hosts)
        yield ctx
        undo_all(ctx)
        # A lease that was lifted ends its attempt for good; the next test begins another migration.
        hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)


def undo_all(ctx: StepContext) -> None:
    for name in reversed(ORDER):
        if (undo := known_steps()[name].undo) is not None:
            undo(ctx)


def test_everybody_answers(ctx: StepContext) -> None:
    """What a move asks before it begins reaches a MariaDB, too."""
    require_all_answer(ctx.hosts)


def test_forward_and_back(crossing: tuple[Move, MariaServer], ctx: StepContext) -> None:
    """Frozen, copied and compared by the ordinary steps; undone, legacy works and the site is empty."""
    move, legacy = crossing

    results = {name: known_steps()[name].act(ctx) for name in ORDER}

    assert not is_writable(legacy)
    assert results["compare-content"]["rows"] == 4 + 5 + 4 + 3
    case = ctx.case
    assert case.read_evidence("freeze", Freeze).databases[0].name == "main-db"
    assert case.read_evidence("transfer", Transferred).databases[0].engine == "mariadb"
    found = case.read_evidence("comparison", Comparison)
    assert found.agrees
    assert "view aktive: written in MariaDB's own language" in found.databases[0].not_compared
    kept = case.journal.path.read_text() + "".join(
        path.read_text() for path in (case.folder / "evidence").iterdir()
    )
    assert legacy.password not in kept

    undo_all(ctx)

    assert is_writable(legacy)
    with move.site.connect("besa") as client:
        assert client.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_every_step_may_be_repeated(ctx: StepContext) -> None:
    """Each step done twice in one attempt ends as if done once."""
    for name in ORDER:
        known_steps()[name].act(ctx)
        known_steps()[name].act(ctx)
    assert ctx.case.read_evidence("comparison", Comparison).agrees


def test_a_difference_stops_the_move(crossing: tuple[Move, MariaServer], ctx: StepContext) -> None:
    """One changed character on the site is found, with its table, and kept as evidence."""
    move, _ = crossing
    for name in ORDER[:2]:
        known_steps()[name].act(ctx)
    move.site.psql("besa", """UPDATE "Kunde" SET "Name" = 'Zurcher' WHERE "Id" = 1""")

    with pytest.raises(DifferenceError, match=r"(?s)Kunde: source 4 rows, target 4.*changed: "):
        known_steps()["compare-content"].act(ctx)

    assert not ctx.case.read_evidence("comparison", Comparison).agrees


def test_a_write_round_the_fence_stops_the_move(crossing: tuple[Move, MariaServer], ctx: StepContext) -> None:
    """What the move's own account, which the fence lets in, writes meanwhile is noticed."""
    _, legacy = crossing
    known_steps()["freeze-legacy"].act(ctx)
    legacy.sql("UPDATE alt SET was = 'anders' WHERE nr = 1")

    with pytest.raises(FreezeError, match=r"besa: 1 rows were written during the freeze"):
        known_steps()["final-sync"].act(ctx)


def test_live_to_another_engine_is_refused(crossing: tuple[Move, MariaServer], ctx: StepContext) -> None:
    """Nothing replicates from MariaDB into PostgreSQL; asked for, it is refused with the ways there are."""
    move, _ = crossing
    asked = move.context(ctx.hosts, params={"mode": "live"})
    with pytest.raises(TransferError, match="no transfer 'live' for mariadb to postgresql") as told:
        known_steps()["start-replication"].act(asked)
    assert "bulk for mariadb to postgresql" in told.value.next_step


def test_a_copy_is_taken_back(crossing: tuple[Move, MariaServer], ctx: StepContext) -> None:
    """`fab abandon` empties the site of what was copied; legacy was only read."""
    move, legacy = crossing
    for name in ORDER[:2]:
        known_steps()[name].act(ctx)

    known_steps()["abandon-replication"].act(ctx)

    assert is_writable(legacy)
    with move.site.connect("besa") as client:
        assert client.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_hosts_are_asked_as_their_engine_has_it(crossing: tuple[Move, MariaServer]) -> None:
    """A wrong password of the MariaDB account is told before anything is held."""
    move, _ = crossing
    password = move.legacy.folder / "etc" / "mariadb-password"
    right = password.read_text()
    password.write_text("another\n")
    try:
        with move.hosts() as hosts, pytest.raises(Exception, match="no connection as admin to besa"):
            require_all_answer(hosts)
    finally:
        password.write_text(right)
