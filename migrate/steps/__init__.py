"""
Steps: what a playbook can be made of. One module an area; each only binds a name to a capability.

Promise: every module in this folder is loaded by `load_all`, so a new step needs no other edit.
"""

import importlib
import pkgutil


def load_all() -> None:
    """Import every module of this folder, so that its steps are registered."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
