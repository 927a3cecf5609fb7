"""
A playbook: one vendor's process as data. Phases made of steps, with gates where a person signs.

    name: besa
    title: BESA to SaaS
    phases:
      - name: preparation
        command: prepare            # fab prepare --tenant T
        title: Preparation
        summary: From the quote request to two closed sites.
        steps:
          - step: write-offer
          - gate: confirm-offer     # documents/offer.pdf, signed by the responsible person
            title: The customer confirms the offer
            document: offer.pdf
            signer: responsible
          - step: deploy-site
            with: {environment: test}
            when: {module: epdoc}   # only for tenants with that module

Promise: a `Playbook` that exists can be run. Every step in it is known; whatever a protected phase
changes before its point of no return can be undone; every fault of a file is told at once, with its line.
"""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from migrate import playbook_rules
from migrate.errors import PlaybookError
from migrate.playbook_rules import nearest
from migrate.step import Step, known_steps
from provisioning.manifest import Manifest, Name
from provisioning.model_file import Fault, read_model
from provisioning.workspace import Workspace

OWN_FOLDER = Path(__file__).parent / "playbooks"

Role = Literal["responsible", "technical", "vendor"]
"""Who signs: a contact of the manifest, or somebody whom ``allowed_signers`` lists as ``vendor``."""

Need = Literal["way-back", "gone-live", "before-going-live", "in-operation"]
"""
way-back: the tenant works on its site and changes flow back. gone-live: it works there, and where a waiver
let it, none flow back. before-going-live: it works on legacy. in-operation: it works on its site, for good.
"""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class When(_Part):
    """A condition on the tenant's modules, on how its site is set up, or on what earlier phases found out."""

    module: Name | None = Field(default=None, description="Only for tenants with this module.")
    without_module: Name | None = Field(default=None, description="Only for tenants without it.")
    deployment: Literal["template", "custom"] | None = Field(
        default=None, description="Only where the site is set up so."
    )
    pilot: bool | None = Field(default=None, description="Only with a pilot phase, or only without one.")
    fact: Name | None = Field(default=None, description="Only where a step of an earlier phase found this.")

    def holds(self, manifest: Manifest, facts: Collection[str]) -> bool:
        """`facts`: those that hold, as `migrate.facts.holding` reads them from the journal."""
        has = self.module is None or self.module in manifest.modules
        lacks = self.without_module is None or self.without_module not in manifest.modules
        setup = manifest.deployment
        is_so = self.deployment is None or (setup is not None and setup.kind == self.deployment)
        tries = self.pilot is None or bool(setup and setup.pilot) == self.pilot
        return has and lacks and is_so and tries and (self.fact is None or self.fact in facts)

    @property
    def is_never(self) -> bool:
        return (self.module is not None and self.module == self.without_module) or (
            self.deployment == "template" and self.pilot is True
        )


class Entry(_Part):
    """One line of a phase: a step, or a gate."""

    step: Name | None = None
    gate: Name | None = None
    title: str = Field(default="", max_length=120, description="What people read; by default the step's own.")
    params: dict[str, str | int | bool] = Field(
        default_factory=dict, alias="with", description="Handed to the step."
    )
    when: When | None = None
    point_of_no_return: bool = False
    document: FileName | None = Field(default=None, description="gate: what is signed.")
    signer: Role | None = Field(default=None, description="gate: who signs it.")
    waivable: bool = Field(default=False, description="gate: whether the vendor may let it pass unsigned.")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.step is None) == (self.gate is None):
            raise ValueError("must be either a step or a gate")
        for key in ("document", "signer", "title"):
            if self.gate and not getattr(self, key):
                raise ValueError(f"gate {self.gate} needs a {key}")
        if self.step and (self.document or self.signer or self.waivable):
            raise ValueError("document, signer and waivable belong to a gate, not to a step")
        if self.gate and (self.params or self.point_of_no_return):
            raise ValueError("with and point_of_no_return belong to a step, not to a gate")
        return self

    @property
    def id(self) -> str:
        """What tells it from every other entry: ``deploy-site:test`` where a step has parameters."""
        return ":".join([self.step or self.gate or "", *(str(value) for value in self.params.values())])


