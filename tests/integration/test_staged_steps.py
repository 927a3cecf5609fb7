"""The steps of a carried move between two real hosts: what is carried, what flows, what is left behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.archive import stage
from migrate.assess.path import is_reached_by_site
from migrate.compare.verdict import Comparison
from migrate.connections import Hosts
from migrate.errors import TransferError, Waiting
from migrate.files import passes
from migrate.freeze import unfreeze
from migrate.remote_jobs import FOLDER as JOBS
from migrate.step import StepContext, known_steps
from migrate.transfer.contract import Transferred
from migrate.transfer.postgresql_live import catalogue
from migrate.transfer.postgresql_live.sessions import at_work
from migrate.waiting import wait_until
from provisioning.manifest import Manifest
from tests.support.moves import Told
from tests.support.staging import HARD, Staged, a_staged_move, asking_for

BESIDE_WORK: tuple[tuple[str, dict[str, Any]], ...] = (
    ("start-replication", {}),
    ("copy-files", {"pass": "base"}),
    ("compare-live", {}),
)
SWITCH: tuple[tuple[str, dict[str, Any]], ...] = (
    ("catch-up", {}),
    ("copy-files", {"pass": "ready"}),
    ("compare-live", {}),
    ("freeze-legacy", {"limit_seconds": 600}),
    ("carry-changes", {}),
    ("final-sync", {}),
    ("compare-content", {}),
)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    with a_staged_move(tmp_path_factory.mktemp("staged"), HARD) as staged:
        yield staged


@pytest.fixture(params=["live", "bulk"])
def manifest(staged: Staged, request: pytest.FixtureRequest) -> Manifest:
    return asking_for(staged.move.manifest, staged.disk, delta=request.param)


@pytest.fixture
def ctx(staged: Staged, manifest: Manifest, request: pytest.FixtureRequest) -> Iterator[StepContext]:
    staged.move.manifest = manifest
    with staged.move.hosts() as hosts:
        before = found(staged, hosts)
        ctx = staged.move.context(hosts, attempt=f"replication-{request.node.name}")
        yield ctx
        unfreeze(ctx, "the test is over")
        act("abandon-replication", ctx)
        hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)
        assert catalogue.differences(before, found(staged, hosts)) == ()
        assert list((staged.move.legacy.folder / JOBS).glob("*dump*")) == []
        assert not (staged.move.site.folder / ".bascule/staged/alpenblick").exists()


def act(name: str, ctx: StepContext, **params: Any) -> dict[str, Any]:
    return known_steps()[name].act(StepContext(ctx.case, ctx.hosts, Told(), ctx.attempt, params))


def found(staged: Staged, hosts: Hosts) -> catalogue.Catalogue:
    with at_work(staged.task(hosts).source) as (source,):
        return catalogue.as_found(source)


def made_for(ctx: StepContext) -> str:
    """Return the one archive that was made for this attempt."""
    (archive,) = (
        desk.archive
        for desk in stage.desks(ctx.case)
        if (desk.begun.attempt, desk.begun.base) == (ctx.attempt, "")
    )
    return archive


def carry(ctx: StepContext) -> str:
    """Have the archive made, and load it; return its name."""
    with pytest.raises(Waiting) as waiting:
        act("carry-archive", ctx)
    archive = made_for(ctx)
    place = ctx.manifest.archive
    assert place is not None
    assert f"archive {archive} (" in waiting.value.what
    assert f"lies whole at {place.to} and has to be carried" in waiting.value.what
    assert waiting.value.next_step == (
        f"fab stage-in --tenant alpenblick --from {place.to} --archive {archive}, once it has arrived;"
        " then fab run --tenant alpenblick"
    )
    stage.stage_in(ctx.case, ctx.hosts, place.to, Told(), archive=archive)
    return archive


def no_path(*_: object, **__: object) -> Any:
    """Nothing leads from the site's host to legacy."""
    raise AssertionError("files were asked for over the network")


