"""
Where people sign, and where the vendor lets a named thing be.

Promise: a key is handed to ssh-keygen by its path and never read here.
"""

from datetime import UTC, datetime
from pathlib import Path

from fabric import task
from invoke.context import Context
from pydantic import ValidationError

from migrate import gates, waivers
from migrate.errors import Refused
from migrate.playbook import load
from migrate.tasks.edge import for_a_person, open_case
from migrate.waivers import Waiver


@task(
    name="sign",
    help={
        "tenant": "Whose migration.",
        "gate": "Name of a gate in the playbook, such as confirm-offer.",
        "as": "E-mail address of the person who signs.",
        "key": "The person's private SSH key (or the public one, when an agent holds it).",
    },
)
def sign(_: Context, tenant: str, gate: str, as_: str, key: str) -> None:
    """Sign a gate's document with an SSH key, as ssh-keygen -Y sign -n bascule does, but checked at once."""
    with for_a_person():
        case = open_case(tenant)
        known = load(case.workspace, case.manifest.playbook).gates()
        if gate not in known:
            raise Refused(f"no gate {gate}; the playbook has {', '.join(known)}")
        found = gates.sign(case, gates.Gate.of(known[gate]), signer=as_, key=Path(key).expanduser())
    print(f"{known[gate].document}: signed by {found.signer} ({found.fingerprint})")
    print(f"Next: fab run --tenant {tenant}")


@task(
    name="waive",
    help={
        "tenant": "Whose migration.",
        "what": "Id of what is let be, as status or the go-live suite names it.",
        "by": "E-mail address of somebody who signs for the vendor.",
        "reason": "Why, in a sentence; it stands in the dossier.",
        "expires": "When it ends, with its offset, such as 2026-03-07T22:00:00+01:00.",
        "key": "That person's private SSH key.",
    },
)
def waive(_: Context, tenant: str, what: str, by: str, reason: str, expires: str, key: str) -> None:
    """Let a named thing be until a date: signed by the vendor, shown as waived, never counted as passed."""
    with for_a_person():
        case = open_case(tenant)
        now = datetime.now(UTC)
        try:
            wished = Waiver.model_validate(
                {
                    "tenant": tenant,
                    "what": what,
                    "by": by,
                    "reason": reason,
                    "given_at": now,
                    "expires_at": expires,
                }
            )
        except ValidationError as error:
            faults = "\n".join(f"  --{'-'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
            raise Refused(f"no waiver was written:\n{faults}") from None
        given = waivers.give(case, wished, Path(key).expanduser())
    print(f"{given.what}: waived by {given.by} until {given.expires_at:%F %H:%M %Z}")
