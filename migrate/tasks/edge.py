"""
The edge between Bascule and the person or script that typed a command.

Promise: what a person must know leaves as its text alone, without a traceback; a script can tell
by the exit status what happened (0 done, 1 failed or refused, 3 a person
must act first, 4 source and target differ).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from invoke.exceptions import Exit

from migrate.case import Case
from migrate.errors import DifferenceError, Waiting
from provisioning.errors import BasculeError
from provisioning.workspace import Workspace

FAILED = 1
WAITING = 3
DIFFERS = 4


def open_case(tenant: str) -> Case:
    """Open the case of a tenant of the workspace that the current folder lies in."""
    return Case.of(Workspace.find(), tenant)


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
        status = DIFFERS if isinstance(error, DifferenceError) else FAILED
        if as_json:
            said = {"what": error.what, "state": error.state, "next": error.next_step}
            print(json.dumps({"outcome": "failed", **said}))
            raise Exit(code=status) from None
        raise Exit(str(error), code=status) from None
