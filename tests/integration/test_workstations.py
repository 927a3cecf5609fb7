"""The client rolled out to workstations over SSH: in parallel, again where one is away, within a budget."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.connections import connect
from migrate.errors import ConnectionFailed
from migrate.product import workstations
from migrate.product.description import Client
from migrate.product.order import Group, Workstation
from migrate.product.workstations import Matrix, Rollout, roll_out
from tests.support.private_hosts import PrivateHost, private_host
from tests.support.product import product_folder

URL = "https://erp.example"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[PrivateHost]]]:
    base = tmp_path_factory.mktemp("workstations")
    with ExitStack() as stack:
        yield base, [stack.enter_context(private_host(name, base)) for name in ("desk", "bench")]


@pytest.fixture
def plan(hosts: tuple[Path, list[PrivateHost]], tmp_path: Path) -> Rollout:
    client = Client.model_validate({"folder": "client", "open": "open"})
    folder = product_folder(tmp_path / "product") / "client"
    return Rollout(hosts[0], folder, client, "7", URL, "the authority", limit=2)


def station(name: str, *users: str, reached_as: str = "") -> Workstation:
    alias = reached_as or name
    given = {"name": name, "ssh_config": f"{alias}/etc/ssh_config", "ssh_alias": alias, "users": users}
    return Workstation.model_validate(given)


def groups(*stations: Workstation) -> tuple[Group, ...]:
    return tuple(Group(group=f"group-{n}", hosts=(one,)) for n, one in enumerate(stations))


def told(matrix: Matrix) -> list[tuple[str, str, str]]:
    return [(cell.workstation, cell.user, cell.outcome) for cell in matrix.cells]


def test_each_code_opens_the_application_once(plan: Rollout, hosts: tuple[Path, list[PrivateHost]]) -> None:
    """On every workstation, by every code; a code that is not let in has failed, and the rest has not."""
    matrix = roll_out(
        replace(plan, failure_budget=1),
        groups(station("desk", "ADM", "BAD"), station("bench", "MET")),
        None,
        print,
    )
    assert told(matrix) == [("desk", "ADM", "met"), ("desk", "BAD", "failed"), ("bench", "MET", "met")]
    assert matrix.counted == {"met": 2, "failed": 1, "not tried": 0}
    assert not matrix.passed
    assert matrix.cells[0].says == f"ADM opened {URL}"
    rolled_out = hosts[1][0].folder / "client" / "7"
    assert (rolled_out / "site-ca.pem").read_text() == "the authority"
    assert sorted(path.name for path in rolled_out.iterdir()) == ["open", "site-ca.pem"]


def test_the_failure_budget_leaves_the_rest(plan: Rollout) -> None:
    """Once more hosts failed than may, those that were not begun are said to be not tried."""
    stations = (station("away", "X", reached_as="nobody"), station("desk", "ADM"), station("bench", "MET"))
    matrix = roll_out(plan, groups(*stations), None, print)
    assert told(matrix) == [
        ("away", "X", "failed"),
        ("desk", "ADM", "not tried"),
        ("bench", "MET", "not tried"),
    ]
    assert "has no Host nobody" in matrix.cells[0].says
    matrix = roll_out(replace(plan, failure_budget=1), groups(*stations), None, print)
    assert told(matrix) == [("away", "X", "failed"), ("desk", "ADM", "met"), ("bench", "MET", "met")]


def test_a_repeat_goes_to_the_rest_only(plan: Rollout, hosts: tuple[Path, list[PrivateHost]]) -> None:
    """What was met in this version stays met and is not gone to again; in another version it is."""
    first = roll_out(plan, groups(station("desk", "ADM", "BAD")), None, print)
    marker = hosts[1][0].folder / "client" / "7" / "untouched"
    marker.write_text("")
    visited: list[str] = []
    second = roll_out(plan, groups(station("desk", "ADM")), first, visited.append)
    assert told(second) == [("desk", "ADM", "met")]
    assert visited == []
    assert marker.exists()
    third = roll_out(replace(plan, version="8"), groups(station("desk", "ADM")), second, visited.append)
    assert third.passed
    assert visited == ["desk: ADM met"]


def test_one_that_does_not_answer_is_tried_again(
    plan: Rollout, hosts: tuple[Path, list[PrivateHost]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As often as asked for; then it has failed for each of its codes."""
    tried: list[str] = []

    def away_at_first(config: Path, alias: str) -> object:
        tried.append(alias)
        if len(tried) < 3:
            raise ConnectionFailed(f"no SSH connection to {alias}")
        return connect(config, alias)

    monkeypatch.setattr(workstations, "connect", away_at_first)
    assert not roll_out(replace(plan, retries=1), groups(station("desk", "ADM")), None, print).passed
    assert tried == ["desk", "desk"]
    assert roll_out(replace(plan, retries=1), groups(station("desk", "ADM")), None, print).passed
