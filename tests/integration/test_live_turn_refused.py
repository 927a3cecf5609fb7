"""What goes wrong at a turn is told with the server's reason, and leaves the flow as it was."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from signal import SIGQUIT

import pytest

from migrate.errors import MigrationError, TransferError
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import end, let_go
from migrate.transfer.postgresql_live.health import Health, health
from migrate.transfer.postgresql_live.sessions import both_at_work
from migrate.transfer.postgresql_live.settle import settle
from migrate.transfer.postgresql_live.stream import streams
from migrate.transfer.postgresql_live.turn import prepare_turn, turn, turn_back
from migrate.waiting import wait_until
from tests.support.live import LiveMove, a_live_move, begin
from tests.support.private_hosts import PrivateHost

SCHEMA = "CREATE TABLE keyed (id int PRIMARY KEY, v text); CREATE SEQUENCE drawn;"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMove]:
    with a_live_move(tmp_path_factory.mktemp("refused"), SCHEMA, begun=False) as live:
        yield live


@pytest.fixture
def live(servers: LiveMove) -> Iterator[LiveMove]:
    """Changes flow anew, from legacy to the site, and both sides are empty."""
    for host in (servers.legacy, servers.site):
        servers.do(host, "TRUNCATE keyed")
    begin(servers.task)
    yield servers
    end(servers.task)


def seen(live: LiveMove, back: bool = False) -> Health:
    task = live.task.turned() if back else live.task
    with both_at_work(task) as ((source,), (target,)):
        (stream,) = streams(task, source, target)
        return health(stream, source, target)


def becomes(live: LiveMove, state: str) -> bool:
    return wait_until(lambda: seen(live).state == state, deadline_seconds=15)


def name(live: LiveMove, back: bool = False) -> str:
    task = live.task.turned() if back else live.task
    with both_at_work(task) as ((source,), (target,)):
        return streams(task, source, target)[0].name


def slots(live: LiveMove, host: PrivateHost) -> list[tuple[object, ...]]:
    return live.rows(host, "SELECT slot_name::text FROM pg_replication_slots")


def assert_flows(live: LiveMove) -> None:
    live.do(live.legacy, "INSERT INTO keyed VALUES (77, 'flows')")
    assert live.arrives(live.site, "SELECT v FROM keyed WHERE id = 77", [("flows",)])


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ("ALTER ROLE {role} NOLOGIN", "lacks LOGIN"),
        ("ALTER ROLE {role} NOREPLICATION", "lacks REPLICATION"),
        ("REVOKE CONNECT ON DATABASE besa FROM {role}", "lacks CONNECT on database besa"),
        ("ALTER ROLE {role} VALID UNTIL '2001-01-01'", "the password of role {role} has expired"),
        ("ALTER ROLE {role} PASSWORD 'another'", "password authentication failed for user"),
    ],
)
def test_vitess_16794_a_way_back_without_its_rights_is_not_armed(
    live: LiveMove, taken: str, said: str
) -> None:
    """What its role lacks on the site shows before anybody writes there, by its reason; the flow goes on."""
    prepare_turn(live.task)
    role = name(live, back=True)
    live.do(live.site, taken.format(role=role))
    drain(live.task, timeout_seconds=20)

    with pytest.raises(TransferError) as raised:
        turn(live.task, timeout_seconds=3)

    assert raised.value.what.startswith("the way back from besa on site to besa on server is not proved: ")
    assert said.format(role=role) in raised.value.what
    assert raised.value.state == (
        "The way back is not armed; changes flow on from besa on server to besa on site."
    )
    assert slots(live, live.site) == []
    assert_flows(live)
    # What was lacking is made anew: the next turn is proved.
    prepare_turn(live.task)
    drain(live.task, timeout_seconds=20)
    assert turn(live.task, timeout_seconds=20).round_trip_seconds > 0


def test_a_site_that_legacy_does_not_reach_shows_while_still_live(live: LiveMove) -> None:
    """Preparing the turn logs in from server to server, days before anybody depends on it."""
    hba = live.site.folder / "pg" / "pg_hba.conf"
    before = hba.read_text()
    try:
        hba.write_text("hostssl all postgres all scram-sha-256\n")
        live.do(live.site, "SELECT pg_reload_conf()")
        with pytest.raises(
            TransferError, match=r"could not connect to the publisher: .* no pg_hba.conf entry"
        ):
            prepare_turn(live.task)
    finally:
        hba.write_text(before)
        live.do(live.site, "SELECT pg_reload_conf()")
    assert_flows(live)


def test_a_slot_lost_on_the_source_is_told_and_nothing_is_taken_for_drained(live: LiveMove) -> None:
    """Somebody removes the slot: the drain says so at once instead of waiting for its whole time."""
    slot = name(live)
    live.do(
        live.legacy,
        f"ALTER ROLE {slot} NOLOGIN",  # so that nobody takes the slot again in between
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots",
    )
    assert live.arrives(live.legacy, "SELECT active FROM pg_replication_slots", [(False,)])
    live.do(live.legacy, f"SELECT pg_drop_replication_slot('{slot}')")

    with pytest.raises(TransferError, match=rf"besa on server: slot {slot} is gone; somebody removed it"):
        drain(live.task, timeout_seconds=60)


def test_vitess_14276_13218_an_undo_that_fails_removes_nothing(live: LiveMove) -> None:
    """Where the paused flow cannot go on, its undoing says so and leaves both ways as they are."""
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)
    forward, back = name(live), name(live, back=True)
    live.do(live.legacy, f"SELECT pg_drop_replication_slot('{forward}')")

    for _ in range(2):
        with pytest.raises(TransferError, match=f"slot {forward} is gone") as raised:
            turn_back(live.task)

    assert "nothing was removed" in raised.value.state
    assert slots(live, live.site) == [(back,)]
    both = "SELECT pubname::text FROM pg_publication UNION ALL SELECT subname FROM pg_subscription ORDER BY 1"
    wanted = sorted([(forward,), (back,)])
    assert live.rows(live.legacy, both) == live.rows(live.site, both) == wanted


def test_vitess_16563_what_is_late_is_not_drained(live: LiveMove) -> None:
    """Held up by a lock, the target is not drained and says how far it is behind; later it is."""
    with live.site.connect("besa") as other:
        other.autocommit = False
        other.execute("LOCK TABLE keyed")
        live.do(live.legacy, "INSERT INTO keyed SELECT n, 'late' FROM generate_series(1, 100) n")
        with pytest.raises(TransferError, match=r"did not apply everything within 1 s: it is [\d ]+ bytes"):
            drain(live.task, timeout_seconds=1)
        other.rollback()

    drained = drain(live.task, timeout_seconds=20)

    assert live.rows(live.site, "SELECT count(*) FROM keyed") == [(100,)]
    here = live.rows(live.legacy, f"SELECT pg_current_wal_lsn() >= '{drained.source_position}'")
    assert here == [(True,)]


@pytest.mark.parametrize("which", ["legacy", "site"])
def test_a_server_that_crashes_in_the_freeze_is_named(live: LiveMove, which: str) -> None:
    """What breaks under a drain is told like anything else, and the drain may be repeated afterwards."""
    host, side = (live.legacy, "besa on server") if which == "legacy" else (live.site, "besa on site")
    with closing(live.site.connect("besa")) as other, ThreadPoolExecutor(1) as pool:
        other.autocommit = False
        other.execute("LOCK TABLE keyed")
        live.do(live.legacy, "INSERT INTO keyed VALUES (1, 'held up')")
        draining = pool.submit(drain, live.task, timeout_seconds=30)
        marked = f'SELECT count(*) FROM bascule."{name(live)}"'
        assert live.arrives(live.legacy, marked, [(1,)])
        host.stop_postgres(SIGQUIT)
        with pytest.raises(MigrationError, match=side):
            draining.result()
        host.start_postgres()

    drain(live.task, timeout_seconds=30)

    assert live.rows(live.site, "SELECT v FROM keyed") == [("held up",)]


def test_a_column_that_legacy_lacks_bars_the_way_back(live: LiveMove) -> None:
    """A change that would find no place on the source shows before the flow is turned."""
    live.do(live.site, "ALTER TABLE keyed ADD extra int")
    try:
        with pytest.raises(TransferError, match=r"besa on server lacks .*: public\.keyed\.extra"):
            prepare_turn(live.task)
    finally:
        live.do(live.site, "ALTER TABLE keyed DROP extra")


def test_vitess_13685_a_sequence_on_one_side_only_is_no_small_thing(live: LiveMove) -> None:
    """A sequence without its twin is an error that names it and its side, whichever has it."""
    for host, side in ((live.legacy, "besa on server"), (live.site, "besa on site")):
        live.do(host, "CREATE SEQUENCE alone")
        with pytest.raises(TransferError, match=rf"public\.alone is only in {side}"):
            settle(live.task)
        live.do(host, "DROP SEQUENCE alone")


def test_settling_a_move_that_is_turned_already_is_refused(live: LiveMove) -> None:
    """Once users write on the site, nothing of the source may be laid over what they wrote."""
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)

    with pytest.raises(TransferError, match="it is turned already"):
        settle(live.task)


def test_ghostferry_26_a_table_added_meanwhile_is_not_left_behind(live: LiveMove) -> None:
    """Its rows are carried by no stream and have no place on the target, so the move does not go on."""
    live.do(live.legacy, "CREATE TABLE added (id int PRIMARY KEY)")
    try:
        with pytest.raises(
            TransferError, match=r"besa on site lacks public\.added, which besa on server has"
        ):
            settle(live.task)
    finally:
        live.do(live.legacy, "DROP TABLE added")


def test_the_last_flow_is_not_let_go_of_before_its_opposite_is_in_force(live: LiveMove) -> None:
    """Letting go too early would leave nothing that flows."""
    with pytest.raises(TransferError, match="back to besa on server is not in force: there is none"):
        let_go(live.task)
    prepare_turn(live.task)
    with pytest.raises(TransferError, match="is not in force"):
        let_go(live.task)
    assert_flows(live)


def test_gh_ost_1636_a_conflict_stops_the_flow_and_overwrites_nothing(live: LiveMove) -> None:
    """A row that is there already is kept; the flow is told to be broken, since the same fails each time."""
    live.do(live.site, "INSERT INTO keyed VALUES (1, 'of the site')")
    live.do(live.legacy, "INSERT INTO keyed VALUES (1, 'of legacy')")

    assert becomes(live, "broken")
    assert "besa on site: a change cannot be applied (" in seen(live).says
    with pytest.raises(TransferError, match=r"does not flow: besa on site: a change cannot be applied \("):
        drain(live.task, timeout_seconds=60)
    assert live.rows(live.site, "SELECT v FROM keyed") == [("of the site",)]


def test_a_connection_that_is_lost_does_not_end_the_flow(live: LiveMove) -> None:
    """A network's hiccup is an error to the server, yet the flow is well again by itself."""
    for _ in range(3):
        live.do(live.legacy, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
        assert becomes(live, "flowing")
    assert_flows(live)


@pytest.mark.parametrize("which", ["legacy", "site"])
def test_a_server_that_restarts_while_armed_loses_nothing(live: LiveMove, which: str) -> None:
    """What is written on the site before, and after, reaches legacy once both are up."""
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)
    live.do(live.site, "INSERT INTO keyed VALUES (1, 'before')")
    host = live.legacy if which == "legacy" else live.site
    host.stop_postgres()
    if which == "legacy":
        live.do(live.site, "INSERT INTO keyed VALUES (2, 'meanwhile')")
    host.start_postgres()
    live.do(live.site, "INSERT INTO keyed VALUES (3, 'after')")

    rows = live.rows(live.site, "SELECT * FROM keyed ORDER BY 1")

    assert live.arrives(live.legacy, "SELECT * FROM keyed ORDER BY 1", rows, seconds=30)


def test_no_log_and_no_view_ever_holds_the_password(live: LiveMove) -> None:
    """A server that logs every statement does not log what a subscription logs in with."""
    end(live.task)
    for host in (live.legacy, live.site):
        host.psql("postgres", "ALTER SYSTEM SET log_statement = 'all'")
        host.psql("postgres", "ALTER SYSTEM SET log_min_duration_statement = 0")
        host.psql("postgres", "SELECT pg_reload_conf()")
    begin(live.task)
    prepare_turn(live.task)
    drain(live.task, timeout_seconds=20)
    turn(live.task, timeout_seconds=20)

    logs = "".join((host.folder / "pg.log").read_text() for host in (live.legacy, live.site))

    assert "pg_create_logical_replication_slot" in logs
    for host in (live.legacy, live.site):
        ((conninfo,),) = live.rows(host, "SELECT subconninfo FROM pg_subscription")
        password = str(conninfo).split("password=")[1].split()[0]
        assert len(password) > 30
        assert password not in logs
        host.psql("postgres", "ALTER SYSTEM RESET log_statement")
        host.psql("postgres", "ALTER SYSTEM RESET log_min_duration_statement")
        host.psql("postgres", "SELECT pg_reload_conf()")
