"""
Checking every tenant of a workspace: manifest, stack files, playbook, and the upgrade that it ordered.

Promise: reads only, and tells every fault of every tenant in one go.
"""

from typing import get_args

from migrate import playbook
from migrate.case import Case
from migrate.product.order import has_order, order_file, ordered
from provisioning.errors import BasculeError
from provisioning.manifest import Environment
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
    environments: set[Environment] = {"test", "prod"}
    try:
        environments = {"prod", *_stood_up(playbook.load(workspace, manifest.playbook))}
    except BasculeError as error:
        faults.append(Fault("playbook", None, error.what))
    for environment in sorted(environments):
        stack = manifest.stack(environment)
        if not (workspace.stacks / f"Pulumi.{stack}.yaml").is_file():
            faults.append(
                Fault("", None, f"stacks/Pulumi.{stack}.yaml is missing; pulumi stack init {stack}")
            )
    case = Case(workspace, manifest)
    if has_order(case):
        try:
            ordered(case)
        except BasculeError as error:
            faults.append(Fault(order_file(case).name, None, error.what))
    return faults


def _stood_up(plan: playbook.Playbook) -> set[Environment]:
    """Which sites a playbook has steps for: not every vendor's process has a test site."""
    named = {entry.params.get("environment") for phase in plan.phases for entry in phase.steps}
    return {environment for environment in get_args(Environment) if environment in named}
