"""
Checking every tenant of a workspace: manifest, stack files, playbook, and the upgrade that it ordered.

Promise: reads only, and tells every fault of every tenant in one go.
"""

from migrate import playbook
from migrate.case import Case
from migrate.product.order import has_order, order_file, ordered
from provisioning.errors import BasculeError
from provisioning.manifest_file import read_manifest, tenants
from provisioning.model_file import Fault
from provisioning.workspace import Workspace


def check_all(workspace: Workspace) -> dict[str, list[Fault]]:
    """Return the faults of every tenant by name; an empty list says that it is sound."""
    return {tenant: check(workspace, tenant) for tenant in tenants(workspace)}


def check(workspace: Workspace, tenant: str) -> list[Fault]:
    """Return the faults of one tenant's files."""
    try:
        text = (workspace.stacks / f"{tenant}.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [Fault("", None, f"cannot be read: {error}")]
    manifest, faults = read_manifest(text, file_stem=tenant)
    if manifest is None:
        return faults
    faults = []
    for stack in (manifest.stack("test"), manifest.stack("prod")):
        if not (workspace.stacks / f"Pulumi.{stack}.yaml").is_file():
            faults.append(
                Fault("", None, f"stacks/Pulumi.{stack}.yaml is missing; pulumi stack init {stack}")
            )
    try:
        playbook.load(workspace, manifest.playbook)
    except BasculeError as error:
        faults.append(Fault("playbook", None, error.what))
    case = Case(workspace, manifest)
    if has_order(case):
        try:
            ordered(case)
        except BasculeError as error:
            faults.append(Fault(order_file(case).name, None, error.what))
    return faults
