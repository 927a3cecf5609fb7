"""The steps from freeze to comparison in bulk mode, between two real hosts, forward and back."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from migrate.compare.verdict import Comparison
from migrate.connections import Hosts
from migrate.errors import DifferenceError, EvidenceError, FreezeError, TransferError
from migrate.freeze import Freeze, unfreeze
from migrate.step import StepContext, known_steps
from migrate.steps.transfer import FinalSync
from migrate.transfer.contract import Transferred
from tests.support.moves import Move, a_move

ORDER = ("freeze-legacy", "final-sync", "compare-content")


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("steps")) as move:
        move.legacy.psql(
            "besa",
            "CREATE TABLE resident (id int PRIMARY KEY, name text); INSERT INTO resident VALUES (1, 'Zoë')",
        )
        (move.legacy.folder / "documents" / "brief.txt").write_text("Guten Tag")
        yield replace(move, manifest=move.manifest.model_copy(update={"mode": "bulk"}))


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        undo_all(move.context(hosts))
        # A lease that was lifted ends its attempt for good; the next test begins another migration.
        hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)


def act(name: str, ctx: StepContext) -> dict[str, Any]:
    return known_steps()[name].act(ctx)


def undo_all(ctx: StepContext) -> None:
    for name in reversed(ORDER):
        if (undo := known_steps()[name].undo) is not None:
            undo(ctx)


def _writes(move: Move) -> bool:
    try:
        with move.legacy.connect("besa") as client:
            client.execute("UPDATE resident SET name = name")
    except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege):
        return False
    return True


def test_forward_and_back(move: Move, hosts: Hosts) -> None:
    """The steps move and prove everything; undone in turn they leave legacy at work and the site empty."""
    ctx = move.context(hosts)

    results = {name: act(name, ctx) for name in ORDER}

    assert results["compare-content"]["rows"] == 1
    assert not _writes(move)
    case = ctx.case
    assert case.read_evidence("freeze", Freeze).attempt == "realisation-1"
    assert case.read_evidence("transfer", Transferred).databases[0].tables == 1
    assert case.read_evidence("final-sync", FinalSync).trees[0].files == 1
    assert case.read_evidence("comparison", Comparison).agrees
    journal = case.journal.path.read_text() + "".join(
        path.read_text() for path in (case.folder / "evidence").iterdir()
    )
    for secret in (
        move.legacy.superuser_password,
        move.outputs.database.migration.password.get_secret_value(),
    ):
        assert secret not in journal

    undo_all(ctx)

    assert _writes(move)
    with move.site.connect("besa") as client:
        assert client.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_every_step_may_be_repeated(move: Move, hosts: Hosts) -> None:
    """Each step done twice in one attempt ends as if done once."""
    ctx = move.context(hosts)
    for name in ORDER:
        act(name, ctx)
        act(name, ctx)
    assert ctx.case.read_evidence("comparison", Comparison).agrees


def test_nothing_is_copied_from_a_legacy_system_at_work(move: Move, hosts: Hosts) -> None:
    """Without a freeze of this very attempt nothing is copied, and the error says so."""
    for name in ORDER[1:]:
        # The first when nothing was ever frozen, the second when it was and is no more.
        with pytest.raises(
            (EvidenceError, FreezeError), match=r"no evidence 'freeze'|nothing is frozen there"
        ):
            act(name, move.context(hosts))
    act("freeze-legacy", move.context(hosts))
    with pytest.raises(FreezeError, match="server is frozen by realisation-1, not by realisation-2"):
        act("final-sync", move.context(hosts, attempt="realisation-2"))


def test_an_open_site_is_never_overwritten(move: Move, hosts: Hosts) -> None:
    """Copying onto a site with an open door is refused, and so is emptying it."""
    open_site = move.outputs.model_copy(
        update={"door": move.outputs.door.model_copy(update={"command": "echo open"})}
    )
    stack = move.manifest.stack("prod")
    with Hosts(hosts.workspace, move.manifest, _sites={stack: open_site}) as opened:
        ctx = move.context(opened)
        sync = known_steps()["final-sync"]
        assert sync.undo is not None
        for deed in (sync.act, sync.undo, known_steps()["copy-files"].act):
            with pytest.raises(TransferError, match="the door of alpenblick-prod is open"):
                deed(ctx)


def test_a_difference_stops_the_move(move: Move, hosts: Hosts) -> None:
    """A changed character on the site, or a changed file, stops the move and is kept as evidence."""
    ctx = move.context(hosts)
    for name in ORDER[:2]:
        act(name, ctx)
    move.site.psql("besa", "UPDATE resident SET name = 'Zoe'")
    (move.site.folder / "files" / "brief.txt").write_text("Guten tag")
    with pytest.raises(DifferenceError, match=r"(?s)public\.resident.*"):
        act("compare-content", ctx)
    found = ctx.case.read_evidence("comparison", Comparison)
    assert (found.agrees, found.differing_files) == (False, 1)


def test_a_lease_that_ran_out_ends_the_attempt(move: Move, hosts: Hosts) -> None:
    """Once legacy has lifted the freeze, the attempt's steps refuse to go on; its undos still work."""
    ctx = move.context(hosts)
    act("freeze-legacy", ctx)
    unfreeze(ctx, "nobody renewed the lease for 60 seconds")
    with pytest.raises(FreezeError, match=r"server lifted the freeze of realisation-1 at .*nobody renewed"):
        act("final-sync", ctx)
