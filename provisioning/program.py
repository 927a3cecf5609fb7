"""
One stack, from its name to its site: tenant and environment, manifest, substrate, outputs.

Promise: ``prod`` is protected unless its configuration says otherwise; a wrong manifest or a wrong
configuration ends the program before any resource is declared, with its text alone.
"""

import importlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

import pulumi
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from provisioning.door_state import DoorState
from provisioning.engine import PLATFORM
from provisioning.errors import BasculeError, ManifestError, WorkspaceError
from provisioning.manifest import Environment, HostName, Manifest
from provisioning.manifest_file import load_manifest
from provisioning.running import running_workspace
from provisioning.site import SiteArgs


def environment_of(stack: str) -> tuple[str, Environment]:
    """
    Return tenant and environment of a stack's name.

    Raises:
        WorkspaceError: It is not ``<tenant>-test`` or ``<tenant>-prod``.
    """
    tenant, _, last = stack.rpartition("-")
    for environment in get_args(Environment):
        if tenant and last == environment:
            return tenant, environment
    raise WorkspaceError(
        f"{stack} is no site's stack: its name must be <tenant>-test or <tenant>-prod",
        next_step="pulumi stack ls",
    )


def door_of(config: pulumi.Config) -> DoorState:
    """
    Return the door's state as configured; closed when nothing is.

    Raises:
        WorkspaceError: It is no state of a door.
    """
    wanted = config.get("door") or "closed"
    for state in get_args(DoorState):
        if wanted == state:
            return state  # type: ignore[no-any-return] # get_args knows no Literal
    raise WorkspaceError(
        f"bascule:door is {wanted!r}; it must be one of {', '.join(get_args(DoorState))}",
        next_step="pulumi config set bascule:door closed",
    )


def opens_of(config: pulumi.Config) -> datetime | None:
    """
    Return by when the site is to be open, where that is agreed.

    Raises:
        WorkspaceError: It is no moment with an offset.
    """
    example = "pulumi config set bascule:opens 2027-07-03T12:00:00+02:00; or config rm bascule:opens"
    agreed: datetime | None = _agreed(config, "opens", AwareDatetime, example)
    return agreed


def named_as_agreed(manifest: Manifest, config: pulumi.Config) -> Manifest:
    """
    Return the manifest with the site name that was agreed with the customer, where the stack has one.

    Raises:
        WorkspaceError: It is no host name.
    """
    example = f"pulumi config set bascule:siteName {manifest.site_name}"
    name = _agreed(config, "siteName", HostName, example)
    return manifest if name is None else manifest.model_copy(update={"site_name": name})


def _agreed(config: pulumi.Config, key: str, kind: Any, next_step: str) -> Any:
    """Return what was agreed with the customer, as `kind` has it; None where nothing was."""
    given = config.get(key)
    if given is None:
        return None
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise WorkspaceError(f"bascule:{key} is {given!r}: {said}", next_step=next_step) from None


def services_of(manifest: Manifest, config: pulumi.Config) -> tuple[str, ...]:
    """
    Return the services that the stack's configuration switches on, in the manifest's order.

    Raises:
        WorkspaceError: It names one that the manifest does not have.
    """
    asked = {name for name in (config.get("services") or "").split(",") if name}
    known = [service.name for service in manifest.services]
    if unknown := sorted(asked - set(known)):
        raise WorkspaceError(
            f"bascule:services names {', '.join(unknown)}; the manifest has {', '.join(known) or 'none'}",
            next_step="pulumi config set bascule:services NAME,NAME",
        )
    return tuple(name for name in known if name in asked)


def site_on(manifest: Manifest) -> Any:
    """
    Return the ``Site`` component of the manifest's substrate: one folder each, nothing to be entered here.

    Raises:
        ManifestError: There is no such folder.
    """
    try:
        return importlib.import_module(f"provisioning.{manifest.substrate}.site").Site
    except ModuleNotFoundError as error:
        if error.name and not error.name.startswith(f"provisioning.{manifest.substrate}"):
            raise
        raise ManifestError(
            f"{manifest.tenant}: there is no substrate {manifest.substrate!r} yet",
            next_step="use substrate: local",
        ) from None


def declare() -> Mapping[str, Any]:
    """Declare the site of the stack that runs, or a platform; return its outputs, a site's contract."""
    tenant, environment = environment_of(pulumi.get_stack())
    config = pulumi.Config("bascule")
    protected = config.get_bool("protect")
    protect = environment == "prod" if protected is None else protected
    if tenant == PLATFORM:
        # Here, since no stack of the local substrate is to wait for pulumi-aws.
        from provisioning.aws.platform import platform_of

        return platform_of(environment, config, pulumi.ResourceOptions(protect=protect)).outputs
    manifest = named_as_agreed(load_manifest(running_workspace(), tenant), config)
    args = SiteArgs(
        manifest=manifest,
        environment=environment,
        door=door_of(config),
        door_reason=config.get("doorReason") or "",
        opens=opens_of(config),
        configuration=config.get("configuration") or "",
        moving=config.get_bool("moving") or False,
        tunnels=config.get_bool("tunnels") or False,
        services=services_of(manifest, config),
    )
    outputs: Mapping[str, Any] = site_on(manifest)(
        tenant, args, pulumi.ResourceOptions(protect=protect)
    ).outputs
    return outputs


def main() -> None:
    """As ``pulumi up`` runs it: an error of ours leaves without a traceback."""
    try:
        for name, value in declare().items():
            pulumi.export(name, value)
    except BasculeError as error:
        raise pulumi.RunError(str(error)) from None
