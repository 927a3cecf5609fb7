"""A live base copy that is cut off goes on from where it was: nothing that is done is done again."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from migrate.connections import Hosts
from migrate.errors import TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live import joining
from migrate.transfer.postgresql_live.jobs import copy_job, script
from migrate.transfer.postgresql_live.names import stream_name
from migrate.transfer.postgresql_live.sessions import both_at_work
from migrate.transfer.postgresql_live.stream import streams
from migrate.waiting import wait_until
from tests.support.line import Line
from tests.support.live_copy import (
    LIVE,
    Meanwhile,
    Writer,
    done_items,
    let_go,
    settled_differences,
    standing_still_at,
    task,
)
from tests.support.moves import Move, Told, a_move

HARD = (Path(__file__).parents[1] / "support" / "hard_schema.sql").read_text()
WRITES = [
    """INSERT INTO "Pflege".eltern SELECT max(id) + 1 FROM "Pflege".eltern""",
    """INSERT INTO "Pflege".kind SELECT max(id), max(id) FROM "Pflege".eltern""",
    # Both in one transaction, and children first: whoever applies one without the other breaks the key.
    """DELETE FROM "Pflege".kind WHERE id = (SELECT max(id) - 20 FROM "Pflege".eltern);
    DELETE FROM "Pflege".eltern WHERE id = (SELECT max(id) - 20 FROM "Pflege".eltern)""",
    """UPDATE "Pflege"."Bewohnerübersicht" SET wert = coalesce(wert, 0) + 1 WHERE id % 50 = 1""",
]
HELD = '"Pflege".eltern'


class Killed(BaseException):
    """The operator's process ends here; nothing of it cleans up."""


