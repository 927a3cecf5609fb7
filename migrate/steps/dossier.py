"""
The step that writes the dossier.

Promise: it only writes into the case.
"""

from migrate.dossier import page
from migrate.step import Result, StepContext, step


@step("write-dossier")
def write_dossier(ctx: StepContext) -> Result:
    """Write the dossier: one page for people, one file for programs."""
    written = page.write(ctx.case)
    root = ctx.case.workspace.root
    return {"page": str(written.page.relative_to(root)), "facts": str(written.facts.relative_to(root))}
