"""
Ending the hosts that an interrupted run of the tests left running.

Promise: only hosts of workspaces below one folder, the run's own, are touched; a run that ended by itself
has none left.
"""

from pathlib import Path

from provisioning.errors import SiteError
from provisioning.local.operator import operator
from provisioning.local.place import Place
from provisioning.local.supervisor import Supervisor
from provisioning.workspace import Workspace


def end_hosts_below(folder: Path) -> list[str]:
    """End and remove the hosts of every workspace below a folder; return their names."""
    try:
        home = operator().home
    except SiteError:
        return []  # nothing was ever set up here
    ended = []
    for state in folder.rglob(".state"):
        for host in sorted((home / "hosts" / Workspace(state.parent).identity).glob("*")):
            place = Place(host)
            Supervisor(place).stop()
            place.remove_all()
            ended.append(host.name)
    return ended
