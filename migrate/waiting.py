"""
Waiting for something on another machine, at a fair pace and never for ever.

Promise: the condition is looked at at once, and once more at the deadline; the caller learns which it was.
"""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], *, deadline_seconds: float, pace_seconds: float = 0.2) -> bool:
    """
    Look at `holds` every `pace_seconds` until it is true; return False when the deadline passed first.

    Errors of `holds` are the caller's: an unreachable host is no reason to wait on.
    """
    ends_at = time.monotonic() + deadline_seconds
    while not holds():
        left = ends_at - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pace_seconds, left))
    return True
