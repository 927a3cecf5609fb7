"""
What a person asks before typing anything else.

Promise: reads the case only, so it may be asked beside a run that is at work.
"""

import json

from fabric import task
from invoke.context import Context
from rich.console import Console

from migrate import status as capability
from migrate.tasks.edge import for_a_person, open_case


@task(name="status", help={"tenant": "Whose migration.", "json": "One JSON object on stdout."})
def status(_: Context, tenant: str, json: bool = False) -> None:
    """Show where a tenant is, what holds it up, and the command to type next."""
    with for_a_person(as_json=json):
        found = capability.of(open_case(tenant))
        if json:
            _print_json(found.as_json())
            return
        console = Console(highlight=False)
        for part in capability.render(found):
            console.print(part, soft_wrap=True)


def _print_json(content: dict[str, object]) -> None:
    print(json.dumps(content, ensure_ascii=False))
