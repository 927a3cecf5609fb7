"""What rehearsals of every engine have in common, without a server."""

from dataclasses import dataclass, field

import pytest

from migrate.compare.planted import Planted
from migrate.compare.verdict import DatabaseComparison, TableResult
from migrate.errors import TransferError
from migrate.rehearsal.engines import REHEARSALS, rehearsing
from migrate.rehearsal.workload import Acknowledged, Workload, missing
from migrate.transfer import WAYS
from migrate.transfer.contract import Live
from migrate.waiting import wait_until
from provisioning.manifest import Manifest
from tests.support.tenants import firm_manifest


@dataclass
class Side:
    """A database that takes writes, or refuses them, or ends the session of whoever writes."""

    takes: bool = True
    ends_sessions: bool = False
    written: set[tuple[int, int]] = field(default_factory=set)
    closed: int = 0

    def connect(self) -> "Client":
        return Client(self)


@dataclass
class Client:
    side: Side
    is_open: bool = True

    def write(self, client: int, number: int) -> None:
        if not self.is_open or self.side.ends_sessions:
            self.is_open = False
            raise TransferError("the session was ended")
        if not self.side.takes:
            raise TransferError("read-only")
        self.side.written.add((client, number))

    def close(self) -> None:
        self.side.closed += 1


def test_every_live_way_is_rehearsed() -> None:
    """A way that goes live without a rehearsal between its engines is refused here, not on the evening."""
    pairs = {(source, target) for (source, _, target), way in WAYS.items() if isinstance(way, Live)}

    assert pairs == REHEARSALS.keys()


def test_between_other_engines_nothing_rehearses() -> None:
    """Asked for all the same, it is refused with the ways that there are."""
    asked = firm_manifest()
    asked["legacy"]["databases"][0]["engine"] = "mariadb"

    with pytest.raises(TransferError, match="mariadb to mariadb, postgresql to postgresql"):
        rehearsing(Manifest.model_validate(asked))


def test_users_go_where_they_are_let_in_and_lose_nothing() -> None:
    """Refused, then ended, they go on with the other side from the number that was not acknowledged."""
    source, target = Side(), Side(takes=False)
    with Workload({"source": source.connect, "target": target.connect}, per_second=2000) as users:
        assert wait_until(lambda: users.taken_by("source") > 20, deadline_seconds=20, pace_seconds=0.01)
        source.ends_sessions = target.takes = True
        assert wait_until(lambda: users.taken_by("target") > 20, deadline_seconds=20, pace_seconds=0.01)

    assert len(users.stops()) == 1
    assert len(source.written) + len(target.written) == users.acknowledged
    held = {
        log.client: sum(client == log.client for client, _ in source.written | target.written)
        for log in users.logs
    }
    assert missing(held, users.logs) == 0
    assert source.closed >= len(users.logs)  # a session that the server ended is given up, not only forgotten


def test_what_was_acknowledged_and_is_not_there_is_missing() -> None:
    """Each number counts; a client that nothing is there of lost all of them."""
    logs = [Acknowledged(0, [(0.1, 1, "source"), (0.2, 2, "target")]), Acknowledged(1, [(0.1, 1, "source")])]

    assert missing({0: 1}, logs) == 2


def test_a_fault_is_found_by_its_own_name_only() -> None:
    """A verdict that names another row, or the same one otherwise, did not find it; nor is its undo shown."""
    fault = Planted("lost row", ("missing", "t 33"), ("INSERT INTO t VALUES (33, 'geheim')",))

    def verdict(kind: str, key: str) -> DatabaseComparison:
        table = TableResult.model_validate(
            {
                "name": "t",
                "source_rows": 2,
                "target_rows": 1,
                "source_digest": "a",
                "target_digest": "b",
                "differing": [{"key": key, "kind": kind}],
            }
        )
        return DatabaseComparison.model_validate(
            {
                "name": "x",
                "source_position": "",
                "target_position": "",
                "tables": [table],
                "definitions": 1,
                "sequences": 0,
                "large_objects": 0,
                "differences": [],
                "not_compared": [],
                "seconds": 0.1,
            }
        )

    assert fault.found_in(verdict("missing", "33"))
    assert not fault.found_in(verdict("changed", "33"))
    assert not fault.found_in(verdict("missing", "34"))
    assert "geheim" not in repr(fault)
