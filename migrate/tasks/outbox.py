"""
Messages to people: what waits, what was sent, and sending.

Promise: a message about which there is doubt is shown, and sent again only when a person says so.
"""

from fabric import task
from invoke.context import Context

from migrate import smtp
from migrate.errors import Refused
from migrate.outbox import STATES, Outbox
from migrate.tasks.edge import WAITING, for_a_person, open_case


@task(
    name="outbox",
    help={
        "tenant": "Whose messages.",
        "send": "Hand over what is ready to the mail server of stacks/mail.yaml.",
        "arrived": "Id of a message in doubt that has arrived.",
        "again": "Id of a message in doubt that has not, so that it is sent again.",
    },
)
def outbox(_: Context, tenant: str, send: bool = False, arrived: str = "", again: str = "") -> None:
    """Show a tenant's messages by state; send what is ready; settle what is in doubt."""
    with for_a_person():
        case = open_case(tenant)
        box = Outbox(case)
        if arrived and again:
            raise Refused("a message has arrived or has not; say one of --arrived and --again")
        if arrived or again:
            box.decide(arrived or again, arrived=bool(arrived))
        if send:
            settings = smtp.load_settings(case.workspace)
            with smtp.connected(case.workspace, settings) as server:
                for ident in box.send(server, str(settings.sender)):
                    print(f"sent     {ident}")
        for state in STATES:
            for ident in box.of(state):
                message = box.read(ident)
                shown = "in doubt" if state == "handing" else state
                print(f"{shown:8} {ident}  {message['To']}: {message['Subject']}")
    if box.of("handing"):
        raise SystemExit(WAITING)
