"""
The edge between Bascule and the person or script that typed a command.

Promise: what a person must know leaves as its text alone, without a traceback; a script can tell
by the exit status what happened (0 done, 1 failed or refused, 3 a person
must act first, 4 source and target differ). A defect of Bascule itself leaves its traceback in a file.
"""

import json
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from invoke.exceptions import Exit

from migrate import lock, position
from migrate.case import Case
from migrate.errors import DifferenceError, Refused, Waiting
from provisioning.errors import BasculeError
from provisioning.workspace import Workspace

FAILED = 1
WAITING = 3
DIFFERS = 4


def open_case(tenant: str) -> Case:
    """Open the case of a tenant of the workspace that the current folder lies in."""
    return Case.of(Workspace.find(), tenant)


@contextmanager
def before_the_move(case: Case) -> Iterator[None]:
    """
    Let what a move rests on be changed: while no run is at work, and only as long as legacy is not left.

    Raises:
        Refused: A run is at work, or the move has begun or is over.
    """
    tenant = case.manifest.tenant
    with lock.held(case.folder, tenant):
        where = position.standing(case.journal)
        if where.legacy != "writable":
            raise Refused(
                f"the move of {tenant} has begun, so what it was agreed on stays as it is",
                state=f"Nothing was changed by this command. {where}",
                next_step=f"fab status --tenant {tenant}",
            )
        yield


@contextmanager
def for_a_person(*, as_json: bool = False) -> Iterator[None]:
    """
    Turn a `BasculeError` or `Waiting` into the end of the command: its text on stderr, an exit status.

    Args:
        as_json: Say it as one JSON object on stdout instead, ``{"outcome", "what", "state", "next"}``.

    Raises:
        invoke.Exit: Status 1 for an error, 3 when a person must act first, 4 when source and target differ.
    """
    try:
        yield
    except Waiting as waiting:
        if as_json:
            print(json.dumps({"outcome": "waiting", "what": waiting.what, "next": waiting.next_step}))
            raise Exit(code=WAITING) from None
        raise Exit(f"{waiting.what}\nNext: {waiting.next_step}", code=WAITING) from None
    except BasculeError as error:
        raise _failed(error, as_json=as_json) from None
    except Exit:
        raise
    except Exception as error:  # a defect of Bascule: its text for the person, its traceback for a file
        raise _failed(_defect(error), as_json=as_json) from None


def _failed(error: BasculeError, *, as_json: bool) -> Exit:
    status = DIFFERS if isinstance(error, DifferenceError) else FAILED
    if not as_json:
        return Exit(str(error), code=status)
    said = {"what": error.what, "state": error.state, "next": error.next_step}
    print(json.dumps({"outcome": "failed", **said}))
    return Exit(code=status)


def _defect(error: Exception) -> BasculeError:
    what = f"{type(error).__name__}: {error}"
    try:
        path = Workspace.find().state / "faults.log"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a") as file:
            file.write(f"{datetime.now(UTC).isoformat()}\n{''.join(traceback.format_exception(error))}\n")
    except (OSError, BasculeError):
        return BasculeError(what, next_step="free room on this machine's disk, then try again")
    return BasculeError(
        what,
        state="Bascule did not foresee this. What it had begun is in the journal: fab status tells.",
        next_step=f"send the last entry of {path} to whoever maintains Bascule",
    )