class Phase(_Part):
    name: Name
    command: Name = Field(description="fab <command> carries out this phase alone.")
    title: str = Field(min_length=1, max_length=80)
    summary: str = Field(min_length=1, max_length=300)
    protected: bool = Field(
        default=False,
        description="Whether a failure before the point of no return puts everything back by itself.",
    )
    on_request: bool = Field(
        default=False, description="Begun by its own command only; fab run passes it by."
    )
    needs: Need | None = Field(default=None, description="Where the tenant must stand for it to begin.")
    reopens: Name | None = Field(
        default=None,
        description="An earlier phase that begins anew, with all behind it, once this is finished.",
    )
    steps: tuple[Entry, ...] = Field(min_length=1)


class Playbook(_Part):
    """One vendor's process."""

    name: Name
    title: str = Field(min_length=1, max_length=80)
    source: str = Field(default="", max_length=300, description="Where the vendor describes this process.")
    phases: tuple[Phase, ...] = Field(min_length=1)
    _digest: str = PrivateAttr(default="")

    @property
    def digest(self) -> str:
        """SHA-256 of the file, as 64 hex digits."""
        return self._digest

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)

    def reopened_by(self, phase: Phase) -> tuple[str, ...]:
        """Names of the phases that begin anew once `phase` is finished."""
        if phase.reopens is None:
            return ()
        names = [each.name for each in self.phases if not each.on_request]
        return tuple(names[names.index(phase.reopens) :])

    def gates(self) -> dict[str, Entry]:
        """Return all gates by name, in order."""
        return {entry.gate: entry for phase in self.phases for entry in phase.steps if entry.gate}


def files(workspace: Workspace | None) -> dict[str, Path]:
    """Return every playbook file by name; the workspace's own stand before Bascule's."""
    folders = [OWN_FOLDER] + ([workspace.root / "playbooks"] if workspace else [])
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def commands(workspace: Workspace | None) -> dict[str, list[Phase]]:
    """
    Return the phases that each command stands for, over all playbooks.

    A faulty playbook has none here: whoever uses it is told its faults. Steps are not looked at.
    """
    found: dict[str, list[Phase]] = {}
    for path in files(workspace).values():
        playbook = read_model(path.read_text("utf-8", errors="replace"), Playbook).model
        for phase in playbook.phases if playbook else ():
            found.setdefault(phase.command, []).append(phase)
    return found


def load(workspace: Workspace, name: str) -> Playbook:
    """
    Return the playbook of that name: the workspace's own before Bascule's.

    Raises:
        PlaybookError: There is none, or it has faults; all are told.
    """
    paths = files(workspace)
    if name not in paths:
        raise PlaybookError(
            f"no playbook {name}{nearest(name, paths)}; known: {', '.join(sorted(paths))}",
            next_step="correct `playbook:` in the manifest, or write playbooks/<name>.yaml",
        )
    return read(paths[name], known_steps())


def read(path: Path, steps: Mapping[str, Step], *, reserved: Collection[str] = ()) -> Playbook:
    """
    Return the playbook in a file.

    Args:
        steps: All steps that a playbook may use, by name.
        reserved: Commands that are Bascule's own, which no phase may be called by.

    Raises:
        PlaybookError: It has faults; all are told, each with its line.
    """
    content = path.read_bytes()
    reading = read_model(content.decode("utf-8", errors="replace"), Playbook)
    playbook, faults = reading.model, list(reading.faults)
    if playbook is not None:
        for at, says in playbook_rules.misfits(playbook, path.stem, steps, reserved):
            faults.append(Fault("/".join(map(str, at)), reading.lines.get(at), says))
    if playbook is None or faults:
        listed = "\n".join(f"  {fault}" for fault in sorted(faults, key=lambda fault: fault.line or 0))
        raise PlaybookError(
            f"{path.name}: {len(faults)} to correct, nothing was run\n{listed}",
            next_step=f"correct {path.name} and repeat the command",
        )
    playbook._digest = hashlib.sha256(content).hexdigest()
    return playbook
