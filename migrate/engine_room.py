"""
Durable execution: DBOS, set up for one case and one process at a time.

Promise: nothing is printed, nothing leaves the machine; whatever the database keeps in clear is a plan
or an outcome, never a secret. The caller holds the case's lock, since two launched processes would
both resume what one of them is doing.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandle

from migrate.attempt import Attempt, Desk
from migrate.case import Case
from migrate.errors import Refused
from migrate.plan import Plan
from migrate.step import Result

POLL_SECONDS = 0.1

_desk: Desk | None = None
"""What attempts of this process work with. DBOS calls workflows by name, so it cannot be handed over."""


@DBOS.workflow(name="attempt", max_recovery_attempts=None)
def _attempt(plan: dict[str, Any]) -> Result:
    assert _desk is not None  # noqa: S101 - launched sees to it
    workflow = DBOS.workflow_id or ""
    return Attempt(Plan.model_validate(plan), workflow, _desk, _durably).run()


def _durably(name: str, act: Any, *args: Any) -> Result:
    return DBOS.run_step({"name": name}, act, *args)


@contextmanager
def launched(desk: Desk) -> Iterator[None]:
    """
    Launch DBOS for the case of `desk`. Whatever attempt was cut short goes on at once, in the background.

    The executor and the version are those of the tenant, always: by default DBOS would leave an attempt
    alone that another build of Bascule began, and would take up other tenants' in a shared database.
    """
    global _desk
    case, identity = desk.case, f"{desk.case.workspace.identity}/{desk.case.manifest.tenant}"
    case.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = _log_to(case)
    config: DBOSConfig = {
        "name": "bascule",
        "system_database_url": _database(case),
        "application_version": _version(case),
        "executor_id": identity,
        "log_level": "WARNING",
        # Nobody notifies anybody here; this only lets go of the thread that would listen.
        "notification_listener_polling_interval_sec": POLL_SECONDS,
    }
    _desk = desk
    try:
        DBOS(config=config)
        DBOS.launch()
        yield
    finally:
        DBOS.destroy()
        _desk = None
        logging.getLogger("dbos").removeHandler(log)
        log.close()


def knows(workflow: str) -> bool:
    """Whether the run database has that attempt."""
    return DBOS.get_workflow_status(workflow) is not None


def is_broken(workflow: str) -> bool:
    """Whether an attempt ended without a result: the database failed under it, not one of its steps."""
    status = DBOS.get_workflow_status(workflow)
    return status is not None and status.status not in ("PENDING", "ENQUEUED", "DELAYED", "SUCCESS")


def begin(workflow: str, plan: Plan) -> None:
    """Begin an attempt; one that exists is left as it is."""
    if not knows(workflow):
        with SetWorkflowID(workflow):
            DBOS.start_workflow(_attempt, plan.model_dump(mode="json"))


def go_on(case: Case, workflow: str, earlier: str, at: str | None) -> None:
    """
    Go on with an attempt that ended, as the new workflow `workflow`.

    Args:
        at: The recorded step to do again, first of all; None to go on behind the last recorded one.

    Raises:
        Refused: The database does not know the earlier one.
    """
    if knows(workflow):
        return
    recorded = {step["function_name"]: step["function_id"] for step in DBOS.list_workflow_steps(earlier)}
    if not knows(earlier) or (at is not None and at not in recorded):
        raise unknown(case, earlier)
    first = recorded[at] if at is not None else max(recorded.values(), default=0) + 1
    with SetWorkflowID(workflow):
        DBOS.fork_workflow(earlier, first, application_version=_version(case))


def outcome_of(workflow: str) -> Result:
    """Wait for an attempt to end and return how, as its ``ended`` record says it."""
    handle: WorkflowHandle[Result] = DBOS.retrieve_workflow(workflow)
    return handle.get_result(polling_interval_sec=POLL_SECONDS)


def unknown(case: Case, workflow: str) -> Refused:
    """Say that journal and run database do not belong together."""
    return Refused(
        f"the run database of {case.manifest.tenant} does not know {workflow}, which the journal tells of",
        state="Nothing was changed by this command.",
        next_step="put back the run database (dbos.sqlite, or BASCULE_DATABASE_URL) that the case began with",
    )


def _version(case: Case) -> str:
    """Of what the database holds, not of Bascule: raised when plans of before could not be carried on."""
    return f"1/{case.workspace.identity}/{case.manifest.tenant}"


def _database(case: Case) -> str:
    named = os.environ.get("BASCULE_DATABASE_URL")
    if named:
        return named
    path = case.folder / "dbos.sqlite"
    # Made before DBOS makes it, so that it is never readable by others; its journal takes over the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    return f"sqlite:///{path}"


def _log_to(case: Case) -> logging.Handler:
    """Send what DBOS says into the case folder; with a handler there, it does not add its own console one."""
    path = case.folder / "engine.log"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("dbos")
    for other in list(logger.handlers):
        logger.removeHandler(other)
    logger.propagate = False
    logger.addHandler(handler)
    return handler
