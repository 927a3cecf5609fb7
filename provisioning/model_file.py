"""
YAML files that hold a model: manifests, rate cards, playbooks.

Promise: either a sound model comes back, or every fault at once, each with its line, its path, what
is wrong and how to mend it. Numbers with a point reach a `Decimal` as they were written.
"""

import difflib
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from provisioning.errors import ManifestError
from provisioning.model import Location, Misfit

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Fault:
    """One thing to correct. `line` counts from 1; None where the file has no such place."""

    path: str
    line: int | None
    says: str

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.path}{where}: {self.says}" if self.path else f"{self.says}{where}"


@dataclass(frozen=True)
class Reading(Generic[M]):
    """What a text held. `model` is None where there are faults; `lines` gives the line of every path."""

    model: M | None
    faults: list[Fault]
    lines: dict[Location, int]


class _Exact(
    yaml.CSafeLoader
):  # libyaml's: every command reads a playbook, and Python's takes ten times as long
    """Leaves numbers with a point as text, so that 8.10 never passes through a float."""


def _as_written(loader: _Exact, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


_Exact.add_constructor("tag:yaml.org,2002:float", _as_written)


def read_model(
    text: str, kind: type[M], misfits: Callable[[object], Iterable[Misfit]] = lambda _: ()
) -> Reading[M]:
    """
    Read a YAML text into a model; faults of the YAML, of its keys and of its values are all told.

    Args:
        misfits: What the model would say of how its parts fit, did none have a fault of its own.
    """
    loader = _Exact(text)
    try:
        node = loader.get_single_node()
        value = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        return Reading(None, [Fault("", mark.line + 1 if mark else None, f"not YAML: {problem}")], {})
    finally:
        loader.dispose()
    lines: dict[Location, int] = {}
    faults: list[Fault] = []
    _place(node, (), lines, faults)
    model = None
    try:
        model = kind.model_validate(value)
    except ValidationError as error:
        faults += [_fault(detail, kind, lines) for detail in error.errors()]
        told = {(fault.path, fault.says) for fault in faults}
        beside = [Fault(_path(at), _line(at, lines), says) for at, says in misfits(value)]
        faults += [fault for fault in beside if (fault.path, fault.says) not in told]
    return Reading(model if not faults else None, faults, lines)


def load_model(path: Path, kind: type[M], *, next_step: str) -> M:
    """
    Return the model in a file that lies beside the manifests.

    Args:
        next_step: What to do when there is no such file.

    Raises:
        ManifestError: It is missing or has faults; all of them are told.
    """
    shown = f"{path.parent.name}/{path.name}"
    try:
        reading = read_model(path.read_text(encoding="utf-8"), kind)
    except FileNotFoundError:
        raise ManifestError(f"{shown} does not exist", next_step=next_step) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{shown} cannot be read: {error}") from error
    if reading.model is None:
        listed = "\n".join(f"  {fault}" for fault in reading.faults)
        raise ManifestError(
            f"{shown}: {len(reading.faults)} to correct, nothing was touched\n{listed}",
            next_step="correct the file, then repeat the command",
        )
    return reading.model


def plain(detail: ErrorDetails, kind: type[BaseModel]) -> str:
    """Say one of pydantic's faults in our words: what is wrong and how to mend it."""
    match detail["type"]:
        case "extra_forbidden":
            key = str(detail["loc"][-1])
            near = difflib.get_close_matches(key, _keys_beside(detail["loc"], kind), n=1)
            return f"unknown key; did you mean {near[0]}?" if near else "unknown key; take it out"
        case "missing":
            return "is missing; add it"
        case "value_error":
            # Pydantic's own types, such as an e-mail address, give a reason instead of our error.
            return str(detail.get("ctx", {}).get("error") or detail["msg"])
        case "literal_error":
            return f"{detail['input']!r} is none of {detail['ctx']['expected']}"
        case "model_type" | "dict_type":
            return "must be a group of keys"
        case "too_short":
            return "is empty; give at least one"
        case "tuple_type" | "list_type":
            return "must be a list; begin each entry with a hyphen"
        case "timezone_aware":
            return "has no time zone; write it with its offset, such as 2026-03-07T17:00:00+01:00"
        case _:
            return detail["msg"][:1].lower() + detail["msg"][1:]


def _place(node: yaml.Node | None, here: Location, lines: dict[Location, int], faults: list[Fault]) -> None:
    """Note the line of every value; a key that stands twice is a fault, since the first would be lost."""
    if node is None:
        return
    lines.setdefault(here, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _place(item, (*here, position), lines, faults)
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            there = (*here, str(key.value))
            line = key.start_mark.line + 1
            if key.value in seen:
                faults.append(Fault(_path(there), line, "stands twice; keep one of the two"))
            seen.add(key.value)
            lines[there] = line
            _place(value, there, lines, faults)


def _fault(detail: ErrorDetails, kind: type[BaseModel], lines: dict[Location, int]) -> Fault:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    return Fault(_path(location), _line(location, lines), plain(detail, kind))


def _line(location: Location, lines: dict[Location, int]) -> int | None:
    """The line of the nearest place around it that the file has."""
    place = location
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


def _path(location: Location) -> str:
    return "/".join(str(part) for part in location)


def _keys_beside(location: Location, kind: type[BaseModel]) -> list[str]:
    """Return the keys that the model knows at the place where an unknown one stood."""
    candidates: list[type[BaseModel]] = [kind]
    for part in location[:-1]:
        found: list[type[BaseModel]] = []
        for model in candidates:
            if part in model.model_fields:
                found += _models_in(model.model_fields[str(part)].annotation)
        candidates = found or candidates
    return [key for model in candidates for key in model.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in ``Model``, ``tuple[Model, ...]``, ``dict[str, Model]`` or a union of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
