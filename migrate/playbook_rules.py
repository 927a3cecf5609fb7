"""
The rules of a playbook: what no single line of it shows.

Promise: looks at the file and at the steps that there are, at nothing of a tenant; whatever passes can be
carried to its last phase, is guarded by its gates, and has a way back as long as one is promised.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from migrate.step import Step
from provisioning.model import Location

if TYPE_CHECKING:
    from migrate.playbook import Entry, Phase, Playbook

Misfit = tuple[Location, str]
"""Where it stands, and what is wrong."""


def misfits(
    playbook: "Playbook", file_stem: str, steps: Mapping[str, Step], reserved: Collection[str] = ()
) -> Iterator[Misfit]:
    """Yield what is wrong with a playbook, in no particular order."""
    yield from _names(playbook, file_stem, steps)
    yield from _unreachable(playbook, reserved)
    yield from _late_gates(playbook, steps)
    for p, phase in enumerate(playbook.phases):
        for position, says in _without_way_back(phase, steps):
            yield ("phases", p, "steps", position), says


def _names(playbook: "Playbook", file_stem: str, steps: Mapping[str, Step]) -> Iterator[Misfit]:
    """Yield names that stand twice or nowhere."""
    if playbook.name != file_stem:
        yield ("name",), f"is {playbook.name}, yet the file is {file_stem}.yaml; make the two agree"
    seen: set[tuple[str, str]] = set()
    for p, phase in enumerate(playbook.phases):
        named: list[tuple[Location, str, str]] = [
            (("phases", p, "name"), "phase", phase.name),
            (("phases", p, "command"), "command", phase.command),
        ]
        for s, entry in enumerate(phase.steps):
            at: Location = ("phases", p, "steps", s)
            named.append((at, "gate" if entry.gate else "step", entry.id))
            if entry.step and entry.step not in steps:
                yield at, f"unknown step {entry.step}{nearest(entry.step, steps)}"
        for at, kind, name in named:
            if (kind, name) in seen:
                yield at, f"{kind} {name} stands twice"
            seen.add((kind, name))
        ahead = [earlier.name for earlier in playbook.phases[:p] if not earlier.on_request]
        if phase.reopens and phase.reopens not in ahead:
            yield (
                ("phases", p, "reopens"),
                f"{phase.reopens} is no earlier phase{nearest(phase.reopens, ahead)}",
            )


def _without_way_back(phase: "Phase", steps: Mapping[str, Step]) -> Iterator[tuple[int, str]]:
    """Yield what would leave a tenant without a way back, or stopped while a person is waited for."""
    marks = [s for s, entry in enumerate(phase.steps) if entry.point_of_no_return]
    if not phase.protected:
        for s in marks:
            yield s, f"a point of no return, yet phase {phase.name} is not protected; set protected: true"
        return
    if not marks:
        yield 0, f"phase {phase.name} is protected but names no point of no return; mark the step that is it"
    for s in marks[1:]:
        yield s, f"a second point of no return in phase {phase.name}; keep one"
    stopped = False
    for s, entry in enumerate(phase.steps[: marks[0]] if marks else phase.steps):
        step = steps.get(entry.step or "")
        if step and step.changes and step.undo is None:
            yield (
                s,
                f"step {entry.step} has no undo; move it behind the point of no return, or to another phase",
            )
        if entry.gate and stopped:
            yield s, f"gate {entry.gate} would wait for a person while the tenant is stopped; move it earlier"
        stopped = stopped or bool(step and step.changes)


def _unreachable(playbook: "Playbook", reserved: Collection[str]) -> Iterator[Misfit]:
    """Yield phases that nothing leads to."""
    steps = {entry.step for phase in playbook.phases for entry in phase.steps}
    for p, phase in enumerate(playbook.phases):
        at: Location = ("phases", p, "command")
        if phase.command in reserved:
            yield at, f"fab {phase.command} is Bascule's own, so phase {phase.name} is unreachable; rename it"
        lacks = [step for step in _LEADS_TO.get(phase.needs or "", ()) if step not in steps]
        if lacks:
            at = ("phases", p, "needs")
            yield at, f"phase {phase.name} is unreachable: no phase has the step {' or '.join(lacks)}"
        if all(entry.when is not None and entry.when.is_never for entry in phase.steps):
            yield ("phases", p), f"phase {phase.name} is unreachable: none of its steps can apply to a tenant"
        if phase.reopens and not phase.on_request:
            at = ("phases", p, "reopens")
            behind = "so the last phase is unreachable"
            yield at, f"phase {phase.name} would begin the phases before it anew for ever, {behind}"


_LEADS_TO = {
    "way-back": ("arm-way-back", "open-door"),
    "gone-live": ("open-door",),
    "in-operation": ("open-door", "end-replication"),
}
"""Steps without which what a phase needs can never hold."""


def _late_gates(playbook: "Playbook", steps: Mapping[str, Step]) -> Iterator[Misfit]:
    """Yield gates that stand behind a step which rests on the document that is signed there."""
    acts: list[tuple[Step, Entry]] = []
    for p, phase in enumerate(playbook.phases):
        for s, entry in enumerate(phase.steps):
            if entry.gate:
                for step, act in acts:
                    if step.rests_on == entry.document:
                        says = (
                            f"gate {entry.gate} stands after {act.id}, which it guards; move it before that"
                        )
                        yield ("phases", p, "steps", s), says
            elif (known := steps.get(entry.step or "")) is not None and not phase.on_request:
                acts.append((known, entry))


def nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
