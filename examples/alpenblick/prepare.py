"""
Make a workspace for the demo tenant, with a legacy system that lives: data, documents, interfaces, work.

    python -m examples.alpenblick.prepare FOLDER --scale 1
    python -m examples.alpenblick.prepare FOLDER --remove

Promise: may be stopped at any point and called again; what is there already is not made again. Private
keys and passwords lie below ``.state`` with mode 0600 and stand in no argument.
"""

import argparse
import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples import workspaces
from examples.alpenblick import seeding
from examples.alpenblick.generate import SEED
from migrate.case import write_whole
from migrate.connections import write_access
from provisioning.engine import Stack
from provisioning.errors import WorkspaceError
from provisioning.local import ports
from provisioning.site import SshAccess
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
TENANT = "alpenblick"
LEGACY = "alpenblick-legacy"
RESPONSIBLE = "zoe.ruettimann@alpenblick.example"
VENDOR_PERSON = "vera.bontemps@besaqsys.example"


@dataclass(frozen=True)
class Prepared:
    """What the demo needs to know; the passwords are in the files that the manifest names."""

    workspace: Workspace
    legacy: Workspace
    """The legacy stack has a workspace of its own, since it is a Pulumi project of its own."""
    address: str
    url: str
    """The legacy application."""
    folder: Path
    """The legacy host's folder on this machine; ``run/workload.json`` in it counts the work."""
    keys: dict[str, Path]
    """By e-mail: the private keys that sign, of the responsible person and of the vendor's."""


def prepare(folder: Path, scale: float = 1.0, seed: int = SEED) -> Prepared:
    """
    Make the workspace in `folder` and stand the legacy system up, as far as that is not done yet.

    Raises:
        WorkspaceError: The folder was prepared with another scale or seed, or holds something else.
        EngineError: The legacy stack could not be stood up.
    """
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    marker = workspace.state / "prepared.json"
    wanted = {"scale": scale, "seed": seed}
    if marker.exists():
        was = json.loads(marker.read_text())
        if was["wanted"] != wanted:
            raise WorkspaceError(
                f"{folder} was prepared with {was['wanted']}, not {wanted}",
                next_step=f"python -m examples.alpenblick.prepare {folder} --remove",
            )
        if ports.answers(was["address"], ports.SSH):
            return _prepared(workspace, legacy, was)
    _lay_out(workspace, legacy)
    keys = {email: workspaces.signing_key(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    workspaces.write_allowed_signers(workspace, keys, vendor=VENDOR_PERSON)
    stack = Stack(legacy, LEGACY)
    stack.ensure()
    stack.up()
    outputs = stack.raw_outputs()
    _write_access(workspace, outputs)
    _write_manifest(workspace, outputs)
    seeding.load_data(workspace, outputs, scale=scale, seed=seed)
    ssh_config = workspace.ssh_config(LEGACY)
    if not marker.exists():
        seeding.load_documents(ssh_config, LEGACY, scale=scale, seed=seed)
    seeding.start_connectors(ssh_config, LEGACY, outputs)
    known = {key: outputs[key] for key in ("address", "url", "folder")}
    write_whole(marker, json.dumps({"wanted": wanted, **known}).encode())
    return _prepared(workspace, legacy, known)


def remove(folder: Path) -> None:
    """End the legacy system and both sites, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    stacks = ((workspace, f"{TENANT}-prod"), (workspace, f"{TENANT}-test"), (legacy, LEGACY))
    workspaces.remove(workspace, stacks)


def _prepared(workspace: Workspace, legacy: Workspace, known: dict[str, Any]) -> Prepared:
    keys = {email: workspaces.key_file(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    return Prepared(workspace, legacy, known["address"], known["url"], Path(known["folder"]), keys)


def _lay_out(workspace: Workspace, legacy: Workspace) -> None:
    """Write what a workspace consists of; a stack's configuration that was changed since is left alone."""
    foreign = workspace.root.exists() and any(workspace.root.iterdir())
    if foreign and not (workspace.root / "Pulumi.yaml").exists():
        raise WorkspaceError(f"{workspace.root} holds something else", next_step="name an empty folder")
    for space, source in ((workspace, REPOSITORY), (legacy, HERE / "legacy")):
        space.root.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / "Pulumi.yaml", space.root / "Pulumi.yaml")  # first: the folder's mark
        space.stacks.mkdir(exist_ok=True)
        workspaces.link(space.root / "provisioning", REPOSITORY / "provisioning")
        space.prepare()
    workspaces.link(legacy.root / "program", HERE / "legacy" / "program")
    workspaces.link(workspace.root / "fabfile.py", REPOSITORY / "fabfile.py")
    for space, folder in ((workspace, HERE / "stacks"), (legacy, HERE / "legacy" / "stacks")):
        for source in folder.glob("*.yaml"):
            if not (space.stacks / source.name).exists():
                shutil.copyfile(source, space.stacks / source.name)
    rates = REPOSITORY / "stacks" / "rates.yaml"
    if rates.exists():
        shutil.copyfile(rates, workspace.stacks / "rates.yaml")
    artifact = workspace.root / "artifacts" / "pflegebuch"
    if not artifact.exists():
        fresh = artifact.with_name(".pflegebuch")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(HERE / "app", fresh, ignore=shutil.ignore_patterns("__pycache__"))
        fresh.rename(artifact)


def _write_access(workspace: Workspace, outputs: dict[str, Any]) -> None:
    """Write what the manifest names: ssh_config, the migration role's password, the authority."""
    write_access(workspace, LEGACY, SshAccess.model_validate(outputs["ssh"]))
    secrets = workspace.state / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    for name, text in {
        f"{LEGACY}-migration": outputs["database"]["migration"]["password"] + "\n",
        f"{LEGACY}-ca.pem": outputs["ca"],
    }.items():
        write_whole(secrets / name, text.encode())
        (secrets / name).chmod(0o600)


def _write_manifest(workspace: Workspace, outputs: dict[str, Any]) -> None:
    """Put the key that the legacy host made in the place of the example's."""
    path = workspace.stacks / f"{TENANT}.yaml"
    text = path.read_text()
    # The language server's hint is about the repository's own layout.
    text = re.sub(r"^# yaml-language-server:.*\n", "", text)
    text = text.replace("The demo replaces this example with the key", "The key")
    path.write_text(
        re.sub(r'public_key: ".*"', f'public_key: "{outputs["labor_public_key"].strip()}"', text),
    )


def main() -> None:
    """Prepare or remove what the arguments name."""
    parser = argparse.ArgumentParser(description="Make the demo tenant's workspace and legacy system.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--remove", action="store_true")
    words = parser.parse_args()
    started = time.monotonic()
    if words.remove:
        remove(words.folder)
        print(f"removed in {time.monotonic() - started:.1f} s")
        return
    prepared = prepare(words.folder, words.scale, words.seed)
    print(f"{prepared.url} answers; {prepared.workspace.root} prepared in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
