"""
Commands that look before anything is promised: assess, and the quote request.

Promise: legacy is only read; what is written is the case's.
"""

import sys
from datetime import UTC, datetime

from fabric import task
from invoke.context import Context
from pydantic import ValidationError
from rich.filesize import decimal

from migrate.assess import Assessment, is_kept
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
    if not is_kept(case):
        print("not kept: legacy is frozen or left, and what the move was planned with stays")
    print(f"Next: fab run --tenant {tenant}")


def _show(found: Assessment) -> None:
    for database in found.databases:
        print(
            f"{database.name}: PostgreSQL {database.server.version}, {decimal(database.server.bytes)},"
            f" tables: {len(database.tables)}, rows written a second: {database.writes.rows_per_second:.0f}"
        )
    for tree in found.files:
        print(f"{tree.name}: files: {tree.count}, {decimal(tree.bytes)}")
    for interface in found.interfaces:
        print(f"{interface.name}: {interface.detail}")
    for finding in found.findings:
        print(f"\n{finding.severity:8} {finding.id} ({finding.subject}): {finding.what}")
        print(f"{'':8} {finding.meaning}\n{'':8} to do: {finding.remedy}")
    print(f"\n{found.mode}: {found.mode_because}")
    print(
        f"estimated stop: {found.estimate.low_seconds:.0f} to {found.estimate.high_seconds:.0f} s, of which"
    )
    for part in found.estimate.parts:
        print(f"  {part.low_seconds:5.0f} to {part.high_seconds:5.0f} s  {part.name}: {part.rests_on}")


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
            faults = "\n".join(f"  --{_flag(fault['loc'])}: {fault['msg']}" for fault in error.errors())
            raise Refused(f"no request was recorded:\n{faults}") from None
    print(f"{tenant}: asked for by {recorded.by.name}, {recorded.requested_at:%F}")
    print(f"Next: fab run --tenant {tenant}")


def _flag(path: tuple[int | str, ...]) -> str:
    """Return the flag that a faulty value came from."""
    name = str(path[1] if path[0] == "by" else path[0])
    return "at" if name == "requested_at" else name
