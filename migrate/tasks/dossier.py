"""
Commands on the dossier.

Promise: what they print says where the pages are, and whether somebody changed them.
"""

from json import dumps

from fabric import Connection, task

from migrate.dossier import page, seal
from migrate.errors import EvidenceError
from migrate.tasks.edge import for_a_person, open_case


@task(
    name="dossier",
    help={
        "tenant": "Name of the tenant.",
        "check": "Compare page, facts, journal, evidence and documents instead of writing.",
        "json": "One JSON object instead of lines.",
    },
)
def dossier(_c: Connection, tenant: str, check: bool = False, json: bool = False) -> None:
    """Write the dossier of a migration: one HTML page and one JSON file; or --check the one there is."""
    with for_a_person(as_json=json):
        case = open_case(tenant)
        if check:
            _check(tenant, as_json=json)
            return
        written = page.write(case)
    if json:
        print(dumps({"page": str(written.page), "facts": str(written.facts)}))
    else:
        print(f"page   {written.page}\nfacts  {written.facts}\nNext: open the page in a browser")


def _check(tenant: str, *, as_json: bool) -> None:
    case = open_case(tenant)
    place = page.paths(case)
    if not place.page.is_file() or not place.facts.is_file():
        raise EvidenceError(f"{tenant} has no dossier yet", next_step=f"fab dossier --tenant {tenant}")
    faults = seal.check(case, place.page, place.facts)
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise EvidenceError(
            f"the dossier of {tenant} does not fit what it rests on:\n{listed}",
            state="Nothing was changed by this check.",
            next_step="find out who changed it; `fab dossier` writes a new one from the case as it is now",
        )
    print(dumps({"unchanged": True}) if as_json else f"{tenant}: unchanged since it was written")
