"""
What a rule is, and the small words that rules are made of.

Promise: a rule reads the inputs of one resource and nothing else; what it cannot read it refuses, and what is
not known before AWS tells it waits: the engine asks again in the update, just before it makes the resource.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.policy.resources import Resource

Holds = Callable[[Resource], bool]
_UNKNOWN = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    }
)
"""The engine's words, in a preview, for a text, a truth and a number that are not known yet."""


class NotKnownError(Exception):
    """A rule asked for a value that only AWS can tell."""


@dataclass(frozen=True)
class Rule:
    """What must hold of every resource of one type."""

    id: str
    type: str
    """Ending of the type's token, such as ``:Instance``; empty for every type."""
    holds: Holds
    reason: str
    remedy: str

    def breaks(self, resource: Resource) -> bool:
        """Whether this is broken for certain."""
        return self._verdict(resource) is False

    def waits(self, resource: Resource) -> bool:
        """Whether it takes a value that is not known yet to tell."""
        return self._verdict(resource) is None

    def _verdict(self, resource: Resource) -> bool | None:
        try:
            return not self.concerns(resource) or self.holds(resource)
        except NotKnownError:
            return None

    def concerns(self, resource: Resource) -> bool:
        """Whether it is about this; components are named like what they hold, and are nothing themselves."""
        return resource.type.startswith("aws:") and resource.type.endswith(self.type)


def at(inputs: Any, path: str) -> Any:
    """Return the value at a path such as ``metadataOptions.httpTokens`` or ``rules.0.id``, if any."""
    for step in path.split("."):
        if isinstance(inputs, list):
            inputs = inputs[int(step)] if step.isdigit() and int(step) < len(inputs) else None
        else:
            inputs = inputs.get(step) if isinstance(inputs, Mapping) else None
    return inputs


def known(inputs: Any, path: str) -> Any:
    """
    As `at`, for a rule that cannot do without the value.

    Raises:
        NotKnownError: There will be one, and nobody knows which.
    """
    value = at(inputs, path)
    if isinstance(value, str) and value in _UNKNOWN:
        raise NotKnownError(path)
    return value


def is_on(*paths: str) -> Holds:
    """Each of these is true."""
    return lambda resource: all(known(resource.inputs, path) in (True, "true") for path in paths)


def is_off(*paths: str) -> Holds:
    """Each of these is declared false: what is not declared may be anything."""
    return lambda resource: all(known(resource.inputs, path) in (False, "false") for path in paths)


def is_there(*paths: str) -> Holds:
    """Each of these has a value that is not empty."""
    return lambda resource: all(at(resource.inputs, path) not in (None, "", [], {}) for path in paths)


def is_absent(*paths: str) -> Holds:
    """None of these is declared, or only as empty."""
    return lambda resource: all(at(resource.inputs, path) in (None, "", [], {}) for path in paths)


def equals(path: str, *allowed: Any) -> Holds:
    """This is one of the allowed values."""
    return lambda resource: known(resource.inputs, path) in allowed


def at_least(path: str, least: int) -> Holds:
    """This is a number, and no smaller."""

    def holds(resource: Resource) -> bool:
        value = known(resource.inputs, path)
        return isinstance(value, int | float) and value >= least

    return holds


def both(*every: Holds) -> Holds:
    return lambda resource: all(one(resource) for one in every)


def statements(resource: Resource, path: str = "policy") -> list[Mapping[str, Any]] | None:
    """
    Return the statements of a policy document; None where it is no text that can be read.

    Raises:
        NotKnownError: It names what AWS has still to make.
    """
    text = known(resource.inputs, path)
    try:
        found = json.loads(text or "")["Statement"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, list) else [found]
