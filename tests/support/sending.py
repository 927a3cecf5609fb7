"""
Send what is ready in a tenant's outbox: ``python -m tests.support.sending WORKSPACE TENANT``, as a process.

Promise: does what ``fab outbox --send`` does, and nothing before or after it.
"""

import sys
from pathlib import Path

from migrate import smtp
from migrate.case import Case
from migrate.outbox import Outbox
from provisioning.workspace import Workspace

if __name__ == "__main__":
    workspace = Workspace(Path(sys.argv[1]))
    settings = smtp.load_settings(workspace)
    with smtp.connected(workspace, settings) as server:
        Outbox(Case.of(workspace, sys.argv[2])).send(server, str(settings.sender))
