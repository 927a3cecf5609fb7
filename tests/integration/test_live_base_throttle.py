"""The base copy yields: to the source's own work by itself, and to a person who says so."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

import pytest

from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.transfer.postgresql_live import PostgresqlLive
from provisioning.manifest import Throttle
from tests.support.live_copy import LIVE, Meanwhile, let_go, settled_differences, standing_still_at, task
from tests.support.moves import Move, Told, a_move

SCHEMA = """
CREATE TABLE kunde (id int PRIMARY KEY, name text);
INSERT INTO kunde SELECT n, 'k' || n FROM generate_series(1, 200) n;
CREATE INDEX nach_name ON kunde (name);
CREATE TABLE zettel (was text);
INSERT INTO zettel VALUES ('a'), ('a');
CREATE SEQUENCE nummer;
"""


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("watch"), is_servers_own=True) as move:
        move.legacy.psql("besa", SCHEMA)
        yield move


@contextmanager
def busy_sessions(move: Move, count: int) -> Iterator[None]:
    """So many sessions at work on the source until somebody ends them."""
    with ExitStack() as opened:
        for _ in range(count):
            opened.enter_context(closing(move.legacy.connect("besa"))).pgconn.send_query(
                b"SELECT pg_sleep(300)"
            )
        yield


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        LIVE.empty(task(move, hosts))


def test_the_copy_waits_while_the_source_is_busy_and_says_why(move: Move, hosts: Hosts) -> None:
    """More sessions at work than the limit stop the senders; when they are gone, the copy goes on."""
    live = PostgresqlLive()
    # As the tenant's manifest asks for it.
    work = replace(task(move, hosts), throttle=Throttle(active_sessions=1, at_least_ms=60_000))
    waits = "main-db: the copy waits: 2 sessions are at work on the source, limit 1"
    with busy_sessions(move, 2), standing_still_at(move, "public.kunde"):

        def ease() -> None:
            end = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)'"
            )
            move.legacy.psql("postgres", end)
            let_go(move)

        told = Meanwhile(ease, lambda: waits in told.lines)
        live.copy(work, told)
    assert waits in told.lines
    assert "main-db: the copy goes on" in told.lines
    assert settled_differences(work) == []


def test_a_person_has_the_flow_wait(move: Move, hosts: Hosts) -> None:
    """Paused with a reason, nothing is applied and the reason is shown; resumed, it goes on."""
    work = task(move, hosts)
    LIVE.copy(work, Told())

    LIVE.pause(work, "Monatsabschluss")

    seen = LIVE.flow(work)
    assert (seen.state, seen.says) == ("paused", "paused: Monatsabschluss")
    with pytest.raises(TransferError, match="paused: Monatsabschluss"):
        LIVE.catch_up(work, Told(), within_seconds=1, timeout_seconds=5)

    LIVE.resume(work)

    assert LIVE.catch_up(work, Told(), within_seconds=5, timeout_seconds=30).says == ""


def test_a_person_has_the_copy_wait(move: Move, hosts: Hosts) -> None:
    """Paused while rows are copied, the senders stop; resumed, it ends whole."""
    work = task(move, hosts)
    seen = []

    def look_and_resume() -> None:
        seen.append(LIVE.flow(work))
        LIVE.resume(work)
        let_go(move)

    def pause_first() -> bool:
        if not any("paused: Mittag" in line for line in told.lines):
            LIVE.pause(work, "Mittag")
            return False
        return True

    with standing_still_at(move, "public.kunde"):
        told = Meanwhile(look_and_resume, pause_first)
        LIVE.copy(work, told)
    assert [(one.state, one.says) for one in seen] == [("copying", "paused: Mittag")]
    assert settled_differences(work) == []
