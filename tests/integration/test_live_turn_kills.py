"""The operator dies after each statement of a switch, of its undoing and of its end; then all goes on."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import end, let_go
from migrate.transfer.postgresql_live.settle import settle
from migrate.transfer.postgresql_live.turn import prepare_turn, turn, turn_back
from tests.support.live import Killed, LiveMove, a_live_move, begin, dying_after
from tests.support.private_hosts import PrivateHost

SCHEMA = """
CREATE TABLE keyed (id int PRIMARY KEY, v text);
CREATE TABLE keyless (v text);
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY);
INSERT INTO fleeting SELECT generate_series(1, 5);
CREATE SEQUENCE drawn;
SELECT lo_from_bytea(70001, 'one');
"""
ALL = """
SELECT (SELECT count(*) FROM keyed), (SELECT count(*) FROM keyless), (SELECT count(*) FROM fleeting),
       (SELECT last_value FROM drawn), convert_from(lo_get(70001), 'UTF8')
"""
MOST_STATEMENTS = 80

Part = Callable[[Task], object]
drain_it: Part = partial(drain, timeout_seconds=20)
turn_it: Part = partial(turn, timeout_seconds=20)
SWITCH: dict[str, Part] = {
    "prepare": prepare_turn,
    "drain": drain_it,
    "settle": settle,
    "turn": turn_it,
    "let_go": let_go,
}


class Moving:
    """A move that is turned again and again, with something written for every lane in between."""

    def __init__(self, live: LiveMove) -> None:
        self.live = live
        self.task = live.task
        self.written = 0

    def write(self) -> None:
        """The tenant writes on the side that is at work."""
        self.written += 1
        host = self.live.legacy if self.task == self.live.task else self.live.site
        self.live.do(
            host,
            f"INSERT INTO keyed VALUES ({self.written}, 'x')",
            "INSERT INTO keyless VALUES ('x')",
            f"SELECT lo_put(70001, 0, '{self.written:03}'), nextval('drawn')",
        )

    def switch(self, *, dying_in: str = "", after: int = 0) -> bool:
        """Turn the move, one part of it killed once and repeated; return whether it was killed."""
        killed = False
        for name, part in SWITCH.items():
            if name == dying_in:
                try:
                    with dying_after(after):
                        part(self.task)
                except Killed:
                    killed = True
            part(self.task)
        # Both keep their owners on the way back, so it is not the same as turning the turned one.
        self.task = self.live.task.turned() if self.task == self.live.task else self.live.task
        return killed

    def assert_alike(self) -> None:
        n = self.written
        for host in (self.live.legacy, self.live.site):
            assert self.live.rows(host, ALL) == [(n, n, 5, n, f"{n:03}")]


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    with a_live_move(tmp_path_factory.mktemp("kills"), SCHEMA) as live:
        yield Moving(live)


@pytest.mark.parametrize("part", ["prepare", "drain", "settle", "turn", "let_go"])
def test_gh_ost_1755_a_part_killed_after_each_statement_is_repeated(moving: Moving, part: str) -> None:
    """Wherever the operator dies, the same part once more leads to the same: every row there, once."""
    for after in range(1, MOST_STATEMENTS):
        moving.write()
        killed = moving.switch(dying_in=part, after=after)
        moving.assert_alike()
        if not killed:
            assert after > 1, "nothing in it changes anything"
            return
    pytest.fail(f"more than {MOST_STATEMENTS} statements")


@pytest.mark.parametrize("dying_in", ["turn", "turn_back"])
def test_vitess_16918_each_half_turn_can_be_undone(moving: Moving, dying_in: str) -> None:
    """After each statement of a turn, and of its undoing, the undoing lets the flow go on with all rows."""
    for after in range(1, MOST_STATEMENTS):
        moving.write()
        drain_it(moving.task)
        killed = False
        if dying_in == "turn_back":
            turn_it(moving.task)
        try:
            with dying_after(after):
                (turn_it if dying_in == "turn" else turn_back)(moving.task)
        except Killed:
            killed = True
        turn_back(moving.task)
        moving.write()
        drain_it(moving.task)
        if not killed:
            break
    moving.switch()
    moving.assert_alike()


def test_end_killed_after_each_statement_still_leaves_nothing(moving: Moving) -> None:
    """Ending a move may be repeated from anywhere: at last nothing of Bascule is on either side."""
    for after in range(1, MOST_STATEMENTS):
        prepare_turn(moving.task)
        try:
            with dying_after(after):
                end(moving.live.task)
        except Killed:
            killed = True
        else:
            killed = False
        assert end(moving.live.task) == ()
        for host in (moving.live.legacy, moving.live.site):
            assert traces(moving.live, host) == []
        moving.task = moving.live.task
        begin(moving.task)
        if not killed:
            return
    pytest.fail(f"more than {MOST_STATEMENTS} statements")


def traces(live: LiveMove, host: PrivateHost) -> list[str]:
    """Everything whose name says that it is Bascule's, asked of the server without Bascule's own query."""
    names = " UNION ALL ".join(
        f"SELECT {column}::text FROM {table} WHERE {column} ~ '^bascule'"
        for table, column in (
            ("pg_publication", "pubname"),
            ("pg_subscription", "subname"),
            ("pg_replication_slots", "slot_name"),
            ("pg_roles", "rolname"),
            ("pg_namespace", "nspname"),
            ("pg_ls_dir('.') AS f (name)", "name"),
        )
    )
    full = "SELECT relname FROM pg_class WHERE relreplident = 'f'"
    return [row[0] for row in live.rows(host, f"{names} UNION ALL {full}")]
