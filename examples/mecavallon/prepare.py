"""
Make a workspace for the workshop Mecavallon, with a server that people work on and two workstations.

    python -m examples.mecavallon.prepare FOLDER --remove

Promise: may be stopped at any point and called again; what is there already is not made again. Private
keys and passwords lie below ``.state`` with mode 0600 and stand in no argument.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples import workspaces
from examples.mecavallon import installing
from migrate.case import write_whole
from migrate.connections import write_access
from provisioning.engine import Stack
from provisioning.errors import SiteError, WorkspaceError
from provisioning.local import ports
from provisioning.site import SshAccess
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
TENANT = "mecavallon"
SERVER, WORKSTATIONS = "mecavallon-legacy", ("mecavallon-bureau", "mecavallon-methodes")
RESPONSIBLE = "ines.vallon@mecavallon.example"
VENDOR_PERSON = "marc.delay@clipper.example"


@dataclass(frozen=True)
class Prepared:
    """What demo and tests need to know; the passwords are in the files that the manifest names."""

    workspace: Workspace
    legacy: Workspace
    folder: Path
    """The server's folder on this machine; ``run/workload.json`` in it counts the work."""
    keys: dict[str, Path]


def prepare(folder: Path, scale: float = 1.0) -> Prepared:
    """
    Make the workspace in `folder` and stand the machines up, as far as that is not done yet.

    Raises:
        WorkspaceError: The folder was prepared with another scale, or holds something else.
        EngineError: A machine could not be stood up.
    """
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    marker = workspace.state / "prepared.json"
    if marker.exists():
        was = json.loads(marker.read_text())
        if was["scale"] != scale:
            raise WorkspaceError(
                f"{folder} was prepared with scale {was['scale']}, not {scale}",
                next_step=f"python -m examples.mecavallon.prepare {folder} --remove",
            )
        if ports.answers(was["address"], ports.SSH):
            return _prepared(workspace, legacy, was["folder"])
    _lay_out(workspace, legacy)
    keys = {email: workspaces.signing_key(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    workspaces.write_allowed_signers(workspace, keys, vendor=VENDOR_PERSON)
    with ThreadPoolExecutor(2) as pool:
        outputs, *others = pool.map(lambda name: _stood_up(legacy, name), (SERVER, *WORKSTATIONS))
    for name, each in zip((SERVER, *WORKSTATIONS), (outputs, *others), strict=True):
        write_access(workspace, name, SshAccess.model_validate(each["ssh"]))
    _write_secrets(workspace, outputs)
    product = workspace.root / "products" / "clipper"
    ca = workspace.state / "secrets" / f"{TENANT}-ca.pem"
    installing.make_baselines(product, outputs, ca)
    installing.install(product, outputs, ca, orders=int(20_000 * scale))
    if not marker.exists():
        _load_files(workspace)
    write_whole(
        marker,
        json.dumps({"scale": scale, "address": outputs["address"], "folder": outputs["folder"]}).encode(),
    )
    return _prepared(workspace, legacy, outputs["folder"])


def remove(folder: Path) -> None:
    """End all machines and both sites, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    sites = [(workspace, f"{TENANT}-{environment}") for environment in ("prod", "test")]
    workspaces.remove(workspace, [*sites, *((legacy, name) for name in (SERVER, *WORKSTATIONS))])


def _prepared(workspace: Workspace, legacy: Workspace, folder: str) -> Prepared:
    keys = {email: workspaces.key_file(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    return Prepared(workspace, legacy, Path(folder), keys)


def _stood_up(legacy: Workspace, name: str) -> dict[str, Any]:
    stack = Stack(legacy, name)
    stack.ensure()
    stack.up()
    return stack.raw_outputs()


def _lay_out(workspace: Workspace, legacy: Workspace) -> None:
    """Write what a workspace consists of; what was changed since is left alone."""
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
    for source, target in (
        (HERE / "app", workspace.root / "artifacts" / "clipper"),
        (HERE / "product", workspace.root / "products" / "clipper"),
    ):
        if not target.exists():
            fresh = target.with_name(f".{target.name}")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("__pycache__"))
            fresh.rename(target)


def _write_secrets(workspace: Workspace, outputs: dict[str, Any]) -> None:
    """Write what the manifest names: the migration role's password, the authority."""
    secrets = workspace.state / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    for name, text in {
        f"{TENANT}-migration": outputs["migration"]["password"] + "\n",
        f"{TENANT}-ca.pem": outputs["ca"],
    }.items():
        write_whole(secrets / name, text.encode())
        (secrets / name).chmod(0o600)


def _load_files(workspace: Workspace) -> None:
    """Copy the files of the delivery to the server, with what the workshop changed in them."""
    config = workspace.ssh_config(SERVER)
    with tempfile.TemporaryDirectory(prefix="mecavallon-") as folder:
        tree = Path(folder, "files")
        for part in ("rapports", "scripts"):
            shutil.copytree(HERE / "product" / "deliveries" / "6" / part, tree / part)
        shutil.copytree(HERE / "customer" / "rapports", tree / "rapports", dirs_exist_ok=True)
        (tree / "scripts" / "export_commandes").unlink()
        (tree / "plans").mkdir()
        for number in range(40):
            (tree / "plans" / f"Plan {number:03} – axe.dxf").write_bytes(bytes([number]) * 20_000)
        tree.chmod(0o750)
        command = ["rsync", "-rlpt", "-e", f"ssh -F '{config}'", f"{tree}/", f"{SERVER}:files/"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise SiteError(f"rsync ended with {done.returncode}: {done.stderr.strip()}")


def main() -> None:
    """Prepare or remove what the arguments name."""
    parser = argparse.ArgumentParser(description="Make the workshop's workspace and machines.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--remove", action="store_true")
    words = parser.parse_args()
    if words.remove:
        remove(words.folder)
    else:
        print(f"prepared {prepare(words.folder, words.scale).workspace.root}")


if __name__ == "__main__":
    main()
