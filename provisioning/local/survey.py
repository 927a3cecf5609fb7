"""
The survey of stacks on this machine: `provisioning.survey` says what each part is for.

Promise: reads only. What stands on a stack's host is the stack's: the host's folder is its mark.
"""

from collections.abc import Sequence
from datetime import date

from provisioning.engine import Stack
from provisioning.errors import SiteError
from provisioning.local import postgres
from provisioning.local.operator import operator
from provisioning.local.place import Place
from provisioning.policy.exceptions import excused_beside, load_exceptions
from provisioning.policy.resources import Resource

STATEFUL = frozenset(
    f"bascule:local:{kind}"
    for kind in ("BackupSchedule", "Database", "DatabaseCluster", "Host", "MariadbDatabase", "MariadbServer")
)
MODULES = ("provisioning.local.site",)
_ROLES = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND oid <> 10"
_DATABASES = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"


def _place(stack: Stack) -> Place:
    return Place(operator().host_folder(stack.workspace.identity, stack.name))


def misplaced(stack: Stack, state: Sequence[Resource]) -> str:
    """There is no account here: the host's folder says which machine's user and which workspace it is of."""
    here = str(_place(stack).folder)
    stood = {str(one.inputs["host"]) for one in state if one.type == "bascule:local:Host"}
    if stood - {here}:
        return f"its state says that its host is {', '.join(sorted(stood))}; from here it would be {here}"
    return ""


def beside(stack: Stack, state: Sequence[Resource], today: date) -> list[str]:
    """Return services, roles and databases of the stack's host that its program does not know."""
    place = _place(stack)
    if not place.exists:
        return []
    if not any(one.type == "bascule:local:Host" for one in state):
        return [f"host {place.folder}"]
    known = {f"service {name}" for one in state for name in one.inputs.get("services") or ()}
    found = [f"service {file.stem}" for file in place.path("etc/supervisor.d").glob("*.conf")]
    for cluster in (one for one in state if one.type == "bascule:local:DatabaseCluster"):
        known |= _declared(state)
        found += _standing(stack, place, int(cluster.inputs["port"]))
    guests = tuple(f"role {one.inputs['guests']}" for one in state if one.inputs.get("guests"))
    excused = excused_beside(load_exceptions(stack.workspace.stacks), stack.name, today)
    return sorted(one for one in set(found) - known - excused if not (guests and one.startswith(guests)))


def _declared(state: Sequence[Resource]) -> set[str]:
    kinds = {"bascule:local:DatabaseRole": "role", "bascule:local:Database": "database"}
    return {f"{kinds[one.type]} {one.inputs['name']}" for one in state if one.type in kinds}


def _standing(stack: Stack, place: Place, port: int) -> list[str]:
    try:
        with postgres.session(place, port) as session:
            roles = [f"role {row[0]}" for row in session.execute(_ROLES)]
            return roles + [f"database {row[0]}" for row in session.execute(_DATABASES)]
    except postgres.NotAnswering as error:
        raise SiteError(
            f"{stack.name}: its database does not say which roles and databases it has: {error}",
            state="Whether anything stands beside its program is not known.",
        ) from error
