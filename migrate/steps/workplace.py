"""
Steps for what people work with after the move: packages on workstations, services of the site.

Promise: repeatable; what does not work yet is named and waited for.
"""

from migrate import features
from migrate.errors import Waiting
from migrate.product import packages
from migrate.step import Result, StepContext, step


@step("install-packages", changes=True)
def install_packages(ctx: StepContext) -> Result:
    """Install the packages on every workstation; each user opens a session and prints a page there."""
    found = packages.install(ctx.case, ctx.hosts, ctx.progress.say)
    lacking = [
        f"  {name}, {cell.workstation} {cell.user}: {cell.outcome}, {cell.says}"
        for name, matrix in found.items()
        for cell in matrix.cells
        if cell.outcome != "met"
    ]
    if lacking:
        listed = "\n".join(lacking)
        raise Waiting(
            f"not every package works on every workstation:\n{listed}",
            next_step=f"mend them, then fab run --tenant {ctx.manifest.tenant}",
        )
    return {name: matrix.counted for name, matrix in found.items()}


@step("switch-on-services", changes=True)
def switch_on_services(ctx: StepContext) -> Result:
    """Switch the tenant's services on in the site's program, and see that each answers."""
    site = features.switch_on(ctx.case, tuple(service.name for service in ctx.manifest.services))
    return {"services": list(site.services)}
