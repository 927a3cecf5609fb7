"""
``make clean``: end what runs for this checkout and throw away what can be made again.

Promise: only hosts of this checkout's workspaces are touched, found by their folders. The demos go
whole; of the checkout's own workspace processes end, while data, state and cases stay
(``pulumi up --refresh`` brings its sites back).
"""

import shutil
from pathlib import Path

from provisioning.local.operator import operator
from provisioning.local.place import Place
from provisioning.local.supervisor import Supervisor
from provisioning.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parent.parent
CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".coverage", "dist")


def hosts(workspace: Workspace) -> list[Place]:
    """Return the hosts that a workspace has on this machine."""
    folder = operator().host_folder(workspace.identity, "any").parent
    return [Place(host) for host in sorted(folder.glob("*"))]


def clean(checkout: Path) -> list[str]:
    """End hosts, remove demos and caches; return what was done, a line each."""
    done = []
    demos = [checkout / "demo", *sorted(checkout.glob("demo-*"))]
    # The legacy system is a Pulumi project of its own.
    for workspace in (place for demo in demos for place in (demo, demo / "legacy")):
        for host in hosts(Workspace(workspace)):
            Supervisor(host).stop()
            host.remove_all()
            done.append(f"removed the demo's host {host.folder.name}")
    for host in hosts(Workspace(checkout)):
        Supervisor(host).stop()
        done.append(f"ended {host.folder.name}; its data stay")
    for path in (*demos, *(checkout / name for name in CACHES)):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        else:
            continue
        done.append(f"removed {path.relative_to(checkout)}")
    return done


if __name__ == "__main__":
    print("\n".join(clean(CHECKOUT)) or "nothing to clean")
