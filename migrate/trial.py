"""
A pilot on a site: the door opened for its users, marked data, its end, and a clean site afterwards.

Promise: `erase` closes the door first, so nobody is at work while data go; it may be repeated. That nothing
is left is for `environment.prove` to say, which looks at all of the site.
"""

from datetime import UTC, datetime

from migrate import door, environment, pilot, remote
from migrate.case import Case
from migrate.connections import Hosts
from migrate.databases import site_database
from migrate.environment_template import deployment_of, template_of
from migrate.errors import MigrationError, Refused
from migrate.pilot import Pilot
from provisioning.door_state import DoorState
from provisioning.engine import Stack


def begin(case: Case, hosts: Hosts) -> Pilot:
    """
    Have the database mark what is recorded, then let the pilot's users in.

    Raises:
        MigrationError: The manifest knows of no pilot.
    """
    wished = deployment_of(case).pilot
    if wished is None:
        raise MigrationError(f"{case.manifest.tenant} has no deployment: pilot: in its manifest")
    if case.journal.last("evidence", "pilot") is None:
        begins_at = datetime.now(UTC)
        case.write_evidence("pilot", pilot.period(begins_at, wished.days, case.manifest.window.zone))
    found = running(case)
    with site_database(hosts, role="owner").opened() as session:
        pilot.begin(session, template_of(case).description.work, found)
    _put(case, hosts, "open")
    return found


def running(case: Case) -> Pilot:
    """Return the pilot's period."""
    return case.read_evidence("pilot", Pilot)


def end_now(case: Case, hosts: Hosts) -> Pilot:
    """
    End a pilot before its time.

    Raises:
        Refused: None has begun.
    """
    if case.journal.last("evidence", "pilot") is None:
        raise Refused(f"no pilot of {case.manifest.tenant} has begun")
    before = running(case)
    with site_database(hosts, role="owner").opened() as session:
        ended = pilot.end_now(session, template_of(case).description.work, before, datetime.now(UTC))
    if ended != before:
        case.write_evidence("pilot", ended)
    return ended


def erase(case: Case, hosts: Hosts) -> dict[str, int]:
    """
    Close the door, take away every marked row and every file, and load the signed workbook again.

    Returns:
        Rows erased, by table.

    Raises:
        MigrationError: Something that is not marked rests on what is; nothing was erased.
    """
    _put(case, hosts, "closed")
    with site_database(hosts, role="owner").opened() as session:
        erased = pilot.erase(session, template_of(case).description.work)
    folder = hosts.site().files
    remote.run(hosts.target(), f"find {folder} -mindepth 1 -delete", doing="erasing the pilot's files")
    environment.configure(case, hosts, "configuration")
    environment.configure(case, hosts, "history")
    return erased


def _put(case: Case, hosts: Hosts, state: DoorState) -> None:
    stack = Stack(case.workspace, case.manifest.stack("prod"))
    door.flip(hosts.target(), hosts.site(), state)
    door.declare(stack, state)
    last = case.journal.last("door", stack.name)
    if last is None or last.data["state"] != state:
        case.journal.append("door", stack.name, state=state, reason="", by="pilot")
