"""
Reading a tenant's manifest from ``stacks/<tenant>.yaml``.

Promise: either a sound `Manifest` comes back, or one `ManifestError` that tells every fault at
once, each with its line, its path, what is wrong and how to mend it. Nothing else is touched.
"""

import difflib
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from provisioning.errors import ManifestError
from provisioning.manifest import Manifest, Name
from provisioning.workspace import Workspace

Location = tuple[int | str, ...]


@dataclass(frozen=True)
class Fault:
    """One thing to correct. `line` counts from 1; None where the file has no such place."""

    path: str
    line: int | None
    says: str

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.path}{where}: {self.says}" if self.path else f"{self.says}{where}"


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
        reason = _plain(error.errors()[0])
        raise ManifestError(f"tenant {tenant[:40]!a}: {reason}", state="Nothing was touched.") from None
    path = workspace.stacks / f"{tenant}.yaml"
    if not path.is_file():
        known = tenants(workspace)
        near = difflib.get_close_matches(tenant, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none yet'}"
        raise ManifestError(
            f"no tenant {tenant}: {_shown(workspace, path)} does not exist; {hint}",
            next_step=f"fab new-tenant --tenant {tenant}",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{_shown(workspace, path)} cannot be read: {error}") from error
    manifest, faults = read_manifest(text, file_stem=tenant)
    if manifest is None or faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise ManifestError(
            f"{_shown(workspace, path)}: {len(faults)} to correct, nothing was touched\n{listed}",
            next_step="correct the file, then: fab check",
        )
    return manifest


def tenants(workspace: Workspace) -> list[str]:
    """Return the tenants that have a manifest file, sorted; nothing is read but the folder."""
    reserved = ("Pulumi.", "rates.", "allowed_signers")
    return sorted(
        p.stem
        for p in workspace.stacks.glob("*.yaml")
        if not p.name.startswith(reserved) and "." not in p.stem
    )


def read_manifest(text: str, *, file_stem: str) -> tuple[Manifest | None, list[Fault]]:
    """Return the manifest in a text, or None, and every fault found in it; `file_stem` is the tenant's."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        return None, [Fault("", mark.line + 1 if mark else None, f"not YAML: {problem}")]
    lines: dict[Location, int] = {}
    faults: list[Fault] = []
    _place(node, (), lines, faults)
    manifest = None
    try:
        manifest = Manifest.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        faults += [_fault(detail, lines) for detail in error.errors()]
    if manifest is not None and manifest.tenant != file_stem:
        says = f"is {manifest.tenant!r}, yet the file is {file_stem}.yaml; make the two agree"
        faults.append(Fault("tenant", lines.get(("tenant",)), says))
    return manifest, faults


def _place(node: yaml.Node | None, here: Location, lines: dict[Location, int], faults: list[Fault]) -> None:
    """Note the line of every value; a key that stands twice is a fault, since the first would be lost."""
    if node is None:
        return
    lines[here] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _place(item, (*here, position), lines, faults)
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            there = (*here, str(key.value))
            if key.value in seen:
                says = "stands twice; keep one of the two"
                faults.append(Fault(_path(there), key.start_mark.line + 1, says))
            seen.add(key.value)
            _place(value, there, lines, faults)
            lines[there] = key.start_mark.line + 1


def _fault(detail: ErrorDetails, lines: dict[Location, int]) -> Fault:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    place: Location = location
    while place and place not in lines:
        place = place[:-1]
    return Fault(_path(location), lines.get(place), _plain(detail))


def _path(location: Location) -> str:
    return "/".join(str(part) for part in location)


def _plain(detail: ErrorDetails) -> str:
    """Say one of pydantic's faults in our words: what is wrong and how to mend it."""
    match detail["type"]:
        case "extra_forbidden":
            key = str(detail["loc"][-1])
            near = difflib.get_close_matches(key, _keys_beside(detail["loc"]), n=1)
            return f"unknown key; did you mean {near[0]}?" if near else "unknown key; take it out"
        case "missing":
            return "is missing; add it"
        case "value_error":
            return str(detail["ctx"]["error"]) if "ctx" in detail else detail["msg"]
        case "literal_error":
            return f"{detail['input']!r} is none of {detail['ctx']['expected']}"
        case "model_type" | "dict_type":
            return "must be a group of keys"
        case "too_short":
            return "is empty; give at least one"
        case "tuple_type":
            return "must be a list; begin each entry with a hyphen"
        case "timezone_aware":
            return "has no time zone; write it with its offset, such as 2026-03-07T17:00:00+01:00"
        case _:
            return detail["msg"][:1].lower() + detail["msg"][1:]


def _keys_beside(location: Location) -> list[str]:
    """Return the keys that the model knows at the place where an unknown one stood."""
    found: Any = Manifest
    for part in location[:-1]:
        if isinstance(found, type) and issubclass(found, BaseModel) and part in found.model_fields:
            found = found.model_fields[str(part)].annotation
        found = _innermost_model(found)
    return list(found.model_fields) if isinstance(found, type) and issubclass(found, BaseModel) else []


def _innermost_model(annotation: Any) -> Any:
    """Return the model inside ``tuple[Model, ...]``, ``dict[str, Model]`` or the like."""
    for argument in getattr(annotation, "__args__", ()):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return annotation


def _shown(workspace: Workspace, path: Path) -> str:
    return str(path.relative_to(workspace.root))
