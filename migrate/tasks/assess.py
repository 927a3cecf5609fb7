"""Commands that look before anything is promised: assess, and the quote request."""

import sys
from datetime import UTC, datetime

from fabric import task
from invoke.context import Context
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from migrate.assess import Assessment
from migrate.assess import assess as measure_all
from migrate.connections import Hosts
from migrate.errors import Refused
from migrate.progress import screen
from migrate.request import Request, record_request
from migrate.tasks.edge import for_a_person, open_case


@task(name="assess", help={"tenant": "Whose migration.", "json": "The whole assessment as one JSON object."})
def assess(_: Context, tenant: str, json: bool = False) -> None:
    """Measure a legacy system, reading only: what is there, what would hurt, how long the stop will be."""
    with for_a_person(as_json=json):
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            shown = screen(sys.stderr if json else sys.stdout)
            try:
                found = measure_all(case, hosts, shown)
            finally:
                shown.finish()
    if json:
        print(found.model_dump_json())
        return
    _show(found)
    print(f"Next: fab run --tenant {tenant}")


def _show(found: Assessment) -> None:
    console = Console()
    for database in found.databases:
        console.print(
            f"{database.name}: PostgreSQL {database.server.version}, {database.server.bytes / 1e6:.0f} MB,"
            f" {len(database.tables)} tables, {database.writes.rows_per_second:.0f} rows written a second"
        )
    for tree in found.files:
        console.print(f"{tree.name}: {tree.count} files, {tree.bytes / 1e6:.0f} MB")
    table = Table("severity", "finding", "where", "what it is, what it means, what to do", box=None)
    for finding in found.findings:
        says = f"{finding.what}; {finding.meaning}. {finding.remedy}"
        table.add_row(finding.severity, finding.id, finding.subject, says)
    console.print(table)
    stop = found.estimate
    console.print(f"{found.mode}: {found.mode_because}")
    console.print(f"estimated stop: {stop.low_seconds:.0f} to {stop.high_seconds:.0f} s", highlight=False)


@task(
    name="request",
    help={
        "tenant": "Whose migration.",
        "name": "Who asks; by default the tenant's responsible person.",
        "email": "That person's e-mail address.",
        "wishes": "In the customer's own words.",
        "training": "Extra training as POSITION=HOURS, such as training-online=2; may be repeated.",
        "weekend": "The move may lie on a weekend.",
        "at": "When it was asked for, with its offset; now unless said otherwise.",
    },
    iterable=["training"],
)
def request(
    _: Context,
    tenant: str,
    name: str = "",
    email: str = "",
    wishes: str = "",
    training: list[str] | None = None,
    weekend: bool = False,
    at: str = "",
) -> None:
    """Record a quote request that came by mail or telephone."""
    with for_a_person():
        case = open_case(tenant)
        person = case.manifest.contacts.responsible
        asked = {
            "requested_at": at or datetime.now(UTC),
            "by": {"name": name or person.name, "email": email or person.email},
            "wishes": wishes,
            "training": dict(word.partition("=")[::2] for word in training or ()),
            "weekend": weekend,
        }
        try:
            recorded = record_request(case, Request.model_validate(asked))
        except ValidationError as error:
            faults = "\n".join(f"  --{'-'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
            raise Refused(f"no request was recorded:\n{faults}") from None
    print(f"{tenant}: asked for by {recorded.by.name}, {recorded.requested_at:%F}")
    print(f"Next: fab run --tenant {tenant}")
