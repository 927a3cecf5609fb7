"""
Services of a site, switched on by its program after the move: `Manifest.services`.

Promise: what is declared and what answers agree when this returns; users meet one by the open door only.
"""

from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import VerificationError
from migrate.waiting import wait_until
from migrate.web import ask
from provisioning.engine import Stack
from provisioning.errors import BasculeError
from provisioning.manifest import Environment
from provisioning.manifest_services import Service
from provisioning.site import SiteOutputs

_ANSWERS_WITHIN_SECONDS = 30.0


def switch_on(case: Case, names: tuple[str, ...], environment: Environment = "prod") -> SiteOutputs:
    """
    Declare these services and no others as switched on, and see that they answer.

    Raises:
        EngineError: The site could not be brought to that.
        VerificationError: A service answers although it is off, or does not although it is on.
    """
    stack = Stack(case.workspace, case.manifest.stack(environment))
    stack.set_config("bascule:services", ",".join(names))
    stack.up()
    # The outputs that the run knows are those of before.
    with Hosts(case.workspace, case.manifest) as hosts:
        site = hosts.site(environment)
    wrong: list[str] = []

    def right() -> bool:
        wrong[:] = [line for service in case.manifest.services if (line := _fault(site, service))]
        return not wrong

    if not wait_until(right, deadline_seconds=_ANSWERS_WITHIN_SECONDS, pace_seconds=0.2):
        listed = "\n".join(f"  {line}" for line in wrong)
        raise VerificationError(
            f"services of {stack.name} are not as its program says:\n{listed}",
            state="The site works as before otherwise.",
            next_step=f"see the application's log on {site.ssh.alias}; then the same command again",
        )
    return site


def _fault(site: SiteOutputs, service: Service) -> str:
    wanted = 200 if service.name in site.services else 404
    try:
        status = ask(site, service.path, verified=True).status
    except BasculeError as error:
        return f"{service.name}: {error.what}"
    return "" if status == wanted else f"{service.name}: {service.path} answers {status}, not {wanted}"
