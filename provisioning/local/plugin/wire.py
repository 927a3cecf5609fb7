"""
Values on Pulumi's wire: between protobuf structs and plain Python.

Promise: a secret is in clear inside the plugin only: `encode` marks what the caller names as secret,
and `secret_names` tells what arrived so. What the engine does not know yet arrives as `UNKNOWN`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark, no secret itself
_UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""A value that only the update itself will bring; met in previews."""


def _decode(value: Any) -> Any:
    match value:
        case dict():
            if _SIGNATURE in value:
                return _decode(value.get("value"))
            return {key: _decode(item) for key, item in value.items()}
        case list():
            return [_decode(item) for item in value]
        case float() if value.is_integer():
            return int(value)  # a Struct knows no integers
        case str() if value == _UNKNOWN_TEXT:
            return UNKNOWN
        case _:
            return value


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Return a struct's properties as plain Python; nulls are left out."""
    raw = json_format.MessageToDict(struct)
    return {key: _decode(value) for key, value in raw.items() if value is not None}


def _is_marked(value: Any) -> bool:
    match value:
        case dict():
            return _SIGNATURE in value or any(_is_marked(item) for item in value.values())
        case list():
            return any(_is_marked(item) for item in value)
        case _:
            return False


def secret_names(struct: struct_pb2.Struct) -> frozenset[str]:
    """Return the names of the properties in which something arrived marked as secret."""
    return frozenset(key for key, value in json_format.MessageToDict(struct).items() if _is_marked(value))


def _encode(value: Any) -> Any:
    match value:
        case _Unknown():
            return _UNKNOWN_TEXT
        case Mapping():
            return {key: _encode(item) for key, item in value.items()}
        case list() | tuple():
            return [_encode(item) for item in value]
        case _:
            return value


def encode(properties: Mapping[str, Any], secret: Iterable[str] = ()) -> struct_pb2.Struct:
    """Return properties as a struct; those named in `secret` are marked as secret."""
    hidden = set(secret)
    struct = struct_pb2.Struct()
    struct.update(
        {
            key: {_SIGNATURE: _SECRET, "value": _encode(value)}
            if key in hidden and not isinstance(value, _Unknown)
            else _encode(value)
            for key, value in properties.items()
            if value is not None
        }
    )
    return struct


def has_unknown(value: Any) -> bool:
    """Tell whether anything in a value is not known yet."""
    match value:
        case _Unknown():
            return True
        case Mapping():
            return any(has_unknown(item) for item in value.values())
        case list() | tuple():
            return any(has_unknown(item) for item in value)
        case _:
            return False
