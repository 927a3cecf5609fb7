"""
What every demo's workspace needs: its files, people's keys, what it knows from before, and an end.

Promise: each may be repeated, and leaves alone what was changed since; only a workspace that was made here is
ever removed.
"""

import argparse
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from migrate.case import write_whole
from provisioning.engine import Stack
from provisioning.errors import WorkspaceError
from provisioning.local import ports
from provisioning.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[1]
_MARKER = "prepared.json"


def lay_out(
    workspace: Workspace,
    legacy: Workspace,
    demo: Path,
    copies: Mapping[str, str],
    edit: Callable[[str], str] = str,
) -> None:
    """
    Write what a demo's workspace consists of, and that of its legacy system, a Pulumi project of its own.

    Args:
        demo: The demo's folder below ``examples/``.
        copies: Folders of it, and where each goes in the workspace.
        edit: Puts this machine's own values into the text of a stack's file.

    Raises:
        WorkspaceError: The folder holds something else.
    """
    foreign = workspace.root.exists() and any(workspace.root.iterdir())
    if foreign and not (workspace.root / "Pulumi.yaml").exists():
        raise WorkspaceError(f"{workspace.root} holds something else", next_step="name an empty folder")
    for space, source in ((workspace, REPOSITORY), (legacy, demo / "legacy")):
        space.root.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / "Pulumi.yaml", space.root / "Pulumi.yaml")  # first: the folder's mark
        space.stacks.mkdir(exist_ok=True)
        link(space.root / "provisioning", REPOSITORY / "provisioning")
        space.prepare()
    link(legacy.root / "program", demo / "legacy" / "program")
    link(workspace.root / "fabfile.py", REPOSITORY / "fabfile.py")
    for space, folder in ((workspace, demo / "stacks"), (legacy, demo / "legacy" / "stacks")):
        for source in folder.iterdir():
            if not (space.stacks / source.name).exists():
                write_whole(space.stacks / source.name, edit(source.read_text()).encode())
    for name, place in copies.items():
        target = workspace.root / place
        if not target.exists():
            fresh = target.with_name(f".{target.name}")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(demo / name, fresh, ignore=shutil.ignore_patterns("__pycache__"))
            fresh.rename(target)


def known(workspace: Workspace) -> dict[str, Any] | None:
    """Return what an earlier preparation remembered; None where there was none that came to its end."""
    marker = workspace.state / _MARKER
    return json.loads(marker.read_text()) if marker.exists() else None


def known_before(workspace: Workspace, wanted: Mapping[str, Any], module: str) -> dict[str, Any] | None:
    """
    Return what an earlier preparation with the same wishes remembered, as `known`.

    Raises:
        WorkspaceError: It was prepared with others.
    """
    was = known(workspace)
    if was is not None and was["wanted"] != wanted:
        raise WorkspaceError(
            f"{workspace.root} was prepared with {was['wanted']}, not {wanted}",
            next_step=f"python -m {module} {workspace.root} --remove",
        )
    return was


def is_up(was: Mapping[str, Any] | None) -> bool:
    """Whether the legacy system of an earlier preparation answers."""
    return was is not None and ports.answers(was["address"], ports.SSH)


def remember(workspace: Workspace, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Keep what the next preparation need not find out again."""
    write_whole(workspace.state / _MARKER, json.dumps({"wanted": wanted, **found}).encode())


def write_secrets(workspace: Workspace, texts: Mapping[str, str]) -> None:
    """Write what a manifest names below ``.state/secrets``, mode 0600."""
    folder = workspace.state / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
        (folder / name).chmod(0o600)


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


def make_keys(workspace: Workspace, people: Iterable[str], *, vendor: str) -> dict[str, Path]:
    """Make the keys of a demo's people, and list them; `vendor` is whose signs for the vendor."""
    keys = {email: signing_key(workspace, email) for email in people}
    write_allowed_signers(workspace, keys, vendor=vendor)
    return keys


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


def main(what: str, prepare: Callable[[Path, float], Workspace], remove: Callable[[Path], None]) -> None:
    """Prepare or remove what the arguments name."""
    parser = argparse.ArgumentParser(description=f"Make {what} workspace and machines.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--remove", action="store_true")
    words = parser.parse_args()
    if words.remove:
        remove(words.folder)
    else:
        print(f"prepared {prepare(words.folder, words.scale).root}")
