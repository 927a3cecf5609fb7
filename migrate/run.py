"""
A run: carries one tenant's migration on, to the next point where a person must act, or to its end.

Promise: one run per tenant at a time. Killed anywhere and started again, it goes on from the step
that had not finished. A phase that failed is taken up where it failed, but a protected phase that
fell back begins anew; what could not be put back is put back before anything else.
"""

import os
import sys
from dataclasses import dataclass

from migrate import engine_room, facts, lock, plan, position
from migrate.attempt import Desk
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import MigrationError, Refused, RunStopped, Waiting
from migrate.playbook import Phase, Playbook, load
from migrate.position import PhasePosition
from migrate.progress import Screen
from migrate.step import Result, known_steps

INTERRUPTED = 130


def run(case: Case, screen: Screen, *, only: str | None = None, accepted_by: str | None = None) -> None:
    """
    Carry a tenant on; return when every phase (or the phase `only`) is finished.

    Args:
        only: Name of a phase; those before it must be finished, or what it needs must hold.
        accepted_by: Who accepts that the playbook was changed since the phase began.

    Raises:
        Waiting: A person must act first.
        RunStopped: A step failed; says what was put back.
        Refused: Another run is at work, or the playbook changed, or an earlier phase is not finished.
    """
    playbook, steps = load(case.workspace, case.manifest.playbook), known_steps()
    with lock.held(case.folder, case.manifest.tenant):
        phases = _wanted(case, playbook, only)
        _same_playbook(case, playbook, accepted_by)
        if case.manifest.begins_afresh and case.journal.last("legacy") is None:
            case.journal.append("legacy", case.manifest.tenant, state="none")
        with Hosts(case.workspace, case.manifest) as hosts:
            work = _Run(case, playbook, Desk(case, hosts, screen, steps), accepted_by is not None)
            with engine_room.launched(work.desk):
                for phase in phases:
                    work.carry(phase)


