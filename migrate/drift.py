"""
Drift: which sites no longer are what their program says, and in what.

Promise: reads only; a stack that could not be looked at is an error, never "no drift".
"""

import json
import re
from dataclasses import dataclass, field

from provisioning.engine import Stack
from provisioning.errors import EngineError

_DRIFTED = "no changes were expected"
"""What the engine ends with when it found a difference, and on nothing else."""
_NO_STACK = "no stack named"

_TOKEN = r"[A-Za-z0-9_.-]+:[A-Za-z0-9_./-]*:[A-Za-z0-9_.-]+"  # noqa: S105 - a type token such as aws:s3/bucket:Bucket
_DETAILED = re.compile(rf"^\s*[~+>-]{{1,2}} ({_TOKEN}): \((.+)\)")
_ROW = re.compile(rf"^\s*[~+>-]{{1,2}}\s+({_TOKEN})\s+(\S+)\s+(\S+)")
_URN = re.compile(r"^\s*\[urn=urn:pulumi:.*::([^\]]+)\]")
_PROPERTY = re.compile(r"^\s+[~+-]{1,2}\s+([\w.\[\]\"/-]+)\s*:")
_END = re.compile(r"^\s*(Resources|Outputs|Diagnostics|--outputs:--)")


@dataclass
class Change:
    """One resource that differs: what the engine would do to it, and in which properties."""

    type: str
    name: str
    operation: str
    properties: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        differing = f": {', '.join(self.properties)}" if self.properties else ""
        return f"{self.type} {self.name} ({self.operation}){differing}"


@dataclass(frozen=True)
class Drift:
    """What the look at one stack found; `changes` is empty when it is as its program says."""

    stack: str
    changes: tuple[Change, ...]
    said: str
    """The engine's own words; it masks secrets."""


def is_stood_up(stack: Stack) -> bool:
    """
    Tell whether a stack exists and has outputs.

    Raises:
        EngineError: It could not be looked at.
    """
    done = stack.run("stack", "output", "--json", check=False, apart=True)
    if done.returncode == 0:
        return bool(json.loads(done.stdout))
    if _NO_STACK in done.stderr:
        return False
    raise _unseen(stack, done.stderr)


def look(stack: Stack) -> Drift:
    """
    Compare a stood-up stack with the real servers and with its program.

    Raises:
        EngineError: It could not be looked at.
    """
    agrees, said = stack.matches_its_program()
    if agrees:
        return Drift(stack.name, (), said)
    if _DRIFTED not in said:
        raise _unseen(stack, said)
    # Words that this reading of them does not know are still drift.
    return Drift(stack.name, tuple(read_changes(said)) or (Change("unknown", stack.name, "see below"),), said)


def read_changes(said: str) -> list[Change]:
    """Read resources and properties out of what ``pulumi preview --diff`` says, each resource once."""
    found: dict[tuple[str, str], Change] = {}
    current: Change | None = None
    for line in said.splitlines():
        if _END.match(line):
            current = None
        elif head := _DETAILED.match(line):
            current = Change(head[1], "", head[2])
        elif row := _ROW.match(line):
            current = _once(found, Change(row[1], row[2], row[3]))
        elif urn := _URN.match(line):
            if current and not current.name:
                current.name = urn[1]
                current = _once(found, current)
        elif current and (changed := _PROPERTY.match(line)) and changed[1] not in current.properties:
            current.properties.append(changed[1])
    # What stands there without a property of its own is a heading over what differs below it.
    headings = ("same", "refresh")
    return [change for change in found.values() if change.properties or change.operation not in headings]


def _once(found: dict[tuple[str, str], Change], change: Change) -> Change:
    """Return the one record of a resource; what the engine would do to it counts more than what it read."""
    known = found.setdefault((change.type, change.name), change)
    if known.operation == "refresh":
        known.operation = change.operation
    return known


def _unseen(stack: Stack, said: str) -> EngineError:
    tail = "\n".join(said.strip().splitlines()[-15:])
    return EngineError(
        f"{stack.name} could not be compared with its program:\n{tail}",
        state="Whether it drifted is not known.",
        next_step=f"pulumi preview --refresh --diff -s {stack.name}",
    )
