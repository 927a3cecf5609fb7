"""A comparison beside running work yields to the source's own work, and to a person."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from migrate.compare import changes
from migrate.compare.beside import PostgresqlBeside
from migrate.compare.pacing import Care, Health, unwell
from provisioning.manifest import Throttle
from tests.support.flowing import Flowing, flowing

SCHEMA = """
CREATE TABLE zeile (id int PRIMARY KEY, was text);
INSERT INTO zeile SELECT n, 'w' FROM generate_series(1, 50) n;
"""
USUAL = Health(latency_us=5_000, behind_bytes=0, active_sessions=1)


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flowing]:
    with flowing(tmp_path_factory.mktemp("paced"), SCHEMA) as flow:
        yield flow


@pytest.fixture
def store(flow: Flowing, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "compare.sqlite"
    changes.end("alpenblick", "besa", flow.source, flow.target)


def compared(flow: Flowing, store: Path, care: Care) -> bool:
    found = PostgresqlBeside().compare(
        "besa", flow.source, flow.target, tenant="alpenblick", store=store, care=care
    )
    return found.agrees


def test_it_waits_while_a_person_holds_it(flow: Flowing, store: Path) -> None:
    """Who, and why, is said once; it goes on as soon as they let it."""
    answers = iter(["paused by vera: lunch", "paused by vera: lunch"])
    said: list[str] = []
    care = Care(limits=Throttle(), why_held=lambda: next(answers, ""), say=said.append)
    assert compared(flow, store, care)
    assert said == ["the comparison waits: paused by vera: lunch", "the comparison goes on"]


def test_it_waits_while_many_are_at_work_on_the_source(flow: Flowing, store: Path) -> None:
    """Sessions of others count, its own do not."""
    said: list[str] = []
    with ThreadPoolExecutor(2) as others:
        at_work = [others.submit(flow.legacy.psql, "besa", "SELECT pg_sleep(4)") for _ in range(2)]
        care = Care(limits=Throttle(active_sessions=1), why_held=lambda: "", say=said.append)
        assert compared(flow, store, care)
        for one in at_work:
            one.result()
    assert said == [
        "the comparison waits: 2 sessions are at work on the source, limit 1",
        "the comparison goes on",
    ]


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (Health(99_000, 0, 1), ""),
        (Health(101_000, 0, 1), "the source answers in 101 ms, limit 100 ms"),
        (Health(5_000, 65 * 1024**2, 1), "a standby of the source is 65 MiB behind, limit 64 MiB"),
        (Health(5_000, 0, 51), "51 sessions are at work on the source, limit 50"),
    ],
)
def test_any_one_measure_holds_it(now: Health, says: str) -> None:
    """As for the base copy: each limit alone, in these words."""
    assert unwell(USUAL, now, Throttle(), sessions=50) == says
