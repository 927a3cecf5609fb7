"""
Resources as a stack declares them or has them, read from what the engine says of the stack.

Promise: nothing but plain data; what is not known yet, or secret, is whatever word the engine has for it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One resource, of AWS or of ours."""

    type: str
    """Its token, such as ``aws:rds/instance:Instance``."""
    name: str
    inputs: Mapping[str, Any]
    identities: frozenset[str] = frozenset()
    """What others could name it by, once it stands: id, ARN, key id."""

    @property
    def tags(self) -> Mapping[str, Any]:
        given = self.inputs.get("tags") or {}
        # An auto scaling group's are a list.
        return {one["key"]: one["value"] for one in given} if isinstance(given, list) else given


def of_preview(text: str) -> list[Resource]:
    """Return what a stack will be made of on AWS, from ``pulumi preview --json``."""
    states = (step.get("newState") for step in json.loads(text).get("steps", []))
    return on_aws(resource_of(state) for state in states if state)


def of_state(text: str) -> list[Resource]:
    """Return what a stack is made of on AWS, from ``pulumi stack export``."""
    return on_aws(whole_state(text))


def whole_state(text: str) -> list[Resource]:
    """Return all that a stack is made of, providers included, from ``pulumi stack export``."""
    return [resource_of(state) for state in json.loads(text)["deployment"].get("resources", [])]


def on_aws(resources: Iterable[Resource]) -> list[Resource]:
    """Return those that are AWS's own."""
    return [one for one in resources if one.type.startswith("aws:")]


def resource_of(state: Mapping[str, Any]) -> Resource:
    """Return a resource from the engine's ``type``, ``urn``, ``id``, ``inputs`` and ``outputs``."""
    outputs = state.get("outputs") or {}
    words = (state.get("id"), outputs.get("arn"), outputs.get("keyId"))
    identities = frozenset(word for word in words if isinstance(word, str) and word)
    return Resource(state["type"], state["urn"].split("::")[-1], state.get("inputs") or {}, identities)
