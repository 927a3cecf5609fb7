"""
What a step is: a name, an act that can be repeated without harm, and its undo.

Promise: a step gets all it works on from its `StepContext`, returns plain JSON values without
secrets (they are stored in clear), raises a `BasculeError` when it fails, and `Waiting` when a
person must act first.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import PlaybookError
from provisioning.manifest import Manifest

Result = dict[str, Any]
"""Plain JSON values; shown in the dossier's timeline."""


class Progress(Protocol):
    """Where a long step tells how far it is. Shown with rate and time left, or as plain lines."""

    def start(self, what: str, total: float | None, unit: str) -> None: ...
    def advance_to(self, done: float) -> None: ...
    def lane(
        self, name: str, done: float, total: float | None = None, unit: str = "bytes", says: str = ""
    ) -> None:
        """One of several things that go on at once: how far it is, and what holds it up."""
        ...

    def say(self, line: str) -> None: ...


@dataclass(frozen=True)
class StepContext:
    """All that a step works on."""

    case: Case
    hosts: Hosts
    progress: Progress
    attempt: str
    """Names this run of the phase, such as ``realisation-2``; evidence that must be fresh carries it."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the playbook says under ``with:``."""

    @property
    def manifest(self) -> Manifest:
        return self.case.manifest


Act = Callable[[StepContext], Result]
KeepAlive = Callable[[StepContext], AbstractContextManager[object]]


@dataclass(frozen=True)
class Step:
    name: str
    summary: str
    """First line of the act's docstring."""
    act: Act
    undo: Act | None
    undo_summary: str
    changes: bool
    """Whether it changes anything outside the case; before the point of no return, that needs an undo."""
    keep_alive: KeepAlive | None
    rests_on: str = ""
    """The document whose signature lets it happen, where a playbook has a gate over that."""


_registry: dict[str, Step] = {}


def _first_line(act: Act) -> str:
    return (act.__doc__ or "").strip().partition("\n")[0]


def step(
    name: str,
    *,
    undo: Act | None = None,
    changes: bool | None = None,
    keep_alive: KeepAlive | None = None,
    rests_on: str = "",
) -> Callable[[Act], Act]:
    """
    Register a function as the act of the step `name`.

    Args:
        undo: Puts back what the act did, also when it did only half; repeatable, like the act.
        changes: Whether the act changes anything outside the case folder; by default, whether it has an undo.
        keep_alive: Held open while the run lives, from the end of the act until its undo or the point
            of no return, and opened again when a killed run is resumed: renews a lease, for example.
            It must not raise for a lease that has run out; the steps that follow look for themselves.
        rests_on: The document that has to be signed first; a gate over it may not stand behind this step.
    """

    def register(act: Act) -> Act:
        if name in _registry and _registry[name].act is not act:
            raise PlaybookError(f"two steps are called {name}")
        _registry[name] = Step(
            name=name,
            summary=_first_line(act),
            act=act,
            undo=undo,
            undo_summary=_first_line(undo) if undo else "changes nothing that needs undoing",
            changes=(undo is not None) if changes is None else changes,
            keep_alive=keep_alive,
            rests_on=rests_on,
        )
        return act

    return register


def known_steps() -> dict[str, Step]:
    """Return all steps by name."""
    from migrate.steps import load_all  # here, since the step modules import this one

    load_all()
    return dict(_registry)
