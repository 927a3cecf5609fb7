"""
The client on workstations: rolled out over SSH to groups of hosts, and opened once by each user's code.

Promise: no more than `limit` hosts at once; a host that does not answer is tried again; once more failed
than the budget allows, those that were not begun are left and said to be not tried. What was met before stays
met, so that a repeat goes to the rest. Evidence ``workstations``.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from threading import Event, Lock
from typing import Literal

from pydantic import AwareDatetime

from migrate import remote
from migrate.connections import connect
from migrate.errors import ConnectionFailed, MigrationError
from migrate.product.description import Client
from migrate.product.order import Group, Workstation
from provisioning.model import Model

FOLDER = "client"
Outcome = Literal["met", "failed", "not tried"]


class Cell(Model):
    """One user code on one workstation."""

    group: str
    workstation: str
    user: str
    outcome: Outcome
    says: str = ""


class Matrix(Model):
    """Evidence ``workstations``: who could open which version from where."""

    version: str
    site: str
    rolled_out_at: AwareDatetime
    cells: tuple[Cell, ...]

    @property
    def counted(self) -> dict[str, int]:
        outcomes: tuple[Outcome, ...] = ("met", "failed", "not tried")
        return {which: sum(cell.outcome == which for cell in self.cells) for which in outcomes}

    @property
    def passed(self) -> bool:
        return bool(self.cells) and all(cell.outcome == "met" for cell in self.cells)


@dataclass(frozen=True)
class Rollout:
    """What is rolled out, and how."""

    root: Path
    """Of the workspace."""
    folder: Path
    """Of the client's files."""
    client: Client
    version: str
    url: str
    ca: str
    place: str = ""
    """What its folder on a workstation is called; by default by its version."""
    install: str = ""
    """A script among its files that is run there first; repeatable."""
    limit: int = 4
    retries: int = 1
    failure_budget: int = 0
    """So many hosts may fail before those that were not begun are left."""


def roll_out(
    plan: Rollout, groups: Sequence[Group], before: Matrix | None, told: Callable[[str], None]
) -> Matrix:
    """
    Roll the client out group by group; the hosts of a group in parallel.

    Args:
        before: The matrix of an earlier rollout; what was met in the same version and on the same site stays.
    """
    met = _met(before, plan)
    files, cells = _files(plan.folder), list[Cell]()
    failed, lock, over = [0], Lock(), Event()

    def one(group: str, host: Workstation) -> list[Cell]:
        users = [user for user in host.users if (host.name, user) not in met]
        kept = [
            Cell(group=group, workstation=host.name, user=u, outcome="met")
            for u in host.users
            if u not in users
        ]
        if not users:
            return kept
        if over.is_set():
            said = "the failure budget was used up"
            return kept + [_cell(group, host, user, "not tried", said) for user in users]
        found = _on_host(plan, group, host, users, files)
        if any(cell.outcome == "failed" for cell in found):
            with lock:
                failed[0] += 1
                if failed[0] > plan.failure_budget:
                    over.set()
        told(f"{host.name}: " + ", ".join(f"{cell.user} {cell.outcome}" for cell in found))
        return kept + found

    for group in groups:
        with ThreadPoolExecutor(max(1, plan.limit)) as pool:
            for done in pool.map(lambda host, name=group.group: one(name, host), group.hosts):
                cells += done
    return Matrix(version=plan.version, site=plan.url, rolled_out_at=datetime.now(UTC), cells=tuple(cells))


def _met(before: Matrix | None, plan: Rollout) -> set[tuple[str, str]]:
    if before is None or (before.version, before.site) != (plan.version, plan.url):
        return set()
    return {(cell.workstation, cell.user) for cell in before.cells if cell.outcome == "met"}


def _on_host(
    plan: Rollout, group: str, host: Workstation, users: Sequence[str], files: Mapping[str, bytes]
) -> list[Cell]:
    said = ""
    for _ in range(plan.retries + 1):
        try:
            connection = connect(plan.root / host.ssh_config, host.ssh_alias)
        except ConnectionFailed as error:
            said = error.what
            continue
        with connection:
            try:
                folder = f"{FOLDER}/{plan.place or plan.version}"
                content = {**files, "site-ca.pem": plan.ca.encode()}
                then = f"cd {quote(folder)} && sh {quote(plan.install)}" if plan.install else ""
                remote.write_folder(connection, folder, content, then=then, doing="rolling the client out")
                return [_opened(plan, connection, group, host, user, folder) for user in users]
            except MigrationError as error:
                said = error.what
    return [_cell(group, host, user, "failed", said) for user in users]


def _opened(plan: Rollout, connection: object, group: str, host: Workstation, user: str, folder: str) -> Cell:
    script = f"cd {quote(folder)} && sh {quote(plan.client.open)} {quote(plan.url)} {quote(user)} site-ca.pem"
    done = remote.attempt(connection, script)
    outcome: Outcome = "met" if done.status == 0 else "failed"
    return _cell(group, host, user, outcome, (done.text or done.errors)[:300])


def _cell(group: str, host: Workstation, user: str, outcome: Outcome, says: str) -> Cell:
    return Cell(group=group, workstation=host.name, user=user, outcome=outcome, says=says)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
