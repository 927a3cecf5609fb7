"""
Property values as they travel between program, engine and provider.

Promise: a value is plain JSON data; secrets, unknowns and resource references keep the SDK's wire
form inside it (a signature key, or the well-known string), so nothing is lost on the way through.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Properties = dict[str, Any]


def plain(struct: struct_pb2.Struct | struct_pb2.Value) -> Any:
    """Return a protobuf struct as JSON data; whole numbers become `int`."""
    if isinstance(struct, struct_pb2.Struct):
        return {key: plain(value) for key, value in sorted(struct.fields.items())}
    kind = struct.WhichOneof("kind")
    if kind == "struct_value":
        return plain(struct.struct_value)
    if kind == "list_value":
        return [plain(value) for value in struct.list_value.values]
    if kind == "number_value":
        number = struct.number_value
        return int(number) if number.is_integer() else number
    return None if kind in (None, "null_value") else getattr(struct, kind)


def struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return JSON data as a protobuf struct."""
    message = struct_pb2.Struct()
    message.update(properties)
    return message


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def secret(value: Any) -> Any:
    """Mark a value as secret; one that is already stays as it is."""
    return value if is_secret(value) else {SIGNATURE: SECRET, "value": value}


def rewritten(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return `value` with `change` applied to every part, innermost first."""
    if isinstance(value, dict):
        value = {key: rewritten(part, change) for key, part in value.items()}
    elif isinstance(value, list):
        value = [rewritten(part, change) for part in value]
    return change(value)


def without_secrets(value: Any) -> Any:
    """Return `value` with every secret in clear, for a provider that takes none."""
    return rewritten(value, lambda part: part["value"] if is_secret(part) else part)


def without_references(value: Any) -> Any:
    """Return `value` with every resource reference as the id (or URN) that it stands for."""

    def change(part: Any) -> Any:
        if isinstance(part, dict) and part.get(SIGNATURE) == RESOURCE:
            return part["id"] if "id" in part else part["urn"]
        return part

    return rewritten(value, change)


def masked(value: Any) -> Any:
    """Return `value` as a person may see it: no secret, unknowns named."""

    def change(part: Any) -> Any:
        if is_secret(part):
            return "[secret]"
        return "[unknown]" if isinstance(part, str) and part == UNKNOWN else part

    return rewritten(value, change)


def holds(value: Any, wanted: Callable[[Any], bool]) -> bool:
    """Tell whether `value` or any part of it is `wanted`."""
    if wanted(value):
        return True
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(holds(part, wanted) for part in parts)


def annotate_secrets(outputs: Properties, inputs: Properties) -> None:
    """Mark what came in as a secret as one again, for a provider that knows of none."""
    for key, given in inputs.items():
        if key not in outputs:
            continue
        made = outputs[key]
        if isinstance(made, dict) and isinstance(given, dict) and not is_secret(given):
            annotate_secrets(made, given)
        elif holds(given, is_secret):
            outputs[key] = secret(made)


def differing(old: Properties, new: Properties) -> list[str]:
    """Name the top-level properties on which two bags differ, sorted."""
    return sorted(
        key
        for key in old.keys() | new.keys()
        if without_secrets(old.get(key)) != without_secrets(new.get(key))
    )


def at(properties: Any, path: str) -> Any:
    """Return what lies at a detailed-diff path such as ``roles[0].name``, or None."""
    for part in path.replace("[", ".").replace("]", "").split("."):
        if is_secret(properties):
            return properties  # whatever lies inside is as secret
        if isinstance(properties, dict):
            properties = properties.get(part.strip('"'))
        elif isinstance(properties, list) and part.isdigit() and int(part) < len(properties):
            properties = properties[int(part)]
        else:
            return None
    return properties


def put(properties: Properties, path: str, value: Any) -> None:
    """Set a top-level or dotted property, or remove it when `value` is None."""
    *parents, last = path.split(".")
    for part in parents:
        inner = properties.get(part)
        if not isinstance(inner, dict):
            return
        properties = inner
    if value is None:
        properties.pop(last, None)
    else:
        properties[last] = value
