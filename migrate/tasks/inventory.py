"""
Commands on the inventory and on what is too old to move.

Promise: `inventory` reads only, and writes the form; `purge-restore` brings back what a purge took.
"""

import json as json_text
from datetime import UTC, date, datetime

from fabric import task
from invoke.context import Context
from rich.filesize import decimal

from migrate.connections import Hosts
from migrate.inventory import decisions, taking
from migrate.progress import screen
from migrate.purge import purging
from migrate.tasks.edge import before_the_move, for_a_person, open_case


@task(name="inventory", help={"tenant": "Whose databases.", "json": "What was found, as one JSON object."})
def inventory(_: Context, tenant: str, json: bool = False) -> None:
    """Find every database on every legacy server and in every folder; write the form to decide on each."""
    with for_a_person(as_json=json):
        case, shown = open_case(tenant), screen()
        with Hosts(case.workspace, case.manifest) as hosts:
            try:
                found = taking.take(case, hosts, shown)
            finally:
                shown.finish()
        form = decisions.write_form(case, found)
    if json:
        print(json_text.dumps(found.model_dump(mode="json")))
        return
    now = datetime.now(UTC)
    for one in found.databases:
        idle = one.idle_days(now)
        size = "size unknown" if one.bytes is None else decimal(one.bytes)
        age = "last use unknown" if idle is None else f"last written {idle} days ago"
        told = f"{size}, {age}, owner {one.owner or 'unknown'}"
        print(f"{one.id}: {'no login' if one.is_closed else told}")
    for folder, count in found.unreadable.items():
        print(f"{folder}: {count} files or folders may not be read")
    print(f"Next: decide on each in {form}")


@task(
    name="purge-plan",
    help={"tenant": "Whose database.", "on": "Count ages on this day, such as 2027-01-31; by default today."},
)
def purge_plan(_: Context, tenant: str, on: str = "") -> None:
    """Count what the rules under purge would take, with bytes; changes nothing."""
    with for_a_person():
        case = open_case(tenant)
        day = date.fromisoformat(on) if on else datetime.now(case.manifest.window.zone).date()
        with Hosts(case.workspace, case.manifest) as hosts:
            plan = purging.dry_run(case, hosts, day)
    for one in plan.tables:
        print(f"{one.table}: {one.rows} rows ({decimal(one.bytes)}) would go, {one.kept} stay")
    print(f"{plan.rows} rows, {decimal(plan.bytes)}, ages counted on {plan.as_of}; nothing was changed")


@task(
    name="purge-restore",
    help={
        "tenant": "Whose rows.",
        "archive": "Only this archive; by default all of the purge.",
        "from": "Where its medium is now; by default where it was written.",
    },
)
def purge_restore(_: Context, tenant: str, archive: str = "", from_: str = "") -> None:
    """Bring purged rows back to legacy, while it is not left yet; again changes nothing."""
    with for_a_person():
        case, shown = open_case(tenant), screen()
        with before_the_move(case), Hosts(case.workspace, case.manifest) as hosts:
            try:
                back = purging.bring_back(case, hosts, shown, archive=archive, location=from_)
            finally:
                shown.finish()
    print(f"{back.rows} rows brought back, {back.there} were there, from {', '.join(back.archives)}")
