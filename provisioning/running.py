"""
What a running Pulumi program has to know of itself.

Promise: holds inside the engine only; everything else uses `Workspace.find`.
"""

import os
from pathlib import Path

from pulumi import get_root_directory

from provisioning.workspace import Workspace


def running_workspace() -> Workspace:
    """
    Return the workspace of the running program.

    Not found from the current folder: where the workspace links to this package, that is elsewhere.
    """
    if "BASCULE_WORKSPACE" in os.environ:
        return Workspace.find()
    return Workspace(Path(get_root_directory()).resolve())
