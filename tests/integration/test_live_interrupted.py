"""A server restarts in settle or turn, or a line is cut: told by name, and the part is repeated."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from migrate.transfer.postgresql_live.turn import turn_back
from provisioning.errors import BasculeError
from tests.support.line import Line
from tests.support.live import a_live_move, begin, happening_after
from tests.support.live_moving import SCHEMA, SWITCH, Moving, drain_it
from tests.support.private_hosts import PrivateHost

MOMENTS = (1, 2, 5)
"""After so many of the part's statements that change something; settling has few."""


@dataclass(frozen=True)
class Side:
    """One server of the move, which everybody reaches over a line that can be cut."""

    name: str
    host: PrivateHost
    line: Line

    def trouble(self, kind: str) -> None:
        if kind == "cut":
            self.line.cut()
        else:
            self.host.stop_postgres()

    def mend(self, kind: str) -> None:
        if kind == "cut":
            self.line.mend()
        else:
            self.host.start_postgres()


@dataclass(frozen=True)
class Troubled:
    moving: Moving
    sides: dict[str, Side]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    with a_live_move(tmp_path_factory.mktemp("interrupted"), SCHEMA, begun=False) as live:
        task = live.task
        with closing(Line(live.legacy)) as to_legacy, closing(Line(live.site)) as to_site:
            source, target = (
                replace(one, endpoint=replace(one.endpoint, port=line.port), kept=None)
                for one, line in ((task.source, to_legacy), (task.target, to_site))
            )
            live = replace(live, task=replace(task, source=source, target=target))
            begin(live.task)
            yield Troubled(
                Moving(live),
                {
                    "legacy": Side(source.name, live.legacy, to_legacy),
                    "site": Side(target.name, live.site, to_site),
                },
            )


@pytest.mark.parametrize("which", ["legacy", "site"])
@pytest.mark.parametrize("kind", ["restart", "cut"])
@pytest.mark.parametrize("part", ["settle", "turn"])
def test_vitess_17326_what_breaks_in_the_middle_is_told_and_repeated(
    troubled: Troubled, part: str, kind: str, which: str
) -> None:
    """
    Whichever statement it comes after, no row is missing or there twice.

    A turn is undone first, as a fallback does, and done again then.
    """
    moving, side = troubled.moving, troubled.sides[which]
    for after in MOMENTS:
        moving.write()
        for name in ("prepare", "drain", *(["settle"] if part == "turn" else [])):
            SWITCH[name](moving.task)
        told: list[BasculeError] = []
        happened: list[str] = []

        def happen(statement: str, happened: list[str] = happened) -> None:
            happened.append(statement)
            side.trouble(kind)

        try:
            with happening_after(after, happen):
                SWITCH[part](moving.task)
        except BasculeError as error:
            told.append(error)
        finally:
            if happened:
                side.mend(kind)

        assert happened or after > MOMENTS[0], "nothing in it changes anything"
        # What comes after the last statement of a side breaks nothing any more.
        assert all(side.name in f"{error}" for error in told)
        if part == "turn":
            turn_back(moving.task)
            moving.write()
            drain_it(moving.task)
        moving.switch()
        moving.assert_alike()
