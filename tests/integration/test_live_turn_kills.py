"""The operator dies after each statement of a switch, and of its undoing; then all goes on."""

from collections.abc import Iterator

import pytest

from migrate.transfer.postgresql_live.turn import turn_back
from tests.support.live import Killed, a_live_move, dying_after
from tests.support.live_moving import MOST_STATEMENTS, SCHEMA, Moving, drain_it, turn_it


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
            if dying_in == "turn_back":
                # The tenant is at work again; were both ways open, this would run in circles.
                moving.write()
                assert not moving.comes_back(seconds=0.25)
        turn_back(moving.task)
        moving.write()
        drain_it(moving.task)
        if not killed:
            break
    moving.switch()
    moving.assert_alike()
