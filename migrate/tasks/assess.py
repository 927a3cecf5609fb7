"""
Commands that look before anything is promised: assess, and the quote request.

Promise: legacy is only read; what is written is the case's.
"""

import sys
from datetime import UTC, datetime
from json import dumps

from fabric import task
from invoke.context import Context
from pydantic import ValidationError

from migrate import waivers
from migrate.assess import Assessment, is_kept, shown
from migrate.assess import assess as measure_all
from migrate.assess.staleness import stale
from migrate.case import Case
from migrate.connections import Hosts
from migrate.errors import EvidenceError, Refused
from migrate.product import discovery
from migrate.product.order import has_order, ordered
from migrate.product.recommendation import Answer
from migrate.progress import screen
from migrate.rehearsal.evidence import Rehearsal
from migrate.request import Request, record_request
from migrate.tasks.edge import for_a_person, open_case


@task(name="assess", help={"tenant": "Whose migration.", "json": "The whole assessment as one JSON object."})
def assess(_: Context, tenant: str, json: bool = False) -> None:
    """Measure a legacy system, reading only: what is there, what would hurt, how long the stop will be."""
    with for_a_person(as_json=json):
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            progress = screen(sys.stderr if json else sys.stdout)
            try:
                found = measure_all(case, hosts, progress)
            finally:
                progress.finish()
            rows = _prerequisites(case, hosts, found)
        waived = waivers.of_findings(case, found.findings)
        no_longer = stale(case, found.fingerprint)
        rehearsed = _rehearsed(case, found)
    if json:
        until = {what: waiver.model_dump(mode="json") for what, waiver in waived.items()}
        recommended = [row.model_dump(mode="json") for row in rows]
        whole = {**found.model_dump(mode="json"), "waived": until, "stale": no_longer}
        print(dumps({**whole, "prerequisites": recommended}))
        return
    print("\n".join(shown.lines(found, waived, no_longer, rehearsed)))
    for row in rows:
        print(f"{row.verdict:14} {row.title}: {row.found} (wanted: {row.wanted})")
    if not is_kept(case):
        print("not kept: legacy is frozen or left, and what the move was planned with stays")
    print(f"Next: fab run --tenant {tenant}")


def _prerequisites(case: Case, hosts: Hosts, found: Assessment) -> tuple[Answer, ...]:
    """Hold the server against the recommendation of the product's vendor, where an upgrade was ordered."""
    if not has_order(case):
        return ()
    order = ordered(case)
    version = discovery.installation(hosts, order).version
    return discovery.prerequisites(hosts, order, found, version).rows


def _rehearsed(case: Case, found: Assessment) -> tuple[float, float] | None:
    """Return the stop that the last rehearsal predicts, unless the tenant's system is another one since."""
    try:
        rehearsal = case.read_evidence("rehearsal", Rehearsal)
    except EvidenceError:
        return None
    if not (rehearsal.passed and rehearsal.fingerprint.still_holds_for(found.fingerprint)):
        return None
    return rehearsal.low_seconds, rehearsal.high_seconds


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
