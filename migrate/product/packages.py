"""
Packages that the manifest names for a tenant's workstations: installed on each, and tried by its users.

Promise: as a rollout of a client (`migrate.product.workstations`): what was met in the same version and on
the same site stays met. Evidence ``package-<name>``, whatever came of it.
"""

from collections.abc import Callable

from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import EvidenceError, Refused
from migrate.product.description import Client
from migrate.product.workstations import Matrix, Rollout, roll_out
from provisioning.manifest import Environment
from provisioning.manifest_services import Package


def install(
    case: Case, hosts: Hosts, told: Callable[[str], None], environment: Environment = "prod"
) -> dict[str, Matrix]:
    """
    Install every package on every workstation, and have each user try it there once.

    Returns:
        Who could do what from where, by package.

    Raises:
        Refused: The manifest names no workplace.
    """
    workplace = case.manifest.workplace
    if workplace is None:
        raise Refused(
            f"{case.manifest.tenant} has no workstations under workplace",
            state="Nothing was installed.",
            next_step=f"write workplace: into stacks/{case.manifest.tenant}.yaml",
        )
    site, found = hosts.site(environment), {}
    for package in workplace.packages:
        plan = Rollout(
            root=case.workspace.root,
            folder=case.workspace.root / package.folder,
            client=Client(folder=package.folder, open=package.test),
            version=package.version,
            url=site.url,
            ca=site.ca,
            place=f"{package.name}-{package.version}",
            install=package.install,
        )
        matrix = roll_out(plan, workplace.workstations, _before(case, package), told)
        case.write_evidence(_evidence(package), matrix)
        found[package.name] = matrix
    return found


def _evidence(package: Package) -> str:
    return f"package-{package.name}"


def _before(case: Case, package: Package) -> Matrix | None:
    try:
        return case.read_evidence(_evidence(package), Matrix)
    except EvidenceError:
        return None