@dataclass(frozen=True)
class _Run:
    case: Case
    playbook: Playbook
    desk: Desk
    playbook_accepted: bool

    def carry(self, phase: Phase) -> None:
        """Bring one phase to its end, or raise what keeps it from there."""
        at = position.of_phase(self.case.journal, phase.name)
        if at is not None and at.outcome == "finished" and not phase.on_request:
            return
        if at is None:
            at = self._begin(phase, number=1)
        elif at.outcome == "under way":
            at = self._take_up(phase, at)
        elif at.outcome in ("fallen-back", "reopened", "finished") or self._starts_anew(phase, at):
            at = self._begin(phase, number=int(at.begun.data["number"]) + 1)
        else:
            at = self._go_on(phase, at)
        self._tell(phase, at, self._await(at.workflow))

    def _begin(self, phase: Phase, *, number: int) -> PhasePosition:
        made = self._plan(phase, number)
        workflow = f"{made.tenant}:{phase.name}:{number}"
        if engine_room.knows(workflow):
            raise Refused(
                f"the run database knows {workflow}, which the journal does not tell of",
                state="Nothing was changed by this command.",
                next_step="put back the journal of this case, or use a run database of its own",
            )
        # The journal first: a workflow without its record could not be told from somebody else's.
        record = self.case.journal.append(
            "attempt",
            phase.name,
            attempt=made.attempt,
            number=number,
            workflow=workflow,
            playbook=self.playbook.name,
            digest=self.playbook.digest,
            protected=phase.protected,
            steps=[entry.id for entry in made.entries],
            left_out=list(made.left_out),
        )
        engine_room.begin(workflow, made)
        return PhasePosition(record, None)

    def _go_on(self, phase: Phase, at: PhasePosition) -> PhasePosition:
        """
        Go on with an attempt that ended: from the step that failed or waits, or the first undo that failed;
        from its first step where a protected phase has changed nothing yet.

        One that broke off without an end goes on behind what it had recorded.
        """
        begun = {
            **at.begun.data,
            "continues": at.workflow,
            "from": at.ended.data["again_from"] if at.ended else None,
        }
        begun["continuation"] = int(begun.get("continuation", 0)) + 1
        begun["workflow"] = (
            f"{self.case.manifest.tenant}:{phase.name}:{begun['number']}.{begun['continuation']}"
        )
        record = self.case.journal.append("attempt", phase.name, **begun)
        engine_room.go_on(self.case, begun["workflow"], at.workflow, begun["from"])
        return PhasePosition(record, None)

    def _take_up(self, phase: Phase, at: PhasePosition) -> PhasePosition:
        """
        See that an attempt that was cut short is at work again.

        DBOS has resumed it already, unless the cut came between the journal's record and DBOS's own.
        """
        begun = at.begun.data
        self.desk.screen.say(f"[{phase.name}] {at.attempt} was cut short and goes on")
        if engine_room.is_broken(at.workflow):
            return self._go_on(phase, at)
        if "continues" in begun:
            engine_room.go_on(self.case, at.workflow, begun["continues"], begun["from"])
        elif not engine_room.knows(at.workflow):
            # Never begin a second time what did something: it may be past the point of no return.
            if any(r.kind == "intent" and r.data["attempt"] == at.attempt for r in self.case.journal):
                raise engine_room.unknown(self.case, at.workflow)
            engine_room.begin(at.workflow, self._plan(phase, int(begun["number"])))
        return at

    def _plan(self, phase: Phase, number: int) -> plan.Plan:
        holding, steps = facts.holding(self.case.journal), dict(self.desk.steps)
        return plan.make(self.playbook, phase, self.case.manifest, steps, number=number, facts=holding)

    def _starts_anew(self, phase: Phase, at: PhasePosition) -> bool:
        """A changed playbook, once accepted, needs a new plan; a protected phase at work keeps to its own."""
        changed = at.begun.data["digest"] != self.playbook.digest
        return changed and (at.is_untouched or (self.playbook_accepted and not phase.protected))

    def _await(self, workflow: str) -> Result:
        try:
            return engine_room.outcome_of(workflow)
        except KeyboardInterrupt:
            # As abrupt as a kill, on purpose: a step in another thread would go on without lock and lease.
            where = position.standing(self.case.journal)
            tenant = self.case.manifest.tenant
            print(
                f"\nInterrupted. {where}\nNext: fab run --tenant {tenant}, to go on",
                file=sys.stderr,
                flush=True,
            )
            os._exit(INTERRUPTED)
        except MigrationError:
            raise
        except Exception as error:
            raise RunStopped(
                f"the run database failed: {type(error).__name__}: {error}",
                state=str(position.standing(self.case.journal)),
                next_step=f"fab run --tenant {self.case.manifest.tenant}, once it answers again",
            ) from error

    def _tell(self, phase: Phase, at: PhasePosition, ended: Result) -> None:
        """Raise what a person must know of how an attempt ended; a finished one needs no words."""
        again = f"fab {phase.command} --tenant {self.case.manifest.tenant}"
        where = str(position.standing(self.case.journal))
        stopped = f"{phase.name} stopped at {ended['at']}: {ended['what']}"
        match ended["outcome"]:
            case "finished":
                return
            case "waiting":
                raise Waiting(ended["what"], next_step=ended["next"])
            case "failed":
                state = f"{ended['state']} {where}".strip()
                raise RunStopped(stopped, state=state, next_step=ended["next"] or again)
            case "fallen-back" if (at.begun.data.get("from") or "").startswith("undo "):
                raise Waiting(f"The fallback of {at.attempt} is complete now. {where}", next_step=again)
            case "fallen-back":
                state = f"Fallen back in {ended['seconds']} s: everything is put back. {where}"
                raise RunStopped(stopped, state=state, next_step=f"{again}, once the cause is mended")
            case _:
                left = "".join(f"\n  {self._left_behind(step)}" for step in ended["undo_failed"])
                state = f"Fallen back in {ended['seconds']} s, but this could not be put back:{left}\n{where}"
                raise RunStopped(
                    stopped, state=state, next_step=f"{again}, which first puts back what is left"
                )

    def _left_behind(self, step: str) -> str:
        """Name a step that could not be undone, and why."""
        failed = self.case.journal.last("undo-failed", step)
        return f"{step}: {failed.data['what']}" if failed else step


