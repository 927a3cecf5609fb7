"""
Commands on a product: workstations, customisations, the vendor's baseline.

Promise: legacy is only read; what is written is the case's, or the product's folder for a baseline.
"""

import json as json_text

from fabric import task
from invoke.context import Context

from migrate.connections import Hosts
from migrate.errors import Refused
from migrate.product import decisions, discovery, rolling_out
from migrate.product.installation import legacy_of, version_in
from migrate.product.order import ordered
from migrate.tasks.edge import WAITING, for_a_person, open_case


@task(
    name="workstations",
    help={
        "tenant": "Whose workstations.",
        "limit": "Hosts at once.",
        "retries": "How often one that does not answer is tried again.",
        "failure-budget": "Hosts that may fail before the rest is left.",
        "group": "Only this group of the upgrade file.",
        "json": "The matrix as one JSON object.",
    },
)
def workstations(
    _: Context,
    tenant: str,
    limit: int = 4,
    retries: int = 1,
    failure_budget: int = 0,
    group: str = "",
    json: bool = False,
) -> None:
    """Roll the client out over SSH, open it once with each user's code, and show who could."""
    with for_a_person(as_json=json):
        case = open_case(tenant)
        wanted = rolling_out.Limits(limit, retries, failure_budget, group)
        with Hosts(case.workspace, case.manifest) as hosts:
            matrix = rolling_out.roll_out(case, hosts, wanted, lambda line: None if json else print(line))
    if json:
        print(json_text.dumps(matrix.model_dump(mode="json")))
    else:
        for cell in matrix.cells:
            print(f"{cell.outcome:10} {cell.group:12} {cell.workstation:16} {cell.user:12} {cell.says}")
        print(", ".join(f"{number} {which}" for which, number in matrix.counted.items()))
    if not matrix.passed:
        raise SystemExit(WAITING)


@task(name="customisations", help={"tenant": "Whose customisations."})
def customisations(_: Context, tenant: str) -> None:
    """Find what differs from the vendor's baseline, and write the form to decide on each."""
    with for_a_person():
        case = open_case(tenant)
        order = ordered(case)
        with Hosts(case.workspace, case.manifest) as hosts:
            with legacy_of(hosts).opened() as session:
                version = version_in(session, order.product)
            found = discovery.discover(case, hosts, order, version)
        form = decisions.write_form(case, found) if found.found else None
    for one in found.found:
        print(f"{one.change:8} {one.id} ({one.lines} lines)")
    print(f"{len(found.found)} of {found.compared} objects differ from {found.product} {found.version}")
    if form is not None:
        print(f"Next: decide on each in {form}")


@task(name="baseline", help={"tenant": "A reference installation of the vendor's, as a tenant."})
def baseline(_: Context, tenant: str) -> None:
    """Write the baseline manifest of a version from the vendor's reference installation of it."""
    with for_a_person():
        case = open_case(tenant)
        if case.journal.last("attempt") is not None:
            raise Refused(
                f"{tenant} is being moved; a reference installation is not", state="Nothing was written."
            )
        with Hosts(case.workspace, case.manifest) as hosts:
            where = discovery.make_baseline(hosts, ordered(case))
    print(f"wrote {where}")
