"""
The fab commands, one module an area: parse, call, print; no logic.

Promise: every module of this folder is collected by `collection`, so a new command needs no other
edit; a module's commands are the ``@task`` functions written in it. Each phase of a playbook has one too.
"""

import gc
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fabric import Task
from invoke.collection import Collection


@contextmanager
def _to_stay() -> Iterator[None]:
    """Import what stays until the end: looking whether it may go takes a tenth of every command's start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def own_commands() -> dict[str, Task]:
    """Return Bascule's own commands by name, without those of a playbook's phases."""
    with _to_stay():
        names = [module.name for module in pkgutil.iter_modules(__path__)]
        areas = [importlib.import_module(f"{__name__}.{name}") for name in names]
    found: dict[str, Task] = {}
    for area in areas:
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
