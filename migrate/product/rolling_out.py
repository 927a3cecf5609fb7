"""
A tenant's rollout: which client goes to which of its workstations, and what came of the last one.

Promise: evidence ``workstations`` is written after every rollout, whatever came of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import EvidenceError, Refused
from migrate.product import workstations
from migrate.product.evidence import ProductionCopy
from migrate.product.order import ordered
from migrate.product.workstations import Matrix, Rollout
from provisioning.manifest import Environment


@dataclass(frozen=True)
class Limits:
    """How a rollout is carried out. `group` is the only one to go to; all where it is empty."""

    limit: int = 4
    retries: int = 1
    failure_budget: int = 0
    group: str = ""


def roll_out(
    case: Case, hosts: Hosts, limits: Limits, told: Callable[[str], None], environment: Environment = "test"
) -> Matrix:
    """
    Roll the client out to a tenant's workstations, and have each user's code open the site once.

    Raises:
        Refused: The product has no client, or there is no such group or no workstation.
    """
    order = ordered(case)
    client, groups = order.product.client, order.order.workstations
    chosen = tuple(one for one in groups if limits.group in ("", one.group))
    if client is None or not chosen:
        known = ", ".join(one.group for one in groups) or "none"
        raise Refused(
            f"{order.product.name} has no client to roll out" if client is None else
            f"no workstations in {limits.group or 'the order'}; groups are {known}",
            state="Nothing was rolled out.",
            next_step=f"add it to stacks/{case.manifest.tenant}.upgrade.yaml",
        )  # fmt: skip
    site = hosts.site(environment)
    plan = Rollout(
        root=case.workspace.root,
        folder=order.folder / client.folder,
        client=client,
        version=order.order.to,
        url=site.url,
        ca=site.ca,
        limit=limits.limit,
        retries=limits.retries,
        failure_budget=limits.failure_budget,
    )
    before = _before(case)
    matrix = workstations.roll_out(plan, chosen, before, told)
    if before is not None and len(chosen) < len(groups):
        went_to = {one.group for one in chosen}
        others = tuple(cell for cell in before.cells if cell.group not in went_to)
        matrix = matrix.model_copy(update={"cells": (*others, *matrix.cells)})
    case.write_evidence("workstations", matrix)
    return matrix


def _before(case: Case) -> Matrix | None:
    """The last rollout's matrix, unless what it opened was copied anew since."""
    try:
        matrix = case.read_evidence("workstations", Matrix)
        copied = case.read_evidence("test-copy", ProductionCopy)
    except EvidenceError:
        return None
    return matrix if matrix.rolled_out_at > copied.ended_at else None
