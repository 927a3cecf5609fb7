"""A freeze ends at its limit, renewed or not, and after a failed opening; legacy and site alike."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from migrate.connections import Hosts
from migrate.errors import FreezeError
from migrate.fence.side import HalfThawed
from migrate.fence.site import (
    commit_site_fence,
    fence_site,
    keep_site_alive,
    require_site_held,
    site_remaining,
    site_side,
    unfence_site,
)
from migrate.freeze import (
    begin_lease,
    commit_freeze,
    freeze,
    keep_alive,
    leases,
    remaining,
    require_held,
    unfreeze,
)
from migrate.lease import Lease, LeaseLost
from migrate.position import standing
from migrate.remote_jobs import Job
from migrate.step import known_steps
from migrate.waiting import wait_until
from provisioning.site import DatabaseRole
from tests.support.fenced import SCHEMA, refused, rights
from tests.support.moves import Move, a_move


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    """Both sides with the same rights; the site has a mover, as while a move lasts."""
    with a_move(tmp_path_factory.mktemp("limit")) as move:
        for host in (move.legacy, move.site):
            host.psql("besa", SCHEMA)
        move.site.psql("besa", "GRANT CONNECT ON DATABASE besa TO PUBLIC")
        mover = DatabaseRole(name="postgres", password=SecretStr(move.site.superuser_password))
        database = move.outputs.database.model_copy(update={"mover": mover})
        yield replace(move, outputs=move.outputs.model_copy(update={"database": database}))


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    """Connections; whatever a test froze is lifted after it, and each side is as it was."""
    before = rights(move.legacy), rights(move.site)
    with move.hosts() as hosts:
        yield hosts
        unfreeze(move.context(hosts))
        unfence_site(move.context(hosts))
        for connection in (hosts.legacy("server"), hosts.target()):
            connection.run("rm -rf .bascule/lease .bascule/lease-site", hide=True, in_stream=False)
    assert (rights(move.legacy), rights(move.site)) == before


def _legacy_is_shut(move: Move) -> bool:
    return refused(move.legacy, "ward_owner", "UPDATE ward.own SET note = 'x'")


def _site_is_shut(move: Move) -> bool:
    return refused(move.site, "ward_owner", "UPDATE ward.own SET note = 'x'")


def test_over_the_limit_legacy_works_again_although_renewed(move: Move, hosts: Hosts) -> None:
    """The host lifts the freeze at its limit by itself; whoever went on is told why he may not."""
    before = rights(move.legacy)
    ctx = move.context(hosts, params={"limit_seconds": 6})
    frozen = freeze(ctx)
    assert frozen.until is not None
    assert frozen.limit_seconds == 6
    left = remaining(ctx)
    assert left is not None
    assert 0 < left <= 6
    with keep_alive(ctx):
        require_held(ctx)
        assert wait_until(lambda: not _legacy_is_shut(move), deadline_seconds=30)
        assert wait_until(lambda: leases(ctx)[0].look().state == "lifted", deadline_seconds=10)
    assert rights(move.legacy) == before
    over = r"server lifted the freeze of realisation-1 at .*: over the limit of 6 s"
    with pytest.raises(LeaseLost, match=over):
        require_held(ctx)
    with pytest.raises(LeaseLost, match=over):
        commit_freeze(ctx)
    assert remaining(ctx) is None


def test_a_repeated_freeze_gets_no_more_time(move: Move, hosts: Hosts) -> None:
    """The limit counts from the first beginning; a live move has one by default, a bulk one has none."""
    ctx = move.context(hosts, params={"mode": "live"})
    freeze(ctx)
    assert freeze(ctx).limit_seconds == 30
    clock = "cd .bascule/lease/alpenblick && echo 500 $(($(cut -d. -f1 /proc/uptime) - 100)) > limit"
    hosts.legacy("server").run(clock, hide=True, in_stream=False)
    freeze(ctx)
    left = remaining(ctx)
    assert left is not None
    assert left < 401
    unfreeze(ctx)
    bulk = move.context(hosts, attempt="realisation-2")
    freeze(bulk)
    assert remaining(bulk) is None


def test_a_commit_comes_too_late_after_the_limit(move: Move, hosts: Hosts) -> None:
    """Over the limit nothing is committed, even before the keeper has noticed: it is dead here."""
    ctx = move.context(hosts, params={"limit_seconds": 300})
    freeze(ctx)
    Job(hosts.legacy("server"), "keeper-alpenblick").discard()
    clock = "cd .bascule/lease/alpenblick && echo 30 $(($(cut -d. -f1 /proc/uptime) - 31)) > limit"
    hosts.legacy("server").run(clock, hide=True, in_stream=False)

    with pytest.raises(LeaseLost, match="server: the freeze of realisation-1 is over its limit of 30 s"):
        commit_freeze(ctx)


def test_a_restarted_host_counts_as_over_the_limit(move: Move, hosts: Hosts) -> None:
    """An uptime before that of the freeze means a restart: what was frozen is lifted, by the next keeper."""
    ctx = move.context(hosts, params={"limit_seconds": 300})
    freeze(ctx)
    keeper = Job(hosts.legacy("server"), "keeper-alpenblick")
    keeper.discard()
    restarted = "cd .bascule/lease/alpenblick && echo 300 999999999 > limit"
    hosts.legacy("server").run(restarted, hide=True, in_stream=False)
    assert _legacy_is_shut(move)

    leases(ctx)[0].renew()

    assert wait_until(lambda: leases(ctx)[0].look().state == "lifted", deadline_seconds=20)
    assert not _legacy_is_shut(move)


def test_a_flip_that_fails_after_the_commit_ends_thawed(move: Move, hosts: Hosts) -> None:
    """The freeze was given up for good, then the door did not open: its undo makes legacy writable."""
    before = rights(move.legacy)
    ctx = move.context(hosts, params={"mode": "live"})
    step = known_steps()["freeze-legacy"]
    step.act(ctx)
    commit_freeze(ctx)
    assert _legacy_is_shut(move)
    assert step.undo is not None

    undone = step.undo(ctx)

    assert undone["lifted"]["server"]
    assert not _legacy_is_shut(move)
    assert rights(move.legacy) == before


def test_without_its_lease_legacy_is_thawed_all_the_same(move: Move, hosts: Hosts) -> None:
    """What lifts a freeze lies in the database: where the lease's folder is lost, unfreezing still works."""
    ctx = move.context(hosts)
    freeze(ctx)
    Job(hosts.legacy("server"), "keeper-alpenblick").discard()
    hosts.legacy("server").run("rm -rf .bascule/lease", hide=True, in_stream=False)

    unfreeze(ctx)

    assert not _legacy_is_shut(move)