def test_carried_there_with_legacy_at_work(
    staged: Staged, ctx: StepContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What legacy wrote and filed while the disk travelled is at the site when the door could open."""
    legacy, is_live = staged.move.legacy, ctx.manifest.asked_mode == "staged"
    if not is_live:
        monkeypatch.setattr(passes, "start_sender", no_path)
        monkeypatch.setattr(passes, "open_line", no_path)
    fleeting = staged.documents / "verworfen.txt"
    fleeting.write_text("verworfen")
    legacy.psql("besa", 'DELETE FROM "Pflege".leer WHERE id >= 500')
    archive = carry(ctx)
    legacy.psql("besa", 'INSERT INTO "Pflege".leer SELECT generate_series(500, 520)')
    (staged.documents / "unterwegs.txt").write_text("unterwegs")
    fleeting.unlink()

    carried = act("carry-archive", ctx)

    assert carried["archive"] == archive
    assert carried["placed"]["documents"] > 60
    for name, params in BESIDE_WORK:
        act(name, ctx, **params)
    legacy.psql("besa", 'INSERT INTO "Pflege".leer VALUES (600)')
    results = {name: act(name, ctx, **params) for name, params in SWITCH}

    verdict = ctx.case.read_evidence("comparison", Comparison)
    assert verdict.agrees, verdict.summary
    assert verdict.trees[0].files > 60
    with staged.move.site.connect("besa") as site:
        rows = site.execute('SELECT count(*) FROM "Pflege".leer WHERE id >= 500').fetchone()
    assert rows == (22,)
    there = Path(ctx.hosts.site().files)
    assert (there / "unterwegs.txt").read_text() == "unterwegs"
    assert not (there / fleeting.name).exists()
    copied = ctx.case.read_evidence("transfer", Transferred).databases[0]
    if is_live:
        assert copied.mode == "staged-live"
        assert results["carry-changes"] == {"archive": None}
        assert act("arm-way-back", ctx)["main-db"]["round_trip_seconds"] > 0
        with staged.move.site.connect("besa") as site, legacy.connect("besa") as left:
            site.execute('INSERT INTO "Pflege".leer VALUES (700)')
            query = 'SELECT FROM "Pflege".leer WHERE id = 700'
            assert wait_until(lambda: left.execute(query).fetchone() is not None, deadline_seconds=20)
        known_steps()["arm-way-back"].undo(ctx)  # type: ignore[misc]  # it has one
    else:
        assert copied.mode == "staged"
        assert results["carry-changes"]["since"] == archive
        assert act("carry-changes", ctx) == {"archive": results["carry-changes"]["archive"]}


def test_another_archive_at_the_site_is_named_and_never_restored(staged: Staged, ctx: StepContext) -> None:
    """An archive of another attempt keeps the move waiting, by name; nothing of it reaches the database."""
    earlier = StepContext(ctx.case, ctx.hosts, Told(), f"{ctx.attempt}0", {})
    archive = carry(earlier)
    if ctx.manifest.asked_mode == "staged":
        # Legacy keeps what changed since, so it serves any attempt: until that is given back.
        assert act("carry-archive", ctx)["archive"] == archive
        stage.release(ctx.case, ctx.hosts)
    with pytest.raises(Waiting, match=f"what lies at the site is {archive}, another archive"):
        act("carry-archive", ctx)
    with pytest.raises(Waiting, match="another archive"):
        act("carry-archive", ctx)
    assert made_for(ctx) != archive
    with staged.move.site.connect("besa") as site:
        assert site.execute("SELECT to_regclass('\"Pflege\".leer')").fetchone() == (None,)


def test_abandoned_while_it_travels_says_what_the_disk_still_holds(staged: Staged, ctx: StepContext) -> None:
    """Legacy keeps nothing for an archive that is given up; the medium is named, with how to destroy it."""
    with pytest.raises(Waiting):
        act("carry-archive", ctx)
    archive = made_for(ctx)
    slots = "SELECT count(*) FROM pg_replication_slots"
    with staged.move.legacy.connect("besa") as legacy:
        assert legacy.execute(slots).fetchone() == (int(ctx.manifest.asked_mode == "staged"),)

    said = act("abandon-replication", ctx)["still_hold_data"]

    place = f"{staged.disk}/{archive}"
    expected = f"{place} still holds data, encrypted, wherever it was carried; to destroy it: rm -rf {place}"
    assert expected in said
    with staged.move.legacy.connect("besa") as legacy:
        assert legacy.execute(slots).fetchone() == (0,)
    assert Path(place).is_dir()


def test_without_a_place_nothing_is_written(staged: Staged, ctx: StepContext) -> None:
    """Where the assessment chose to carry and the manifest names no place, what to write there is said."""
    (database,) = ctx.manifest.legacy.databases
    bare = database.model_copy(update={"transfer": database.transfer.model_copy(update={"archive": None})})
    legacy = ctx.manifest.legacy.model_copy(update={"databases": (bare,)})
    staged.move.manifest = ctx.manifest.model_copy(update={"legacy": legacy})
    here = StepContext(staged.case, ctx.hosts, Told(), ctx.attempt, {})
    here.hosts.manifest = staged.move.manifest
    with pytest.raises(TransferError, match="does not say where the archive goes"):
        act("carry-archive", here)
    assert [desk for desk in stage.desks(here.case) if desk.begun.attempt == ctx.attempt] == []


def test_a_path_is_found_or_missed_from_the_sites_host(staged: Staged) -> None:
    """The site's host tries the database's own port; a port where nothing listens is no path."""
    (database,) = staged.move.manifest.legacy.databases
    with staged.move.hosts() as hosts:
        assert is_reached_by_site(hosts, database) is True
        assert is_reached_by_site(hosts, database.model_copy(update={"port": 1})) is False
