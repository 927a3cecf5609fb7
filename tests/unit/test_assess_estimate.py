"""The estimated stop and the choice of a mode, from facts alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.assess.estimate import estimate_before, estimate_stop
from migrate.assess.facts import Database, StopEstimate, Target
from migrate.assess.mode import decide, overall
from tests.support import quoting

TARGET = Target(free_bytes=10**12, version_number=150010, available_extensions=())


def database(server: dict[str, Any] | None = None, **changes: Any) -> Database:
    return quoting.database(server={"wal_level": "logical", **(server or {})}, **changes)


def live(**changes: Any) -> Database:
    return decide(database(**changes), None)


@given(factor=st.integers(2, 50))
def test_more_data_never_takes_less_time(factor: int) -> None:
    """The estimate grows with the volume, and its low end never passes the high one."""
    small, large = quoting.tree(), quoting.tree(count=2400 * factor, bytes=310_000_000 * factor)
    first, second = (
        estimate_stop([quoting.database()], [small], 2),
        estimate_stop([quoting.database()], [large], 2),
    )
    assert first.low_seconds < second.low_seconds
    assert first.high_seconds < second.high_seconds
    assert all(part.low_seconds <= part.high_seconds for part in second.parts)


def seconds(estimate: StopEstimate) -> tuple[int, int]:
    return round(estimate.low_seconds), round(estimate.high_seconds)


@given(factor=st.integers(1, 1000))
def test_live_stop_is_seconds_whatever_the_size(factor: int) -> None:
    """Rows of tables with a key count for nothing in it; what grows is the copy before the stop."""
    large = live(tables=(quoting.table(bytes=40_000_000 * factor),))
    assert seconds(estimate_stop([large], [], 2)) == (3, 12)
    assert estimate_before([large], []).high_seconds > factor


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": {"large_objects": 20_000, "large_object_bytes": 4_000_000_000}},
        {"tables": (quoting.table(is_unlogged=True, bytes=4_000_000_000),)},
        {"tables": (quoting.table(has_key=False, no_equality=("roh json",), bytes=4_000_000_000),)},
        {"tables": (quoting.table(has_key=False, bytes=4_000_000_000),)},
        {"counts": {"materialized_views": 3, "materialized_view_bytes": 4_000_000_000}},
    ],
)
def test_what_no_stream_carries_lengthens_a_live_stop(changes: dict[str, object]) -> None:
    """Large objects, unlogged and keyless tables, materialised views: each is a part with its volume."""
    estimate = estimate_stop([live(**changes)], [], 0)
    assert estimate.high_seconds > 30
    assert "4.0 GB" in estimate.parts[0].rests_on


def test_last_pass_over_files_grows_with_their_number() -> None:
    """A hundred thousand files are looked at once more in the stop; their content is not read again."""
    tree = quoting.tree(count=100_000, bytes=10**12, changed_last_day=240)
    part = estimate_stop([live()], [tree], 0).parts[0]
    assert part.name == "last pass over files dokumente"
    assert 2 <= part.low_seconds <= part.high_seconds <= 15


def test_live_is_chosen_where_it_can_work() -> None:
    """And the reason says what it gives."""
    found = decide(database(), TARGET)
    assert (found.mode, found.live_obstacles) == ("live", ())
    assert found.mode_because.startswith("copied and replicated while everybody works")


def test_what_no_path_leads_to_is_carried() -> None:
    """Unasked, staged is chosen with its reason; what cannot flow either is carried within the freeze."""
    apart = database().model_copy(update={"is_reached_by_site": False})
    found = decide(apart, TARGET)
    assert found.mode == "staged"
    assert found.mode_because.startswith("no network path leads from the site's host to it: the base is")
    assert "from exactly where its dump ended" in found.mode_because
    assert overall([decide(database(), TARGET), found])[0] == "staged"

    still = database({"wal_level": "replica"}).model_copy(update={"is_reached_by_site": False})
    found = decide(still, TARGET)
    assert found.mode == "staged-bulk"
    assert "a second archive within the freeze" in found.mode_because
    assert found.mode_because.endswith(
        "changes cannot flow, since wal_level is replica; changing it needs a restart"
    )
    assert (
        "no network path leads from the site's host to it"
        in decide(apart, TARGET, forced="live").live_obstacles
    )


def test_asked_for_it_is_carried_though_a_path_is_there() -> None:
    """The manifest decides, down to how what changed since comes over."""
    reached = database().model_copy(update={"is_reached_by_site": True})
    assert decide(reached, TARGET).mode == "live"
    for asked in ("staged", "staged-bulk"):
        found = decide(reached, TARGET, forced=asked)
        assert found.mode == asked
        assert found.mode_because.startswith("asked for by the manifest or the playbook: the base is written")


@pytest.mark.parametrize(
    ("found", "obstacle"),
    [
        (
            decide(database({"wal_level": "replica"}), None),
            "wal_level is replica; changing it needs a restart",
        ),
        (decide(database({"is_superuser": False, "user": "app"}), None), "app is no superuser"),
        (
            decide(database({"is_superuser": False, "user": "a", "managed_by": "Neon"}), None),
            "a is no superuser; Neon gives none",
        ),
        (decide(database({"slots_used": 9}), None), "9 of 10 replication slots are taken; 2 are needed"),
        (decide(database({"senders_used": 10}), None), "10 of 10 WAL senders are at work; 2 needed"),
        (decide(database({"is_standby": True}), None), "the server is a standby"),
        (decide(database(), None, ways={"bulk"}), "this version of Bascule has no live way for it"),
        (
            decide(database(), TARGET.model_copy(update={"managed_by": "Neon", "version_number": 150004})),
            "the site's database is Neon, which gives no superuser, of version 15",
        ),
        (
            decide(database(), TARGET.model_copy(update={"mover_lacks": ("a: GRANT a", "b: GRANT b")})),
            "the site's mover lacks a: GRANT a; b: GRANT b",
        ),
        (
            decide(database(), TARGET.model_copy(update={"wal_level": "replica"})),
            "wal_level of the site is replica",
        ),
    ],
)
def test_source_that_cannot_replicate_gets_bulk(found: Database, obstacle: str) -> None:
    """Each obstacle alone gives bulk, is named, and has its estimated stop."""
    assert found.mode == "bulk"
    assert found.live_obstacles == (obstacle,)
    assert found.mode_because == f"freeze, copy, compare, open: live cannot be, since {obstacle}"
    assert estimate_stop([found], [], 0).low_seconds > 15


def test_a_managed_site_of_today_is_moved_to_live() -> None:
    """From PostgreSQL 16 on subscriptions take no superuser, so a managed site is no obstacle."""
    managed = {"managed_by": "Amazon RDS or Aurora", "version_number": 170002}
    assert decide(database(), TARGET.model_copy(update=managed)).mode == "live"


def test_where_no_way_is_left_it_is_said() -> None:
    """Between engines that move live only, bulk is no way out; where live works, nothing is in the way."""
    assert decide(database({"wal_level": "replica"}), None, ways={"live"}).has_no_way
    assert not decide(database(), None, ways={"live"}).has_no_way
    assert not decide(database({"wal_level": "replica"}), None).has_no_way
    apart = database().model_copy(update={"is_reached_by_site": False})
    assert not decide(apart, None, ways={"live", "staged"}).has_no_way
    refused = decide(apart, None, ways={"bulk"})
    assert (refused.mode, refused.has_no_way) == ("staged-bulk", True)


def test_all_obstacles_are_told_at_once() -> None:
    """Who mends one is not told of the next one only then."""
    found = decide(database({"wal_level": "replica", "is_superuser": False, "slots_used": 10}), None)
    assert len(found.live_obstacles) == 3


def test_forced_mode_is_followed_as_far_as_it_can_be() -> None:
    """Bulk may be asked for; live that cannot work is not pretended."""
    assert decide(database(), None, forced="bulk").mode == "bulk"
    assert decide(database({"wal_level": "replica"}), None, forced="live").mode == "bulk"
    assert decide(database(), None, forced="live").mode == "live"


def test_one_bulk_database_sets_the_pace_for_all() -> None:
    """All databases of a tenant stop together."""
    one, other = live(), decide(quoting.database(name="archiv"), None)
    mode, because = overall([one, other])
    assert mode == "bulk"
    assert because.startswith("freeze, copy, compare, open: live cannot be")
    estimate = estimate_stop([one, other], [], 0)
    assert [part.name for part in estimate.parts[:3]] == [
        "copy database pflege",
        "compare database pflege",
        "copy database archiv",
    ]
    assert estimate_before([one, other], []).parts == ()
