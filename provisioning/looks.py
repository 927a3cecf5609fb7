"""
A look at a stack by the engine, read from the engine's own events: each resource, each property.

Promise: nothing is changed, in the state neither; what the engine could not look at is a fault, never
"as it was". Events pass through a pipe, since the engine writes some secrets into them in clear: none
touches a disk, and of values only what a caller asks of a `Step` is kept.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioning.engine import Stack
from provisioning.partners import Partners
from provisioning.pulumi_command import environment, executable

CHANGES = 7
"""What the engine ends with when no change was expected and there is one."""
LONGEST_SECONDS = 900
_QUIET = ("same", "read", "refresh")
_NO_STACK = "no stack named"


@dataclass(frozen=True)
class Step:
    """One resource, and what the engine did to it or would do."""

    type: str
    name: str
    operation: str
    """``same``, ``update``, ``delete``, ``create``, ``replace``, …"""
    properties: tuple[str, ...]
    """Paths of what differs, such as ``files["etc/nginx/nginx.conf"]``."""
    is_custom: bool
    before: Mapping[str, Any] = field(repr=False)
    """``id``, ``inputs``, ``outputs`` as in the state; secrets are masked."""
    after: Mapping[str, Any] = field(repr=False)
    """The same as seen or declared; empty where it is gone."""

    @property
    def is_real(self) -> bool:
        """Neither a component, which is a name only, nor a provider."""
        return self.is_custom and not self.type.startswith("pulumi:")


@dataclass(frozen=True)
class Look:
    """What came of it. `faults` is empty only when all was looked at."""

    steps: tuple[Step, ...]
    faults: tuple[str, ...]
    is_there: bool = True
    """Whether the state backend has such a stack at all."""

    @property
    def real(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.is_real)

    @property
    def changed(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.operation != "same")


def refreshed(stack: Stack, partners: Partners) -> Look:
    """Compare the state with what is real; the program is not run."""
    return _look(stack, ("refresh", "--preview-only"), partners, "resOutputsEvent")


def previewed(stack: Stack, partners: Partners, *, with_our_program: bool = True) -> Look:
    """Compare the program with the state; what is real is not asked."""
    words = ("preview", partners.word) if with_our_program else ("preview",)
    return _look(stack, words, partners, "resourcePreEvent")


def _look(stack: Stack, words: tuple[str, ...], partners: Partners, event: str) -> Look:
    reading, writing = os.pipe()
    # Only so is --event-log a word that the engine knows.
    env = {**environment(stack.workspace), **partners.environment, "PULUMI_DEBUG_COMMANDS": "true"}
    with os.fdopen(reading) as events:
        process = subprocess.Popen(  # noqa: S603 - our own engine, words from our own code
            [
                *(str(executable()), *words, "--expect-no-changes", "--stack", stack.name),
                *("--non-interactive", "--color", "never", "--suppress-progress"),
                f"--event-log=/dev/fd/{writing}",
            ],
            cwd=stack.workspace.root,
            env=env,
            pass_fds=(writing,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        os.close(writing)
        overdue = threading.Timer(LONGEST_SECONDS, process.kill)
        overdue.start()
        said: list[str] = []
        listener = threading.Thread(
            target=lambda: said.append(process.stdout.read() if process.stdout else "")
        )
        listener.start()
        try:
            seen = _read(events, event)
            listener.join()
            status = process.wait()
        finally:
            overdue.cancel()
            process.kill()
            process.wait()
    return _concluded(seen, status, "".join(said), words[0])


@dataclass
class _Seen:
    steps: dict[str, Step] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    is_whole: bool = False


def _read(lines: Iterable[str], wanted: str) -> _Seen:
    """Read events as they come; those of the SDK's own debugging are passed by unread."""
    seen = _Seen()
    for line in lines:
        if '"severity":"debug"' in line or '"severity": "debug"' in line:
            continue
        event: dict[str, Any] = json.loads(line)
        if told := event.get("diagnosticEvent"):
            if told["severity"] == "error":
                about = told.get("urn", "").split("::")[-1]
                seen.errors.append(f"{about}: {told['message']}".removeprefix(": ").strip())
        elif told := event.get("errorEvent"):
            seen.errors.append(told["error"].strip())
        elif told := event.get("summaryEvent"):
            seen.is_whole = told.get("result") == "succeeded" and not told.get("maybeCorrupt")
        if begun := event.get("resourcePreEvent"):
            seen.begun.add(begun["metadata"]["urn"])
        if found := event.get(wanted):
            _take(seen, found["metadata"])
    return seen


def _take(seen: _Seen, told: Mapping[str, Any]) -> None:
    """Keep one step of a resource; of a replacement's several, one that says what it is."""
    known = seen.steps.get(told["urn"])
    operation = told["op"] if told["op"] not in _QUIET else "same"
    if "replace" in operation:
        operation = "replace"
    if known and known.operation != "same" and operation != "replace":
        return
    before, after = told.get("old") or {}, told.get("new") or {}
    properties = tuple(told.get("detailedDiff") or told.get("diffs") or ())
    seen.steps[told["urn"]] = Step(
        type=told["type"],
        name=told["urn"].split("::")[-1],
        operation=operation,
        properties=properties or (known.properties if known else ()),
        is_custom=bool((after or before).get("custom")),
        before=before,
        after=after,
    )


def _concluded(seen: _Seen, status: int, said: str, command: str) -> Look:
    if _NO_STACK in said:
        return Look((), (), is_there=False)
    faults = list(dict.fromkeys(seen.errors))
    if not faults and (status not in (0, CHANGES) or not seen.is_whole):
        tail = "\n".join(said.strip().splitlines()[-8:])
        faults.append(f"pulumi {command} ended with {status}:\n{tail}")
    if not faults and (unseen := sorted(urn.split("::")[-1] for urn in seen.begun - seen.steps.keys())):
        faults.append(f"pulumi {command} did not say what became of {', '.join(unseen)}")
    steps = tuple(seen.steps.values())
    if not faults and status == CHANGES and all(step.operation == "same" for step in steps):
        faults.append(f"pulumi {command} says that something differs, and its events do not name it")
    return Look(steps, tuple(faults))
