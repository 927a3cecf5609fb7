"""Several streams of one move, as a base copy leaves them that had to go on under a second snapshot."""

from collections.abc import Iterator

import pytest

from migrate.errors import TransferError
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import end, let_go
from migrate.transfer.postgresql_live.health import health
from migrate.transfer.postgresql_live.sessions import both_at_work
from migrate.transfer.postgresql_live.settle import settle
from migrate.transfer.postgresql_live.stream import (
    new_stream,
    pause,
    publish,
    reserve,
    resume,
    streams,
    subscribe,
)
from migrate.transfer.postgresql_live.turn import prepare_turn, turn, turn_back
from tests.support.live import LiveMove, a_live_move

SCHEMA = "CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY);"
COUNTS = "SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM two)"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMove]:
    with a_live_move(tmp_path_factory.mktemp("streams"), SCHEMA, begun=False) as live:
        yield live


@pytest.fixture
def live(servers: LiveMove) -> Iterator[LiveMove]:
    """Each table is carried by a stream of its own; both sides are empty."""
    for host in (servers.legacy, servers.site):
        servers.do(host, "TRUNCATE one, two")
    with both_at_work(servers.task) as ((source,), (target,)):
        for number, table in enumerate(("one", "two"), 1):
            stream = new_stream(servers.task, [("public", table)], number)
            for _ in range(2):  # each of these may be repeated
                publish(stream, source, target)
                reserve(stream, source)
                subscribe(stream, source, target)
    yield servers
    assert end(servers.task) == ()


def test_a_drain_is_proved_by_every_stream(live: LiveMove) -> None:
    """One stream that stands still keeps the target from being drained, whatever the others do."""
    with both_at_work(live.task) as ((source,), (target,)):
        _, second = streams(live.task, source, target)
        pause(second, source, target)
        live.do(live.legacy, "INSERT INTO one VALUES (1)", "INSERT INTO two VALUES (1)")
        with pytest.raises(TransferError, match=f"{second.name} does not flow: it is paused"):
            drain(live.task, timeout_seconds=2)
        resume(second, target)

    drain(live.task, timeout_seconds=20)

    assert live.rows(live.site, COUNTS) == [(1, 1)]


def test_one_stream_carries_all_tables_back(live: LiveMove) -> None:
    """The turn makes one way back of several ways forward; undone, each goes on; let go of, all are gone."""
    live.do(live.legacy, "INSERT INTO one VALUES (1)", "INSERT INTO two VALUES (1)")
    prepare_turn(live.task)
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)
    turn_back(live.task)
    live.do(live.legacy, "INSERT INTO one VALUES (2)", "INSERT INTO two VALUES (2)")
    drain(live.task, timeout_seconds=20)
    settle(live.task)
    turn(live.task, timeout_seconds=20)
    let_go(live.task)

    live.do(live.site, "INSERT INTO one VALUES (3)", "INSERT INTO two VALUES (3)")

    assert live.arrives(live.legacy, COUNTS, [(3, 3)])
    with both_at_work(live.task) as ((source,), (target,)):
        assert streams(live.task, source, target) == ()
        (back,) = streams(live.task.turned(), target, source)
        assert back.tables == (("public", "one"), ("public", "two"))
        seen = health(back, target, source)
    assert seen.state == "flowing"
    assert seen.lag_bytes is not None
    assert seen.retained_bytes is not None


def test_a_slot_that_outgrew_the_servers_limit_is_lost_and_said_to_be(live: LiveMove) -> None:
    """Where the source may keep little log only, the room left is shown; used up, the flow is broken."""
    live.legacy.psql("postgres", "ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
    live.legacy.psql("postgres", "SELECT pg_reload_conf()")
    try:
        with both_at_work(live.task) as ((source,), (target,)):
            first, _ = streams(live.task, source, target)
            room = health(first, source, target).room_bytes
            assert room is not None
            assert room > 0
            pause(first, source, target)
            for _ in range(5):
                live.do(
                    live.legacy, "SELECT pg_switch_wal()", "SELECT pg_logical_emit_message(true, 'x', 'y')"
                )
            live.do(live.legacy, "CHECKPOINT")
            seen = health(first, source, target)
        assert seen.state == "broken"
        assert seen.says == (
            f"besa on server: slot {first.name} is lost: the server removed log that it needed "
            "(max_slot_wal_keep_size)"
        )
    finally:
        live.legacy.psql("postgres", "ALTER SYSTEM RESET max_slot_wal_keep_size")
        live.legacy.psql("postgres", "SELECT pg_reload_conf()")
