"""
Commands on the inventory and on what is too old to move.

Promise: `inventory` reads only, and writes the form; `purge-restore` brings back what a purge took.
"""

import json as json_text
from datetime import UTC, datetime

from fabric import task
from invoke.context import Context
from rich.filesize import decimal

from migrate.connections import Hosts
from migrate.inventory import decisions, taking
from migrate.progress import screen
from migrate.tasks.edge import for_a_person, open_case


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
