"""
Make a workspace for the workshop Mecavallon, with a server that people work on and two workstations.

    python -m examples.mecavallon.prepare FOLDER --remove

Promise: may be stopped at any point and called again; what is there already is not made again. Private
keys and passwords lie below ``.state`` with mode 0600 and stand in no argument.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from examples import machines, workspaces
from examples.mecavallon import installing
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
TENANT = "mecavallon"
SERVER, WORKSTATIONS = "mecavallon-legacy", ("mecavallon-bureau", "mecavallon-methodes")
RESPONSIBLE = "ines.vallon@mecavallon.example"
VENDOR_PERSON = "marc.delay@clipper.example"

FEWEST_ORDERS = 10_000
"""At any scale: on fewer, what people order during the demo would make another volume of it."""


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
    wanted = {"scale": scale}
    was = workspaces.known_before(workspace, wanted, "examples.mecavallon.prepare")
    if was is not None and workspaces.is_up(was):
        return _prepared(workspace, legacy, was["folder"])
    workspaces.lay_out(workspace, legacy, HERE, {"app": "artifacts/clipper", "product": "products/clipper"})
    workspaces.make_keys(workspace, (RESPONSIBLE, VENDOR_PERSON), vendor=VENDOR_PERSON)
    outputs = machines.stand_up(workspace, legacy, (SERVER, *WORKSTATIONS))[0]
    password, ca = outputs["migration"]["password"], f"{TENANT}-ca.pem"
    workspaces.write_secrets(workspace, {f"{TENANT}-migration": f"{password}\n", ca: outputs["ca"]})
    product, authority = workspace.root / "products" / "clipper", workspace.state / "secrets" / ca
    installing.make_baselines(product, outputs, authority)
    installing.install(product, outputs, authority, orders=max(int(20_000 * scale), FEWEST_ORDERS))
    if was is None:
        _load_files(workspace)
    workspaces.remember(workspace, wanted, {key: outputs[key] for key in ("address", "folder")})
    return _prepared(workspace, legacy, outputs["folder"])


def remove(folder: Path) -> None:
    """End all machines and both sites, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    sites = [(workspace, f"{TENANT}-{environment}") for environment in ("prod", "test")]
    workspaces.remove(workspace, [*sites, *((legacy, name) for name in (SERVER, *WORKSTATIONS))])


def _prepared(workspace: Workspace, legacy: Workspace, folder: str) -> Prepared:
    keys = {email: workspaces.key_file(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    return Prepared(workspace, legacy, Path(folder), keys)


def _load_files(workspace: Workspace) -> None:
    """Copy the files of the delivery to the server, with what the workshop changed in them."""
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
        machines.send(workspace, SERVER, tree, "files/")


if __name__ == "__main__":
    workspaces.main("the workshop's", lambda folder, scale: prepare(folder, scale).workspace, remove)
