"""
Commands on playbooks: lint a file, write the catalogue of all.

Promise: connects to nothing and runs no step.
"""

from pathlib import Path

from fabric import Connection, task

from migrate import catalogue
from migrate import playbook as playbooks
from migrate.case import write_whole
from migrate.errors import Refused
from migrate.step import known_steps
from migrate.tasks import own_commands
from migrate.tasks.edge import for_a_person


@task(
    name="playbook",
    positional=["action", "file"],
    help={
        "action": "lint: tell every fault of a playbook; catalogue: write a page on all of Bascule's own.",
        "file": "The playbook to look at, or the page to write.",
    },
)
def playbook(_: Connection, action: str, file: str) -> None:
    """Lint a playbook (fab playbook lint FILE), or write the catalogue (fab playbook catalogue FILE)."""
    with for_a_person():
        path = Path(file)
        match action:
            case "lint":
                if not path.is_file():
                    raise Refused(f"no file {path}", next_step="fab playbook lint playbooks/NAME.yaml")
                found = playbooks.read(path, known_steps(), reserved=own_commands())
                print(f"{path.name}: sound; {_counted(found)}")
            case "catalogue":
                paths = playbooks.files(None).values()
                every = [playbooks.read(each, known_steps(), reserved=own_commands()) for each in paths]
                write_whole(path, catalogue.markdown(every, known_steps()).encode())
                print(f"wrote {path}")
            case _:
                raise Refused(f"fab playbook {action}: no such thing", next_step="fab playbook lint FILE")


def _counted(found: playbooks.Playbook) -> str:
    steps = sum(entry.step is not None for phase in found.phases for entry in phase.steps)
    return f"{len(found.phases)} phases, {steps} steps, {len(found.gates())} gates"
