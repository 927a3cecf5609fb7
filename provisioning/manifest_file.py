"""
A tenant's manifest, read from ``stacks/<tenant>.yaml``.

Promise: either a sound `Manifest` comes back, or one `ManifestError` that tells every fault at
once. Nothing else is touched.
"""

import difflib
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from provisioning.errors import ManifestError
from provisioning.manifest import Manifest, Name
from provisioning.manifest_references import misfits
from provisioning.model_file import Fault, plain, read_model
from provisioning.workspace import Workspace

_NOT_TENANTS = {"activities", "drift-exceptions", "mail", "policy-exceptions", "questions", "rates"}
"""Other YAML files that lie beside the manifests."""


def load_manifest(workspace: Workspace, tenant: str) -> Manifest:
    """
    Return the manifest of one tenant.

    Raises:
        ManifestError: The name is unsafe (no file was looked for), the file is missing, or it has
            faults; all of them are told.
    """
    try:
        TypeAdapter(Name).validate_python(tenant)
    except ValidationError as error:
        reason = plain(error.errors()[0], Manifest)
        raise ManifestError(f"tenant {tenant[:40]!a}: {reason}", state="Nothing was touched.") from None
    path = workspace.stacks / f"{tenant}.yaml"
    shown = path.relative_to(workspace.root)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _unknown(workspace, tenant, shown) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{shown} cannot be read: {error}") from error
    manifest, faults = read_manifest(text, file_stem=tenant)
    if manifest is None:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise ManifestError(
            f"{shown}: {len(faults)} to correct, nothing was touched\n{listed}",
            next_step="correct the file, then: fab check",
        )
    return manifest


def tenants(workspace: Workspace) -> list[str]:
    """Return the tenants that have a manifest file, sorted; nothing is read but the folder."""
    stems = (path.stem for path in workspace.stacks.glob("*.yaml"))
    return sorted(stem for stem in stems if "." not in stem and stem not in _NOT_TENANTS)


def read_manifest(text: str, *, file_stem: str) -> tuple[Manifest | None, list[Fault]]:
    """Return the manifest in a text, or None and every fault in it; `file_stem` is the tenant's name."""
    reading = read_model(text, Manifest, misfits)
    if reading.model is not None and reading.model.tenant != file_stem:
        says = f"is {reading.model.tenant!r}, yet the file is {file_stem}.yaml; make the two agree"
        return None, [Fault("tenant", reading.lines.get(("tenant",)), says)]
    return reading.model, reading.faults


def _unknown(workspace: Workspace, tenant: str, shown: Path) -> ManifestError:
    known = tenants(workspace)
    near = difflib.get_close_matches(tenant, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none yet'}"
    return ManifestError(
        f"no tenant {tenant}: {shown} does not exist; {hint}",
        next_step=f"fab new-tenant --tenant {tenant}",
    )
