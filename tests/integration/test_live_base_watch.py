"""What a live move notices while it lasts: a schema that changes, a slot that is lost, an old transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.transfer.postgresql_live.sessions import both_at_work
from migrate.transfer.postgresql_live.stream import drop_slot, pause, resume, streams
from migrate.waiting import wait_until
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
    with a_move(tmp_path_factory.mktemp("watch")) as move:
        move.legacy.psql("besa", SCHEMA)
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        LIVE.empty(task(move, hosts))


@contextmanager
def changed(move: Move, change: str, back: str) -> Iterator[None]:
    move.legacy.psql("besa", change)
    try:
        yield
    finally:
        move.legacy.psql("besa", back)


@pytest.mark.parametrize(
    ("change", "back", "told"),
    [
        (
            "CREATE TABLE neu (id int PRIMARY KEY)",
            "DROP TABLE neu",
            "table public.neu: was absent, is 'plain'",
        ),
        (
            "ALTER TABLE kunde ADD ort text",
            "ALTER TABLE kunde DROP ort",
            "column public.kunde.ort: was absent",
        ),
        (
            "DROP INDEX nach_name",
            "CREATE INDEX nach_name ON kunde (name)",
            "was 'CREATE INDEX nach_name ON public.kunde USING btree (name)', is absent",
        ),
    ],
)
def test_a_schema_that_changes_meanwhile_is_noticed(
    move: Move, hosts: Hosts, change: str, back: str, told: str
) -> None:
    """A table added, a column added, an index dropped: told with both definitions, and catching up stops."""
    work = task(move, hosts)
    LIVE.copy(work, Told())
    with changed(move, change, back):
        seen = LIVE.flow(work)
        assert seen.state == "broken"
        assert told in seen.says
        with pytest.raises(TransferError, match="was changed while it is moved"):
            LIVE.catch_up(work, Told(), within_seconds=1, timeout_seconds=5)
    if "ort" not in change:  # a row of another shape cannot be applied any more
        assert LIVE.flow(work).state == "flowing"


def test_a_schema_that_changes_during_the_copy_stops_it(move: Move, hosts: Hosts) -> None:
    """A copy under another schema than it began with is not completed."""
    work = task(move, hosts)

    def change() -> None:
        move.legacy.psql("besa", "CREATE TABLE neu (id int PRIMARY KEY)")
        let_go(move)

    try:
        with (
            standing_still_at(move, "public.kunde"),
            pytest.raises(TransferError, match=r"table public\.neu: was absent"),
        ):
            LIVE.copy(work, Meanwhile(change, lambda: True))
    finally:
        move.legacy.psql("besa", "DROP TABLE neu")
    LIVE.copy(work, Told())
    assert settled_differences(work) == []


def test_a_lost_slot_is_said(move: Move, hosts: Hosts) -> None:
    """A flow whose slot somebody removed is broken, and says so."""
    work = task(move, hosts)
    LIVE.copy(work, Told())
    assert LIVE.flow(work).state == "flowing"
    with both_at_work(work) as ((source,), (target,)):
        (stream,) = streams(work, source, target)
        # Its worker would take the slot again at once, between the end of its reader and the removal.
        pause(stream, source, target)
        drop_slot(stream, source)
        resume(stream, target)
    seen = LIVE.flow(work)
    assert seen.state == "broken"
    assert "is gone; somebody removed it" in seen.says


def test_an_old_transaction_is_told_and_waited_for(move: Move, hosts: Hosts) -> None:
    """One that has written holds up catching up, with its age; when it is over, the wait is too."""
    work = task(move, hosts)
    LIVE.copy(work, Told())
    with move.legacy.connect("besa") as session:
        session.execute("BEGIN; INSERT INTO zettel VALUES ('lange')")
        assert wait_until(lambda: (LIVE.flow(work).oldest_write_seconds or 0) > 0.5, deadline_seconds=10)
        with pytest.raises(TransferError, match="oldest open transaction that writes is"):
            LIVE.catch_up(work, Told(), within_seconds=0.5, timeout_seconds=1)
        session.execute("COMMIT")
    assert LIVE.catch_up(work, Told(), within_seconds=5, timeout_seconds=30).state == "flowing"


def test_where_no_flow_is_there_is_none(move: Move, hosts: Hosts) -> None:
    """Looking at a move that nobody began says so, and changes nothing."""
    assert LIVE.flow(task(move, hosts)).state == "absent"
    with pytest.raises(TransferError, match="nothing moves"):
        LIVE.pause(task(move, hosts), "so")
