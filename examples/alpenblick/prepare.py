"""
Make a workspace for the demo tenant, with a legacy system that lives: data, documents, interfaces, work.

    python -m examples.alpenblick.prepare FOLDER --scale 1
    python -m examples.alpenblick.prepare FOLDER --remove

Promise: may be stopped at any point and called again; what is there already is not made again. Private
keys and passwords lie below ``.state`` with mode 0600 and stand in no argument.
"""

import argparse
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples import machines, workspaces
from examples.alpenblick import seeding
from examples.alpenblick.generate import SEED
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
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
    wanted = {"scale": scale, "seed": seed}
    was = workspaces.known_before(workspace, wanted, "examples.alpenblick.prepare")
    if was is not None and workspaces.is_up(was):
        return _prepared(workspace, legacy, was)
    workspaces.lay_out(workspace, legacy, HERE, {"app": "artifacts/pflegebuch"})
    rates = workspaces.REPOSITORY / "stacks" / "rates.yaml"
    if rates.exists():
        shutil.copyfile(rates, workspace.stacks / "rates.yaml")
    workspaces.make_keys(workspace, (RESPONSIBLE, VENDOR_PERSON), vendor=VENDOR_PERSON)
    (outputs,) = machines.stand_up(workspace, legacy, (LEGACY,))
    workspaces.write_secrets(
        workspace,
        {
            f"{LEGACY}-migration": outputs["database"]["migration"]["password"] + "\n",
            f"{LEGACY}-ca.pem": outputs["ca"],
        },
    )
    _write_manifest(workspace, outputs)
    seeding.load_data(workspace, outputs, scale=scale, seed=seed)
    ssh_config = workspace.ssh_config(LEGACY)
    if was is None:
        seeding.load_documents(ssh_config, LEGACY, scale=scale, seed=seed)
    seeding.start_connectors(ssh_config, LEGACY, outputs)
    known = {key: outputs[key] for key in ("address", "url", "folder")}
    workspaces.remember(workspace, wanted, known)
    return _prepared(workspace, legacy, known)


def remove(folder: Path) -> None:
    """End the legacy system and both sites, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    stacks = ((workspace, f"{TENANT}-prod"), (workspace, f"{TENANT}-test"), (legacy, LEGACY))
    workspaces.remove(workspace, stacks)


def _prepared(workspace: Workspace, legacy: Workspace, known: dict[str, Any]) -> Prepared:
    keys = {email: workspaces.key_file(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    return Prepared(workspace, legacy, known["address"], known["url"], Path(known["folder"]), keys)


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
