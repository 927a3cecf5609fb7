"""
A move that is turned round and round, with something written for every lane in between, and a death anywhere.

Promise: what the tenant wrote is known exactly, so a row that is missing or there twice is seen.
"""

from collections.abc import Callable
from functools import partial

from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.drain import drain
from migrate.transfer.postgresql_live.ending import let_go
from migrate.transfer.postgresql_live.settle import settle
from migrate.transfer.postgresql_live.turn import prepare_turn, turn
from tests.support.live import Killed, LiveMove, dying_after

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
            # First, since a row with a key that runs in circles is stopped by its key.
            "INSERT INTO keyless VALUES ('x')",
            f"INSERT INTO keyed VALUES ({self.written}, 'x')",
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

    def comes_back(self, seconds: float) -> bool:
        """Whether a row that was written once is there twice, where it was written, within the time."""
        host = self.live.legacy if self.task == self.live.task else self.live.site
        twice = f"SELECT count(*) > {self.written} FROM keyless"
        return self.live.arrives(host, twice, [(True,)], seconds)

    def assert_alike(self) -> None:
        n = self.written
        for host in (self.live.legacy, self.live.site):
            assert self.live.rows(host, ALL) == [(n, n, 5, n, f"{n:03}")]
