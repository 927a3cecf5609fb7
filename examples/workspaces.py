"""
What every demo's workspace needs: links to the checkout, people's keys, and an end.

Promise: each may be repeated; only a workspace that was made here is ever removed.
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from migrate.case import write_whole
from provisioning.engine import Stack
from provisioning.errors import WorkspaceError
from provisioning.workspace import Workspace


def link(link: Path, target: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(target)


def key_file(workspace: Workspace, email: str) -> Path:
    return workspace.state / "keys" / email


def signing_key(workspace: Workspace, email: str) -> Path:
    """Return a demo person's private key, making it where it is missing."""
    path = key_file(workspace, email)
    if not path.with_suffix(path.suffix + ".pub").exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        subprocess.run(  # noqa: S603 - OpenSSH, our own words
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", email, "-f", str(path)],  # noqa: S607 - as on PATH
            check=True,
        )
    return path


def write_allowed_signers(workspace: Workspace, keys: Mapping[str, Path], *, vendor: str) -> None:
    """List the keys, by e-mail address; `vendor` is whose signs for the vendor."""
    lines = []
    for email, path in keys.items():
        public = path.with_suffix(path.suffix + ".pub").read_text().split()
        who = f"vendor,{email}" if email == vendor else email
        lines.append(f'{who} namespaces="bascule" {public[0]} {public[1]}\n')
    write_whole(workspace.stacks / "allowed_signers", "".join(lines).encode())


def remove(workspace: Workspace, stacks: Iterable[tuple[Workspace, str]]) -> None:
    """
    End the hosts of these stacks and remove the workspace. Nothing to do where there is none.

    Raises:
        WorkspaceError: It is a checkout, or somebody else's folder.
    """
    if not workspace.root.exists():
        return
    ours = (workspace.root / "Pulumi.yaml").exists() and not (workspace.root / ".git").exists()
    if not ours or (workspace.root / "provisioning").resolve() == workspace.root / "provisioning":
        raise WorkspaceError(f"{workspace.root} is no workspace that prepare made, so it is left alone")
    for space, name in stacks:
        if any((space.state / "pulumi").rglob(f"stacks/**/{name}.json")):
            stack = Stack(space, name)
            stack.break_dead_lock()
            stack.run("state", "unprotect", "--all", "--yes", check=False)
            stack.destroy()
    shutil.rmtree(workspace.root)
