"""
The door of a site: what lets users in.

Promise: a door counts as open or closed only when the site's host and the outside agree; flipping it
to where it is changes nothing. `declare` makes the program say what is real, so that the next
`pulumi up` does not shut out a tenant who went live.
"""

from contextlib import suppress
from datetime import datetime
from shlex import quote

import paramiko
from fabric import Connection
from invoke.exceptions import CommandTimedOut
from pydantic import TypeAdapter, ValidationError

from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import ConnectionFailed, EvidenceError, Refused, VerificationError
from migrate.lock import held
from migrate.matching import require_match
from migrate.position import DOOR_STEP
from migrate.waiting import wait_until
from migrate.web import Answer, ask
from provisioning.door_state import CLOSED_MARK, DoorState
from provisioning.engine import Stack
from provisioning.errors import SiteError
from provisioning.manifest import Environment
from provisioning.site import SiteOutputs

COMMAND_TIMEOUT_SECONDS = 20
SEEN_WITHIN_SECONDS = 10.0
"""How long a front door may take to follow its state: a web server reloads, a load balancer propagates."""

OPENS = "bascule:opens"
"""Of a stack's configuration: by when the site is to be open, until it has been."""
_STATE: TypeAdapter[DoorState] = TypeAdapter(DoorState)


def state_called(name: str, reason: str) -> DoorState:
    """
    Return the state of that name, as somebody typed it, with the reason that it is to show.

    Raises:
        Refused: There is no such state, or the reason is missing, is not for showing, or has no place there.
    """
    try:
        state = _STATE.validate_python(name)
    except ValidationError:
        raise Refused(f"no door state {name!r}", next_step="--state closed, open or suspended") from None
    if (state == "suspended") != bool(reason):
        raise Refused("a reason goes with suspended, and only with it", next_step='--reason "..."')
    if reason and (not reason.isprintable() or len(reason) > 200 or reason.startswith("-")):
        raise Refused("the reason is one line of at most 200 characters, and begins with no hyphen")
    return state


def read(connection: Connection, site: SiteOutputs) -> DoorState:
    """
    Return the door's state as the site's host tells it.

    Raises:
        SiteError: It does not tell, or tells something else than a state.
    """
    return _say(connection, site, "")


def seen_open(site: SiteOutputs) -> bool:
    """
    Tell whether somebody outside is let in.

    Raises:
        ConnectionFailed: No answer at all, which is neither open nor closed.
        VerificationError: It answers, yet neither as an open nor as a closed door does.
    """
    answer = ask(site)
    if says_closed(answer):
        return False
    if answer.status < 400 or answer.status == 401:  # 401: an application that asks who is there
        return True
    raise VerificationError(
        f"{site.url} answers {answer.status}: neither an open door nor a closed one (503 that says so)",
        next_step=f"fab verify --tenant {site.tenant} --environment {site.environment}",
    )


def says_closed(answer: Answer) -> bool:
    """Tell whether an answer is a closed door's: by its header, or its page where no header can be had."""
    return answer.status == 503 and ("retry-after" in answer.headers or CLOSED_MARK in answer.body)


def flip(connection: Connection, site: SiteOutputs, state: DoorState, reason: str = "") -> None:
    """
    Put the door to `state` and wait until it is seen from outside.

    Args:
        reason: Shown to users while suspended.

    Raises:
        SiteError: The host did not do it, or the outside does not see it.
        VerificationError: The door went to `state`, yet what is behind it does not answer as it should.
    """
    told = _say(connection, site, f" {state}" + (f" {quote(reason)}" if reason else ""))
    if told != state:
        raise SiteError(
            f"the door of {_stack(site)} is {told}, although it was told to be {state}",
            next_step=f"{site.door.command} {state}, on {site.ssh.alias}",
        )
    wants_open = state == "open"
    failure: list[VerificationError | ConnectionFailed] = []

    def seen() -> bool:
        failure.clear()
        try:
            return seen_open(site) == wants_open
        except (VerificationError, ConnectionFailed) as error:
            failure.append(error)
            return False

    if not wait_until(seen, deadline_seconds=SEEN_WITHIN_SECONDS, pace_seconds=0.1):
        if failure:
            raise failure[0]
        raise SiteError(
            f"the door of {_stack(site)} is {state} on its host, yet {site.url} does not show it",
            next_step=f"see the web server's log on {site.ssh.alias}",
        )


def went_live_at(case: Case) -> datetime:
    """
    Return when the door was opened for good, by the move or the deployment that went live last.

    Raises:
        EvidenceError: It never was.
    """
    opened = [r for r in case.journal if r.kind == "point-of-no-return" and r.about == DOOR_STEP]
    if not opened:
        raise EvidenceError(
            f"{case.manifest.stack('prod')} has not gone live",
            next_step=f"fab run --tenant {case.manifest.tenant}",
        )
    return opened[-1].at


def set_by_hand(case: Case, hosts: Hosts, environment: Environment, state: DoorState, reason: str) -> None:
    """
    Put a site's door to `state` outside a move: on the host, from outside and in its program.

    Raises:
        Refused: A run is at work on the tenant, or the door of a prod site that never went live would open.
        SiteError: It was not done, or program and site differ afterwards.
    """
    stack = Stack(case.workspace, case.manifest.stack(environment))
    with held(case.folder, case.manifest.tenant):
        # Only the go-live suite opens a door for the first time.
        if state == "open" and environment == "prod" and case.journal.last("opening", stack.name) is None:
            raise Refused(
                f"{stack.name} has not gone live; its door is opened by a move that passed the go-live suite",
                state="The door stays as it is.",
                next_step=f"fab run --tenant {case.manifest.tenant}",
            )
        flip(hosts.target(environment), hosts.site(environment), state, reason)
        declare(stack, state, reason)
        case.journal.append("door", stack.name, state=state, reason=reason)


def declare(stack: Stack, state: DoorState, reason: str = "") -> None:
    """
    Write the door's state into the stack's configuration, and bring program and reality together.

    Raises:
        SiteError: They still differ afterwards; says in what.
        EngineError: The engine failed.
    """
    stack.set_config("bascule:door", state)
    stack.set_config("bascule:doorReason", reason)
    if state == "open" and OPENS in stack.settings:
        stack.run("config", "rm", OPENS)
    stack.up()
    require_match(
        stack, "differs from its program right after an update", state=f"The door is declared {state}."
    )


def _say(connection: Connection, site: SiteOutputs, words: str) -> DoorState:
    command = site.door.command + words
    try:
        done = connection.run(command, hide=True, warn=True, in_stream=False, timeout=COMMAND_TIMEOUT_SECONDS)
    except (CommandTimedOut, OSError, EOFError, paramiko.SSHException) as error:
        raise SiteError(
            f"`{command}` on {site.ssh.alias} broke off: {type(error).__name__}",
            state="The door may have moved or not.",
            next_step=f"{site.door.command}, on {site.ssh.alias}, prints its state",
        ) from error
    if done.exited == 0:
        with suppress(ValidationError):
            return _STATE.validate_python((done.stdout.split() or [""])[0])
    said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
    raise SiteError(
        f"`{command}` on {site.ssh.alias} ended with {done.exited} and said: {said[0][:300]}",
        next_step=f"pulumi up -s {_stack(site)}, which repairs the host",
    )


def _stack(site: SiteOutputs) -> str:
    return f"{site.tenant}-{site.environment}"
