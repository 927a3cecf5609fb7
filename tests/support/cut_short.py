"""
A rehearsal that is killed at the worst moment, for tests of what finds what it left.

Promise: nothing of it is taken away again, as after a real kill; what was patched for that is as before.
"""

from types import ModuleType
from typing import Any

import pytest

from migrate.rehearsal.run import rehearse
from migrate.step import StepContext
from migrate.transfer.contract import Live


def cut_short(ctx: StepContext, patch: pytest.MonkeyPatch, way: type[Live], stage: ModuleType) -> None:
    """
    Leave what a kill leaves when the move is turned round already, and the site fenced.

    Args:
        way: What turns it.
        stage: What takes the rehearsal away again, by its ``_clear``.
    """
    turn, turned = way.turn, list[str]()

    def die_at_the_second(self: Live, *args: Any, **words: Any) -> Any:
        turned.append("once")
        if len(turned) == 2:
            patch.setattr(stage, "_clear", lambda _: None)
            raise KeyboardInterrupt
        return turn(self, *args, **words)

    with patch.context() as patch:
        patch.setattr(way, "turn", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            rehearse(ctx)
