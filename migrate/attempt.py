"""
One attempt at a phase: its steps in order, and the way back when one of them fails.

Promise: the order of what happens depends on the plan and on recorded outcomes only, so a killed
attempt, run again, goes on from the step that had not finished; that holds for the way back too.
Every act stands in the journal as an intent before it begins.
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from migrate import gates
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import Undecided, Waiting
from migrate.plan import Plan, Planned
from migrate.progress import Clock, Screen
from migrate.step import Act, Result, Step, StepContext
from provisioning.errors import BasculeError

END = "end"
FALL_BACK = "fall back"


class Durably(Protocol):
    """Does something once, under a name, and returns its recorded result when it is asked again."""

    def __call__(self, name: str, act: Callable[..., Result], *args: Any) -> Result: ...


@dataclass(frozen=True)
class Desk:
    """All that an attempt works with; the same for every attempt of one process."""

    case: Case
    hosts: Hosts
    screen: Screen
    steps: Mapping[str, Step]


@dataclass
class Attempt:
    plan: Plan
    workflow: str
    desk: Desk
    durably: Durably
    _in_force: dict[str, Planned] = field(default_factory=dict)
    """Entries whose effect has to be kept alive, such as a lease, while anything is done."""
    _kept_alive: dict[str, ExitStack] = field(default_factory=dict)

    def run(self) -> Result:
        """Carry out the plan; return how it ended, as the journal's ``ended`` record holds it."""
        begun: list[Planned] = []
        past_return = False
        try:
            for entry in self.plan.entries:
                outcome = self.durably(entry.id, self._act, entry)
                if entry.changes:
                    begun.append(entry)
                if outcome["kind"] in ("done", "under-waiver"):
                    self._tell_the_clock(entry, outcome)
                    if entry.point_of_no_return:
                        past_return = True
                        self._let_go()
                    elif not past_return:
                        self._in_force[entry.id] = entry
                    continue
                undecided = bool(outcome.get("undecided"))
                if self.plan.protected and begun and not past_return and not undecided:
                    return self._fall_back(begun, entry, outcome)
                if self.plan.protected and not begun:
                    # A window may open weeks later: what was looked at before it is looked at again.
                    outcome = {**outcome, "again_from": self.plan.entries[0].id}
                return self._end(outcome["kind"], entry.id, outcome, past_return or undecided)
            return self._end("finished", "", {}, past_return)
        finally:
            self.desk.screen.clock(None)
            self._let_go()

    def _fall_back(self, begun: list[Planned], cause: Planned, outcome: Result) -> Result:
        """Undo, last first, everything that was done or half done; one failing undo stops no other."""
        started = self.durably(FALL_BACK, self._announce_fallback, cause, outcome)
        failed = []
        for entry in reversed(begun):
            if entry.undoable:
                # A lease is renewed until the very moment in which it is given up.
                self._let_go(entry.id)
                if self.durably(_undo_name(entry), self._undo, entry)["kind"] != "undone":
                    failed.append(entry)
        outcome = {**outcome, "fallback_started_at": started["at"], "undo_failed": [e.id for e in failed]}
        if failed:
            outcome["again_from"] = _undo_name(failed[0])
            return self._end("fallback-incomplete", cause.id, outcome, past_return=False)
        return self._end("fallen-back", cause.id, outcome, past_return=False)

    def _end(self, outcome: str, at: str, last: Result, past_return: bool) -> Result:
        return self.durably(END, self._close, outcome, at, last, past_return)

    # What follows happens inside a durable step: once, or again if the process died in it.

    def _act(self, entry: Planned) -> Result:
        """Do one entry of the plan and say how it went; failures are results here, for they are recorded."""
        plan, journal, screen = self.plan, self.desk.case.journal, self.desk.screen
        about = {"attempt": plan.attempt, "phase": plan.phase}
        self._keep_alive()
        screen.say(f"[{plan.phase}] STEP {plan.place_of(entry)}  {entry.id}  {entry.title}")
        journal.append("intent", entry.id, **about, title=entry.title)
        begun_at = time.monotonic()
        said: Result
        try:
            result = self._call(entry)
        except Waiting as waiting:
            said = {"kind": "waiting", "what": waiting.what, "state": "", "next": waiting.next_step}
        except Exception as error:
            said = {"kind": "failed", **self._said(error), "undecided": _is_undecided(entry, error)}
        else:
            said = {"kind": "under-waiver" if result.pop("waived", False) else "done", "result": result}
        finally:
            screen.finish()
        seconds = round(time.monotonic() - begun_at, 3)
        journal.append(said["kind"], entry.id, **about, seconds=seconds, **_without(said, "kind"))
        if entry.point_of_no_return and said["kind"] == "done":
            journal.append("point-of-no-return", entry.id, **about)
        screen.say(f"  {said['kind']} in {seconds:.1f} s" + (f": {said['what']}" if "what" in said else ""))
        return said

    def _call(self, entry: Planned) -> Result:
        match entry.kind:
            case "signatures":
                return gates.check_again(self.desk.case, self.plan.earlier_gates)
            case "gate":
                assert entry.gate is not None  # noqa: S101 - the plan says so
                return gates.check(self.desk.case, entry.gate)
            case "step":
                result = self.desk.steps[entry.name].act(self._context(entry))
                json.dumps(result)  # what could not be recorded must not look done
                return dict(result)

    def _announce_fallback(self, cause: Planned, outcome: Result) -> Result:
        self.desk.screen.say(f"[{self.plan.phase}] FALLBACK  {cause.id}: everything is put back")
        record = self.desk.case.journal.append(
            "fallback",
            self.plan.phase,
            attempt=self.plan.attempt,
            cause=cause.id,
            what=outcome.get("what", ""),
        )
        return {"at": record.at.isoformat()}

    def _undo(self, entry: Planned) -> Result:
        journal, screen = self.desk.case.journal, self.desk.screen
        about = {"attempt": self.plan.attempt, "phase": self.plan.phase}
        undo = self.desk.steps[entry.name].undo
        assert undo is not None  # noqa: S101 - the plan says so
        self._keep_alive()
        screen.say(f"[{self.plan.phase}] UNDO  {entry.id}")
        journal.append("undoing", entry.id, **about)
        begun_at = time.monotonic()
        try:
            said: Result = {"kind": "undone", "result": dict(self._undo_call(undo, entry))}
        except Exception as error:  # the other undos must have their turn
            said = {"kind": "undo-failed", **self._said(error)}
        finally:
            screen.finish()
        seconds = round(time.monotonic() - begun_at, 3)
        journal.append(said["kind"], entry.id, **about, seconds=seconds, **_without(said, "kind"))
        screen.say(f"  {said['kind']} in {seconds:.1f} s" + (f": {said['what']}" if "what" in said else ""))
        return said

    def _undo_call(self, undo: Act, entry: Planned) -> Result:
        result = undo(self._context(entry))
        json.dumps(result)
        return result

    def _close(self, outcome: str, at: str, last: Result, past_return: bool) -> Result:
        journal = self.desk.case.journal
        seconds = None
        if "fallback_started_at" in last:
            began = datetime.fromisoformat(last["fallback_started_at"])
            seconds = round((datetime.now(UTC) - began).total_seconds(), 1)
        ended = {
            "outcome": outcome,
            "at": at,
            "again_from": last.get("again_from", at),
            "what": last.get("what", ""),
            "state": last.get("state", ""),
            "next": last.get("next", ""),
            "undo_failed": last.get("undo_failed", []),
            "past_return": past_return,
            "seconds": seconds,
            "reopens": list(self.plan.reopens) if outcome == "finished" else [],
        }
        journal.append("ended", self.plan.phase, attempt=self.plan.attempt, workflow=self.workflow, **ended)
        return ended

    def _context(self, entry: Planned) -> StepContext:
        desk = self.desk
        return StepContext(desk.case, desk.hosts, desk.screen, self.plan.attempt, entry.params)

    def _said(self, error: Exception) -> dict[str, str]:
        """Say an error in a `BasculeError`'s words; any other also leaves its traceback in a file."""
        if isinstance(error, BasculeError):
            return {"what": error.what, "state": error.state, "next": error.next_step}
        path = self.desk.case.folder / "faults.log"
        with open(path, "a", opener=_private) as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n{''.join(traceback.format_exception(error))}\n")
        return {"what": f"{type(error).__name__}: {error} (traceback in {path})", "state": "", "next": ""}

    def _keep_alive(self) -> None:
        """
        Keep alive what is in force; called by what is really done, never while outcomes are only recalled.

        Not recorded itself, on purpose: it must begin again whenever the attempt does.
        """
        for entry in self._in_force.values():
            step = self.desk.steps[entry.name] if entry.kind == "step" else None
            if step and step.keep_alive and entry.id not in self._kept_alive:
                stack = ExitStack()
                try:
                    stack.enter_context(step.keep_alive(self._context(entry)))
                except Exception as error:  # tried again with the next step; whether it is lost, steps see
                    self.desk.screen.say(f"  {entry.id} is not kept alive: {self._said(error)['what']}")
                else:
                    self._kept_alive[entry.id] = stack

    def _tell_the_clock(self, entry: Planned, outcome: Result) -> None:
        """A step that stops the tenant says since when; the point of no return ends it."""
        if entry.point_of_no_return:
            self.desk.screen.clock(None)
        elif (since := outcome.get("result", {}).get("stopped_since")) is not None:
            said = outcome["result"]
            self.desk.screen.clock(
                Clock(
                    since=datetime.fromisoformat(since),
                    predicted_low=said.get("predicted_low_seconds"),
                    predicted_high=said.get("predicted_high_seconds"),
                    limit=said.get("limit_seconds"),
                )
            )

    def _let_go(self, only: str | None = None) -> None:
        for name in [only] if only else list(self._in_force):
            self._in_force.pop(name, None)
            if name in self._kept_alive:
                self._kept_alive.pop(name).close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _undo_name(entry: Planned) -> str:
    return f"undo {entry.id}"


def _is_undecided(entry: Planned, error: Exception) -> bool:
    """
    Whether the failing step may have passed the point of no return all the same.

    A step that has looked says so with an error of its own; a plain defect has not looked.
    """
    has_not = isinstance(error, BasculeError) and not isinstance(error, Undecided)
    return entry.point_of_no_return and not has_not


def _without(said: Result, key: str) -> Result:
    return {k: v for k, v in said.items() if k != key}
