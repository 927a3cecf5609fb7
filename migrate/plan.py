"""
The plan of one attempt: what a playbook means for one tenant, fixed when the attempt begins.

Promise: plain values, without secrets, that a durable workflow can keep; later changes of playbook
or manifest do not reach an attempt that is under way.
"""

from collections.abc import Collection
from typing import Literal

from pydantic import BaseModel, ConfigDict

from migrate.gates import Gate
from migrate.playbook import Entry, Phase, Playbook
from migrate.step import Step
from provisioning.manifest import Manifest

SIGNATURES = "check-signatures"


class Planned(BaseModel):
    """One entry of a plan."""

    model_config = ConfigDict(frozen=True)
    id: str
    kind: Literal["step", "gate", "signatures"]
    name: str
    title: str
    params: dict[str, str | int | bool] = {}
    changes: bool = False
    undoable: bool = False
    point_of_no_return: bool = False
    gate: Gate | None = None


class Plan(BaseModel):
    """What one attempt at a phase will do. `attempt` is such as ``realisation-2``."""

    model_config = ConfigDict(frozen=True)
    tenant: str
    playbook: str
    digest: str
    phase: str
    command: str
    attempt: str
    protected: bool
    entries: tuple[Planned, ...]
    left_out: tuple[str, ...]
    """Entries whose condition does not hold for this tenant."""
    earlier_gates: tuple[Gate, ...]
    reopens: tuple[str, ...] = ()
    """Phases that begin anew once this one is finished."""

    def place_of(self, entry: Planned) -> str:
        """Such as ``3/11``."""
        return f"{self.entries.index(entry) + 1}/{len(self.entries)}"


def make(
    playbook: Playbook,
    phase: Phase,
    manifest: Manifest,
    steps: dict[str, Step],
    *,
    number: int,
    facts: Collection[str] = (),
) -> Plan:
    """Return the plan of the attempt `number` (from 1) at a phase; `facts` are those that hold by now."""
    applies = [entry for entry in phase.steps if entry.when is None or entry.when.holds(manifest, facts)]
    # Going back, or giving the way back up, is nobody's to sign: what was signed was the way forward.
    earlier = () if phase.on_request else playbook.phases[: playbook.phases.index(phase)]
    gates = [
        Gate.of(entry)
        for before in earlier
        for entry in before.steps
        if entry.gate and (entry.when is None or entry.when.holds(manifest, facts))
    ]
    entries = [_planned(entry, steps) for entry in applies]
    if gates:
        again = Planned(
            id=SIGNATURES, kind="signatures", name=SIGNATURES, title="What was signed is unchanged"
        )
        entries.insert(0, again)
    return Plan(
        tenant=manifest.tenant,
        playbook=playbook.name,
        digest=playbook.digest,
        phase=phase.name,
        command=phase.command,
        attempt=f"{phase.name}-{number}",
        protected=phase.protected,
        entries=tuple(entries),
        left_out=tuple(entry.id for entry in phase.steps if entry not in applies),
        earlier_gates=tuple(gates),
        reopens=playbook.reopened_by(phase),
    )


def _planned(entry: Entry, steps: dict[str, Step]) -> Planned:
    if entry.gate:
        gate = Gate.of(entry)
        return Planned(id=entry.id, kind="gate", name=gate.name, title=gate.title, gate=gate)
    step = steps[entry.step or ""]
    return Planned(
        id=entry.id,
        kind="step",
        name=step.name,
        title=entry.title or step.summary,
        params=entry.params,
        changes=step.changes,
        undoable=step.undo is not None,
        point_of_no_return=entry.point_of_no_return,
    )
