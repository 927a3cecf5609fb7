"""
The command of a firm's supervisor: accounts shown, requested, changed, disabled.

Promise: shows without a signature, changes nothing without one.
"""

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from fabric import task
from invoke.context import Context

from migrate.errors import Refused
from migrate.tasks.edge import for_a_person, open_case

if TYPE_CHECKING:
    from migrate.accounts.requests import Asked


@task(
    name="users",
    help={
        "tenant": "Whose users.",
        "act": "request, change or disable, by the supervisor; grant, by the vendor. Shows accounts without.",
        "user": "User name that it is about.",
        "name": "As people write it.",
        "email": "Of the user.",
        "role": "One of the predefined roles.",
        "as": "E-mail address of who asks.",
        "key": "The private SSH key of that person.",
        "log": "Show every request that was made, refused ones too.",
    },
)
def users(
    _: Context,
    tenant: str,
    act: str = "",
    user: str = "",
    name: str = "",
    email: str = "",
    role: str = "",
    as_: str = "",
    key: str = "",
    log: bool = False,
) -> None:
    """Show a firm's accounts, or have the supervisor request, change or disable one."""
    from migrate.accounts import provider, requests  # here: SCIM takes over a second

    with for_a_person():
        case = open_case(tenant)
        if log:
            for record in requests.log(case):
                data = record.data
                why = f": {data['why']}" if data["why"] else ""
                print(
                    f"{record.at:%F %T} {data['act']} {record.about} by {data['by']}, {data['outcome']}{why}"
                )
            return
        if act:
            accounts = [requests.ask(case, _asked(act, user, name, email, role, as_), Path(key))]
        else:
            with provider.opened(case) as there:
                accounts = there.accounts()
    for one in accounts:
        state = "active" if one.active else "inactive"
        print(f"{one.user:16} {one.role or '-':16} {state:9} {one.name}, {one.email}: {', '.join(one.may)}")


def _asked(act: str, user: str, name: str, email: str, role: str, by: str) -> "Asked":
    from migrate.accounts.requests import Act, Asked

    known: tuple[Act, ...] = get_args(Act)
    for one in known:
        if one == act:
            return Asked(act=one, user=user, by=by, name=name, email=email, role=role)
    raise Refused(f"{act!a} is none of {', '.join(known)}", next_step="fab --help users")
