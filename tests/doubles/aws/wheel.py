"""
What the installed pulumi-aws wheel knows of a resource type: the names it takes, nested ones too.

Promise: nothing is listed here by hand; a name that the wheel does not know is found, also three levels
down.
"""

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pulumi_aws
from pulumi import _types


@cache
def _classes() -> dict[str, tuple[str, str]]:
    """Type token -> module and class, as the wheel registers them."""
    text = (Path(pulumi_aws.__file__).parent / "__init__.py").read_text()
    found = re.search(r'resource_modules="""\n(.*?)"""', text, re.DOTALL)
    assert found is not None, "the wheel lists its resources in another way now"
    return {
        token: (entry["fqn"], name)
        for entry in json.loads(found[1])
        for token, name in entry["classes"].items()
    }


@cache
def _arguments(token: str) -> Any:
    """The class of a type's arguments; KeyError for a type that there is not."""
    module, name = _classes()[token]
    home = importlib.import_module(getattr(importlib.import_module(module), name).__module__)
    return getattr(home, home.__all__[0])


def outputs_of(token: str) -> set[str]:
    """Names of a type's outputs, as on the wire."""
    module, name = _classes()[token]
    resource = getattr(importlib.import_module(module), name)
    return set(_types.resource_types(resource))


def _nested(annotation: Any) -> Any:
    """The input type within an annotation, if any, through lists and unions."""
    if isinstance(annotation, type) and _types.is_input_type(annotation):
        return annotation
    return next((one for part in get_args(annotation) if (one := _nested(part)) is not None), None)


def faults(token: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (property, reason) of whatever the wheel would not take."""
    if token not in _classes():
        yield "", f"pulumi-aws has no resource type {token}"
        return
    arguments = _arguments(token)
    yield from _faults_in(arguments, inputs, "")
    for name in required(arguments):
        if name not in inputs:
            yield name, "is required"


def required(arguments: Any) -> list[str]:
    """Wire names of the arguments that have no default."""
    to_wire = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters.values()
    return [to_wire[one.name] for one in parameters if one.default is one.empty and one.name in to_wire]


def _faults_in(arguments: Any, inputs: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    known = {wire: python for python, wire in _types.input_type_py_to_pulumi_names(arguments).items()}
    types = _types.input_type_types(arguments)
    for name, value in inputs.items():
        if name not in known:
            yield f"{where}{name}", "is no argument of this type"
            continue
        inner = _nested(types.get(name) or types.get(known[name]))
        for one in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(one, Mapping):
                yield from _faults_in(inner, one, f"{where}{name}.")
