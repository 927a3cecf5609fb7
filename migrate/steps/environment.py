"""
Steps that make a site what a customer signed: template, configuration, history, dashboards, and the proof.

Promise: each may be repeated; the second time changes nothing that is right.
"""

from migrate import environment, going_live
from migrate.kpis import building
from migrate.step import Result, StepContext, step


@step("install-template", changes=True)
def install_template(ctx: StepContext) -> Result:
    """Make the template's tables in the site's database, exactly as published."""
    made = environment.set_up(ctx.case, ctx.hosts)
    return {"template": f"{made.template} {made.version}", "sha256": made.sha256}


@step("configure-site", changes=True)
def configure_site(ctx: StepContext) -> Result:
    """Load who works there from the signed workbook; its digest goes into the stack's configuration."""
    return _said(environment.configure(ctx.case, ctx.hosts, "configuration"), ctx)


@step("import-history", changes=True)
def import_history(ctx: StepContext) -> Result:
    """Import customers, products and lists from the signed workbook; refused rows are reported."""
    return _said(environment.configure(ctx.case, ctx.hosts, "history"), ctx)


@step("prove-environment")
def prove_environment(ctx: StepContext) -> Result:
    """Prove that the site is its template filled with the signed workbook, and nothing else."""
    proof = environment.prove(ctx.case, ctx.hosts, ctx.attempt)
    return {"template": proof.template_sha256, "workbook": proof.workbook_sha256, "rows": proof.rows}


@step("build-dashboards", changes=True)
def build_dashboards(ctx: StepContext) -> Result:
    """Build the signed KPIs as views, and read each as the role that may only read."""
    return {"rows": building.build(ctx.case, ctx.hosts)}


@step("start-subscription", changes=True)
def start_subscription(ctx: StepContext) -> Result:
    """Start the subscription with the moment of going live, and tell the billing system."""
    found = going_live.start_subscription(ctx.case, ctx.hosts)
    return {"invoices": [line.id for line in found], "due_on": [str(line.invoice.due_on) for line in found]}


def _said(found: environment.Configured, ctx: StepContext) -> Result:
    for row in found.rejected:
        ctx.progress.say(f"refused: {row.sheet}, row {row.row} ({row.key}): {row.reason}")
    return {
        "sha256": found.sha256,
        "rows": {one.sheet: one.rows for one in found.sheets},
        "changed": {one.sheet: one.changed for one in found.sheets},
        "rejected": len(found.rejected),
    }
