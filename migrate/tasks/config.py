"""
Commands on a tenant's configuration workbook.

Promise: a file with a fault is never adopted; a signed one is replaced only when that is asked for by name.
"""

from pathlib import Path

from fabric import task
from invoke.context import Context

from migrate.errors import Refused
from migrate.tasks.edge import for_a_person, open_case
from migrate.workbook import adopting


@task(
    name="config",
    positional=["what"],
    help={
        "what": "template: write the empty workbook; check: check a filled-in one and adopt it.",
        "tenant": "Whose site.",
        "file": "check: an .xlsx file, or a folder or .zip of .csv files named as the sheets.",
        "replace": "check: although another file is signed; its signature is void.",
    },
)
def config(_: Context, what: str, tenant: str, file: str = "", replace: bool = False) -> None:
    """Write the configuration workbook (fab config template), or check a filled-in one (fab config check)."""
    with for_a_person():
        case = open_case(tenant)
        if what == "template":
            print(adopting.write_template(case))
            print(f"Next: fab config check --tenant {tenant} --file FILLED-IN.xlsx")
            return
        if what != "check" or not file:
            raise Refused(
                f"fab config {what}: what to do is template, or check with --file",
                next_step=f"fab config check --tenant {tenant} --file FILLED-IN.xlsx",
            )
        adopted = adopting.adopt(case, Path(file).expanduser(), replace=replace)
    rows = ", ".join(f"{count} {name}" for name, count in adopted.rows.items())
    print(f"{file}: no fault; {rows}")
    print(f"{adopting.DOCUMENT}: SHA-256 {adopted.sha256}")
    print(f"Next: fab run --tenant {tenant}")