def _wanted(case: Case, playbook: Playbook, only: str | None) -> list[Phase]:
    """Return the phases to carry on, in order; what was left half changed comes before anything else."""
    half = [phase for phase in playbook.phases if phase.on_request and _must_go_on(case, phase)]
    if only is None:
        return half + [phase for phase in playbook.phases if not phase.on_request]
    for phase in half:
        if phase.name != only:
            raise Refused(
                f"{only} cannot begin: {phase.name} has begun and is not finished",
                state=str(position.standing(case.journal)),
                next_step=f"fab {phase.command} --tenant {case.manifest.tenant}",
            )
    wanted = next((phase for phase in playbook.phases if phase.name == only), None)
    if wanted is None:
        raise Refused(f"playbook {playbook.name} has no phase {only}")
    if wanted in half:
        return [wanted]
    _require(case, wanted)
    earlier = playbook.phases[: playbook.phases.index(wanted)] if not wanted.on_request else ()
    for phase in earlier:
        at = position.of_phase(case.journal, phase.name)
        if not phase.on_request and (at is None or at.outcome != "finished"):
            raise Refused(
                f"{only} cannot begin: {phase.name} is not finished",
                state=str(position.standing(case.journal)),
                next_step=f"fab {phase.command} --tenant {case.manifest.tenant}",
            )
    return [wanted]


def _must_go_on(case: Case, phase: Phase) -> bool:
    at = position.of_phase(case.journal, phase.name)
    return at is not None and at.must_go_on


def _require(case: Case, phase: Phase) -> None:
    """Refuse a phase whose need does not hold."""
    where, tenant = position.standing(case.journal), case.manifest.tenant
    back = position.way_back(case.journal)
    if phase.needs == "way-back" and back != "armed":
        why = {"none": "no changes flow back to legacy", "given up": "the way back was given up by finalize"}
        raise Refused(
            f"{phase.name} cannot begin: {why.get(back, 'the way back may be half removed')}",
            state=f"Nothing was changed by this command. {where}",
            next_step=f"fab status --tenant {tenant}",
        )
    if phase.needs == "gone-live" and (where.door != "open" or back not in ("armed", "none")):
        is_over = back == "given up" and where.door == "open"
        lacks = "the way back was given up already" if is_over else f"{tenant} does not work on its site"
        raise Refused(
            f"{phase.name} cannot begin: {lacks}",
            state=f"Nothing was changed by this command. {where}",
            next_step=f"fab status --tenant {tenant}",
        )
    if phase.needs == "in-operation" and (where.door != "open" or not _is_for_good(case)):
        raise Refused(
            f"{phase.name} cannot begin: {tenant} may still go back, or does not work on its site",
            state=f"Nothing was changed by this command. {where}",
            next_step=f"fab finalize --tenant {tenant}, or fab status --tenant {tenant}",
        )
    before = where.legacy in ("writable", "none") and where.door == "closed"
    if phase.needs == "before-going-live" and not before:
        lacks = (
            "the site is not closed" if where.legacy == "none" else f"{tenant} does not work on legacy alone"
        )
        raise Refused(
            f"{phase.name} cannot begin: {lacks}",
            state=f"Nothing was changed by this command. {where}",
            next_step=f"fab rollback --tenant {tenant}, or fab status --tenant {tenant}",
        )


def _is_for_good(case: Case) -> bool:
    """Whether the way back was given up, and that has come to its end."""
    return case.journal.last("done", position.END_STEP) is not None


def _same_playbook(case: Case, playbook: Playbook, accepted_by: str | None) -> None:
    """Refuse to go on with a phase whose playbook is not the one it began with, unless somebody says so."""
    for phase in playbook.phases:
        at = position.of_phase(case.journal, phase.name)
        if at is None or at.is_untouched or at.outcome in ("finished", "fallen-back", "reopened"):
            continue
        was, now = at.begun.data["digest"], playbook.digest
        accepted = [r for r in case.journal if r.kind == "playbook-accepted" and r.number > at.begun.number]
        if was == now or any(r.data["now"] == now for r in accepted):
            continue
        if accepted_by is None:
            tenant = case.manifest.tenant
            raise Refused(
                f"playbook {playbook.name} was changed since {at.attempt} began: "
                f"{was[:12]} then, {now[:12]} now",
                state=f"Nothing was changed by this command. {position.standing(case.journal)}",
                next_step="put the file back, or "
                f"fab run --tenant {tenant} --accept-playbook-change --by EMAIL ({_effect(phase)})",
            )
        case.journal.append("playbook-accepted", playbook.name, by=accepted_by, was=was, now=now)


def _effect(phase: Phase) -> str:
    if phase.protected:
        return f"{phase.name} then ends as it began, and the change counts from the next attempt on"
    return f"{phase.name} then begins anew with it"
