"""
Latency: what a legacy system's users feel while something is done beside them.

Promise: reads only, a few small queries a second in sessions of its own. Measured the same way before and
during, so the two compare: the vendor's probes (what users do all day), the longest transaction of anybody
else that was seen open, and how many sessions were seen waiting for a lock that Bascule holds.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import monotonic

from psycopg import Error

from migrate.databases import Database, Session
from migrate.product.description import Probe
from provisioning.model import Model

PACE_SECONDS = 0.05
LEAST = 40
"""Probes that a measurement needs to count."""

_OTHERS = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - a.xact_start)) * 1000, 0)::float8,
       count(*) FILTER (WHERE a.wait_event_type = 'Lock' AND EXISTS (
           SELECT FROM pg_catalog.pg_stat_activity b
           WHERE b.pid = ANY (pg_catalog.pg_blocking_pids(a.pid)) AND b.application_name LIKE 'bascule%'))
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database() AND a.backend_type = 'client backend'
  AND a.application_name NOT LIKE 'bascule%' AND a.state <> 'idle'
"""


class Latency(Model):
    """One measurement, in milliseconds."""

    probes: int
    median_ms: float
    p95_ms: float
    longest_ms: float
    longest_transaction_ms: float
    """Of anybody else, as long as it was seen open."""
    waiting_for_us: int
    """Sessions seen waiting for a lock that Bascule held."""

    @property
    def shown(self) -> str:
        most = f"95 % under {self.p95_ms:.1f} ms, longest {self.longest_ms:.1f} ms"
        return f"median {self.median_ms:.1f} ms, {most}"


@dataclass
class _Seen:
    took_ms: list[float] = field(default_factory=list)
    longest_transaction_ms: float = 0.0
    waiting: int = 0


class Watch:
    """Measures from `begin` until `end`, in a thread of its own."""

    def __init__(self, session: Session, probes: Sequence[Probe]) -> None:
        self._session, self._probes = session, probes
        self._seen, self._stopped = _Seen(), threading.Event()
        self._failed: list[Error] = []
        self._thread = threading.Thread(target=self._work, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> Latency:
        """Stop once enough was measured, and tell; raises what a probe raised."""
        self._stopped.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]
        took = sorted(self._seen.took_ms)
        return Latency(
            probes=len(took),
            median_ms=round(median(took), 2),
            p95_ms=round(quantiles(took, n=20)[-1], 2),
            longest_ms=round(took[-1], 2),
            longest_transaction_ms=round(self._seen.longest_transaction_ms, 1),
            waiting_for_us=self._seen.waiting,
        )

    def _work(self) -> None:
        try:
            turn = 0
            while not (self._stopped.is_set() and len(self._seen.took_ms) >= LEAST):
                probe = self._probes[turn % len(self._probes)]
                began = monotonic()
                self._session.execute(probe.sql.encode()).fetchall()
                self._seen.took_ms.append((monotonic() - began) * 1000)
                longest, waiting = self._session.execute(_OTHERS).fetchall()[0]
                self._seen.longest_transaction_ms = max(self._seen.longest_transaction_ms, longest)
                self._seen.waiting = max(self._seen.waiting, waiting)
                turn += 1
                self._stopped.wait(PACE_SECONDS)
        except Error as error:
            self._failed.append(error)


@contextmanager
def watched(database: Database, probes: Sequence[Probe]) -> Iterator[Watch]:
    """Measure while the block lasts; whoever is in it calls `Watch.end`."""
    with database.opened() as session:
        session.execute("SET default_transaction_read_only = on")
        watch = Watch(session, probes)
        watch.begin()
        try:
            yield watch
        finally:
            watch._stopped.set()
            watch._thread.join()


def usual(database: Database, probes: Sequence[Probe]) -> Latency:
    """Measure while nothing is done beside."""
    with watched(database, probes) as watch:
        return watch.end()
