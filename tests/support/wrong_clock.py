"""
A server of a test's own whose clock is wrong, and can be set while it runs (libfaketime).

Promise: this machine's own clock, and every other program's, stays what it is; so does the server's after it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.private_hosts import PrivateHost

# $LIB is the loader's own word for where this architecture's libraries lie.
_LIBRARY = "/usr/$LIB/faketime/libfaketime.so.1"


@contextmanager
def wrong_clock(host: PrivateHost, hours: int) -> Iterator[Callable[[int], None]]:
    """Restart the host's PostgreSQL with a clock so many hours ahead; gives what sets it anew, at once."""
    offset = host.folder / "clock"

    def set_clock(hours: int) -> None:
        fresh = offset.with_name("clock.new")
        fresh.write_text(f"{hours * 3600:+d}\n")
        fresh.rename(offset)

    set_clock(hours)
    host.stop_postgres()
    host.environment = {
        "LD_PRELOAD": _LIBRARY,
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    host.start_postgres()
    try:
        yield set_clock
    finally:
        host.stop_postgres()
        host.environment = {}
        host.start_postgres()
