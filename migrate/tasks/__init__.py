"""
The fab commands, one module an area: parse, call, print; no logic.

Promise: every module of this folder is collected by `collection`, so a new command needs no other
edit; a module's commands are the ``@task`` functions written in it. Each phase of a playbook has one too.
"""

import importlib
import pkgutil
import sys

from fabric import Task
from invoke.collection import Collection


def own_commands() -> dict[str, Task]:
    """Return Bascule's own commands by name, without those of a playbook's phases."""
    found: dict[str, Task] = {}
    for module in pkgutil.iter_modules(__path__):
        area = importlib.import_module(f"{__name__}.{module.name}")
        for name, value in vars(area).items():
            # A command imported from another area is that area's.
            if isinstance(value, Task) and value.body.__module__ == area.__name__:
                found[value.name or name] = value
    return found


def collection() -> Collection:
    """Return all commands in one flat namespace, as ``fab --list`` shows them."""
    found = own_commands()
    for name, made in importlib.import_module(f"{__name__}.run").phase_tasks().items():
        if name in found:
            print(f"a playbook calls a phase's command {name}, which is Bascule's own", file=sys.stderr)
        found.setdefault(name, made)
    commands = Collection()
    for name in sorted(found):
        commands.add_task(found[name], name=name)
    return commands