def test_a_lift_that_stops_half_way_says_that_users_may_be_at_work(move: Move, hosts: Hosts) -> None:
    """The database is open again and the host cannot finish the rest: nobody may take that for frozen."""
    ctx = move.context(hosts)
    freeze(ctx)
    Job(hosts.legacy("server"), "keeper-alpenblick").discard()
    broken = "cd .bascule/lease/alpenblick && mv lift lift.away && echo 'exit 1' > lift"
    hosts.legacy("server").run(broken, hide=True, in_stream=False)

    with pytest.raises(HalfThawed, match="lifting the freeze ended with 1"):
        unfreeze(ctx)

    assert not _legacy_is_shut(move)
    mended = "cd .bascule/lease/alpenblick && mv lift.away lift"
    hosts.legacy("server").run(mended, hide=True, in_stream=False)
    assert unfreeze(ctx)["server"].state == "lifted"


def test_a_killed_freeze_left_word_of_its_end(move: Move, hosts: Hosts) -> None:
    """The journal says until when legacy stays frozen, before anything is."""
    ctx = move.context(hosts, params={"limit_seconds": 200})
    begin_lease(ctx)
    freeze(ctx)
    record = ctx.case.journal.last("legacy", "alpenblick")
    assert record is not None
    assert (record.data["state"], record.data["attempt"]) == ("read-only", "realisation-1")
    assert standing(ctx.case.journal).legacy == "read-only"


def test_the_site_is_fenced_like_legacy(move: Move, hosts: Hosts) -> None:
    """The way back: a lease of the site's own, renewed, watched, lifted; legacy's is another."""
    ctx = move.context(hosts, attempt="rollback-1")
    frozen = fence_site(ctx)
    assert (frozen.limit_seconds, frozen.databases[0].held_by) == (30, "rights")
    assert _site_is_shut(move)
    assert not _legacy_is_shut(move)
    with keep_site_alive(ctx) as renewal:
        require_site_held(ctx)
        assert renewal.lost == {}
    assert leases(ctx)[0].look().state == "absent"
    assert site_side(ctx).leases[0].look().state == "armed"

    unfence_site(ctx)

    assert not _site_is_shut(move)
    with pytest.raises(LeaseLost, match=r"alpenblick-prod lifted the freeze of rollback-1 at .*: called off"):
        require_site_held(ctx)


def test_over_the_limit_the_site_works_again(move: Move, hosts: Hosts) -> None:
    """A rollback that takes too long leaves the tenant at work on the site."""
    ctx = move.context(hosts, attempt="rollback-1", params={"limit_seconds": 4})
    fence_site(ctx)
    left = site_remaining(ctx)
    assert left is not None
    assert left <= 4
    with keep_site_alive(ctx):
        assert wait_until(lambda: not _site_is_shut(move), deadline_seconds=30)
        assert wait_until(lambda: site_side(ctx).leases[0].look().state == "lifted", deadline_seconds=10)
    with pytest.raises(FreezeError, match="over the limit of 4 s"):
        commit_site_fence(ctx)


def test_a_second_way_back_after_a_second_going_live(move: Move, hosts: Hosts) -> None:
    """A site that was given up and opened again may be fenced anew; one still shut belongs to its attempt."""
    first = move.context(hosts, attempt="rollback-1")
    fence_site(first)
    commit_site_fence(first)
    second = move.context(hosts, attempt="rollback-2")
    with pytest.raises(LeaseLost, match="alpenblick-prod is frozen by rollback-1, not by rollback-2"):
        fence_site(second)
    site_side(first).databases[0].fence.lift(site_side(first).databases[0].database)

    fence_site(second)

    require_site_held(second)


def test_two_tenants_sites_on_one_host_do_not_meet(move: Move, hosts: Hosts) -> None:
    """Leases of several sites lie beside each other, each with a keeper of its own."""
    ctx = move.context(hosts, attempt="rollback-1")
    fence_site(ctx)
    other = Lease(hosts.target(), "birkenhof-prod", "birkenhof", side="site")
    other.arm("rollback-7", 60, [])

    other.lift({}, "called off")

    require_site_held(ctx)
    assert Job(hosts.target(), "keeper-site-alpenblick-prod").look().state == "running"
