"""
Pulumi's protocol without the SDK around it, of which this host needs nothing else.

Importing any part of the SDK's packages runs all of them, and the engine starts this host twice for
every preview that refreshes. Promise: only for a process that is nothing but this host.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def leave_out_the_sdk() -> None:
    """Let ``pulumi.runtime.proto`` be imported from now on without running the packages above it."""
    spec = find_spec("pulumi")
    if spec is None or spec.origin is None:
        return  # the import itself then says what is missing
    folder = Path(spec.origin).parent
    for name, place in (("pulumi", folder), ("pulumi.runtime", folder / "runtime")):
        bare = ModuleType(name)
        bare.__path__ = [str(place)]
        sys.modules.setdefault(name, bare)