@pytest.fixture(scope="module")
def move(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    with a_move(tmp_path_factory.mktemp("resume"), is_servers_own=True) as move:
        move.legacy.psql("besa", HARD)
        move.site.psql("besa", "CREATE EXTENSION citext")
        yield move


@pytest.fixture
def hosts(move: Move) -> Iterator[Hosts]:
    with move.hosts() as hosts:
        yield hosts
        LIVE.empty(task(move, hosts))


def all_but_one(move: Move) -> Callable[[], bool]:
    """Whether all rows are there but those of the table that is held."""

    def holds() -> bool:
        items = done_items(move)
        return len([item for item in items if item.startswith("rows of")]) == 6 and "large objects" in items

    return holds


def writing(move: Move) -> Writer:
    return Writer(move.legacy, "besa", WRITES)


def test_a_copy_goes_on_after_the_operator_died(move: Move, hosts: Hosts) -> None:
    """Killed in the middle, the next start attaches to the job, which went on by itself."""
    work = task(move, hosts)

    def die() -> None:
        raise Killed

    with writing(move), standing_still_at(move, HELD):
        with pytest.raises(Killed):
            LIVE.copy(work, Meanwhile(die, all_but_one(move)))
        before = done_items(move)
        assert LIVE.flow(work).state == "copying"
        let_go(move)
        job = copy_job(work)
        assert wait_until(lambda: job.look().state == "finished", deadline_seconds=30)

        LIVE.copy(work, told := Told())

    assert "main-db: base copy (attached)" in told.lines
    after = done_items(move)
    assert {item: after[item] for item in before} == before
    assert {stream for stream, _ in after.values()} == {1}
    assert settled_differences(work) == []


@pytest.mark.parametrize("lost", ["site", "legacy", "job", "line"])
def test_what_is_cut_off_loses_nothing_that_is_done(move: Move, hosts: Hosts, lost: str) -> None:
    """
    The snapshot is lost with either server, the job, or the line; the rest comes under a second stream.

    Parents are of another moment than their children then; yet the key between them is made and checked.
    """
    work = task(move, hosts)
    with closing(Line(move.legacy)) as line:
        if lost == "line":
            reached = replace(work.source.endpoint, port=line.port)
            work = replace(work, source=replace(work.source, endpoint=reached))
        _is_cut_off(move, work, line, lost)


def _is_cut_off(move: Move, work: Task, line: Line, lost: str) -> None:
    before = {}

    def cut() -> None:
        before.update(done_items(move))
        match lost:
            case "job":
                copy_job(work).discard()
            case "site":
                move.site.stop_postgres()
                move.site.start_postgres()
            case "legacy":
                move.legacy.stop_postgres(signal.SIGQUIT)
                move.legacy.start_postgres()
            case "line":
                line.cut()
                line.mend()
        let_go(move)

    with standing_still_at(move, HELD):
        told = Meanwhile(cut, all_but_one(move))
        with writing(move) if lost != "legacy" else nullcontext():
            LIVE.copy(work, told)

    assert told.is_done
    assert len([line for line in told.lines if "cut off" in line]) == 1
    with both_at_work(work) as ((source,), (target,)):
        (only,) = streams(work, source, target)
    assert only.name == stream_name(work, 2)
    assert len(only.tables) == 7
    after = done_items(move)
    assert {item: after[item] for item in before} == before
    rows = [stream for item, (stream, _) in after.items() if item.startswith("rows of")]
    assert sorted(rows) == [1, 1, 1, 1, 1, 1, 2]
    with writing(move):
        pass
    assert settled_differences(work) == []
    with move.site.connect("besa") as session:
        keys = "SELECT conname::text, convalidated FROM pg_constraint WHERE contype = 'f'"
        assert session.execute(keys.encode()).fetchall() == [("kind_eltern_fkey", True)]


@pytest.mark.parametrize("at", ["_hand_over", "flush", "drop_publication", "pause"])
def test_streams_become_one_wherever_that_is_cut_off(move: Move, hosts: Hosts, at: str) -> None:
    """The operator dies while the streams are joined; the next start joins the rest, and nothing is lost."""
    work, calls = task(move, hosts), 0
    real = getattr(joining, at)

    def dies_once(*given: object) -> object:
        nonlocal calls
        calls += 1
        # Not at the first table: the former stream has given some away then, and still has others.
        if calls == (3 if at == "_hand_over" else 1):
            raise Killed
        return real(*given)

    def cut() -> None:
        copy_job(work).discard()
        let_go(move)

    with writing(move):
        with standing_still_at(move, HELD), patch.object(joining, at, dies_once), pytest.raises(Killed):
            LIVE.copy(work, Meanwhile(cut, all_but_one(move)))
        assert LIVE.flow(work).state == "copying"
        LIVE.copy(work, Told())

    with both_at_work(work) as ((source,), (target,)):
        assert [one.name for one in streams(work, source, target)] == [stream_name(work, 2)]
    assert settled_differences(work) == []


def test_a_crash_of_the_site_takes_mark_and_work_back_together(move: Move, hosts: Hosts) -> None:
    """What the server had not flushed when it crashed is copied again; nothing is missing, nothing twice."""
    work = task(move, hosts)

    def crash() -> None:
        move.site.stop_postgres(signal.SIGQUIT)
        move.site.start_postgres()

    with standing_still_at(move, HELD), writing(move):
        told = Meanwhile(crash, all_but_one(move))
        LIVE.copy(work, told)

    assert told.is_done
    assert settled_differences(work) == []


def test_senders_of_the_sites_own_server_end_with_their_job(move: Move, hosts: Hosts) -> None:
    """Rows come to the server without a client in between; nothing of that outlives a job that was killed."""
    work, job = task(move, hosts), move.site.folder / ".bascule" / "jobs" / "live-main-db-copy"
    server = move.site.postgres
    assert server is not None

    def kill_all() -> None:
        with move.legacy.connect("besa") as holding:
            holding.execute(f"BEGIN; LOCK TABLE {HELD} IN ACCESS EXCLUSIVE MODE".encode())
            let_go(move)
            assert wait_until(lambda: bool(sending()), deadline_seconds=20)
            (sender,) = sending()
            assert server.pid in _parents(sender)
            os.kill(sender, signal.SIGSTOP)  # as it stands while the source is busy
            os.killpg(int((job / "pid").read_text()), signal.SIGKILL)
            assert wait_until(lambda: not Path(f"/proc/{sender}").exists(), deadline_seconds=20)

    def sending() -> list[int]:
        return [int(said) for file in job.glob("sending.rows-*") if (said := file.read_text())]

    with standing_still_at(move, HELD):
        told = Meanwhile(kill_all, all_but_one(move))
        LIVE.copy(work, told)
    assert told.is_done
    assert settled_differences(work) == []


@pytest.mark.parametrize("how", ["its senders cannot connect", "it is killed"])
def test_a_copy_that_comes_to_nothing_is_not_repeated_for_ever(move: Move, hosts: Hosts, how: str) -> None:
    """As often as it is begun it does nothing: the fourth time is an error, and all stays as it was."""
    work, ways = task(move, hosts), {"send.sh": "touch lost\nexit 2", "base_copy.sh": "kill -9 0"}
    spoilt = "send.sh" if "connect" in how else "base_copy.sh"

    def spoiling(name: str) -> str:
        return ways[name] if name == spoilt else script(name)

    told = Told()
    with (
        patch("migrate.transfer.postgresql_live.base_copy.script", spoiling),
        pytest.raises(TransferError, match=r"ended with 75|ended from outside 4 times"),
    ):
        LIVE.copy(work, told)
    assert len([line for line in told.lines if "cut off" in line]) == 3
    assert not done_items(move)


def test_what_a_sender_says_counts_whoever_started_it(move: Move, hosts: Hosts) -> None:
    """A copy succeeded only if nothing was said that is not known to be harmless."""

    def warning(name: str) -> str:
        return ("echo 'a word of warning' >&2\n" if name == "send.sh" else "") + script(name)

    with (
        patch("migrate.transfer.postgresql_live.base_copy.script", warning),
        pytest.raises(TransferError, match=r"ended with 0 and said:\n.*a word of warning"),
    ):
        LIVE.copy(task(move, hosts), Told())


def _parents(process: int) -> list[int]:
    """Whose child it is, and whose that is, up to the first process."""
    found = []
    while process > 1:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[1])
        found.append(process)
    return found
