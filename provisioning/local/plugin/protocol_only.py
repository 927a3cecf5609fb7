"""
Pulumi's protocol without Pulumi's SDK around it.

The SDK's packages import all of it (automation, pickling, tracing) when any part is imported; a plugin
needs only the message stubs, and the engine starts it twice for every preview that refreshes.

Promise: `leave_out_the_sdk` is for a process that is nothing but a plugin: the rest of the SDK cannot be
used in it afterwards.
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
