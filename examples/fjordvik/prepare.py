"""
Make a workspace for the municipality Fjordvik, with a server that people work on and a terminal server for
tests.

    python -m examples.fjordvik.prepare FOLDER --remove

Promise: may be stopped at any point and called again; what is there already is not made again. Private
keys and passwords lie below ``.state`` with mode 0600 and stand in no argument.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from examples import machines, workspaces
from migrate.product.baseline import folder_of, write_baseline
from migrate.product.description import load_product
from migrate.product.objects import in_database
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
TENANT, DATABASE, FIRST = "fjordvik", "websak", "8"
SERVER, TERMINAL = "fjordvik-legacy", "fjordvik-terminal"
RESPONSIBLE = "ingrid.fjord@fjordvik.example"
VENDOR_PERSON = "eivind@skyhuset.example"


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
        WorkspaceError: The folder holds something else.
        EngineError: A machine could not be stood up.
    """
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    was = workspaces.known_before(workspace, {}, "examples.fjordvik.prepare")
    if was is not None and workspaces.is_up(was):
        return _prepared(workspace, legacy, was["folder"])
    workspaces.lay_out(workspace, legacy, HERE, {"app": "artifacts/websak", "product": "products/websak"})
    workspaces.make_keys(workspace, (RESPONSIBLE, VENDOR_PERSON), vendor=VENDOR_PERSON)
    outputs = machines.stand_up(workspace, legacy, (SERVER, TERMINAL))[0]
    password = outputs["migration"]["password"]
    workspaces.write_secrets(
        workspace, {f"{TENANT}-migration": f"{password}\n", f"{TENANT}-ca.pem": outputs["ca"]}
    )
    _install(workspace, outputs, cases=int(2000 * scale))
    _load_files(workspace)
    workspaces.remember(workspace, {}, {key: outputs[key] for key in ("address", "folder")})
    return _prepared(workspace, legacy, outputs["folder"])


def remove(folder: Path) -> None:
    """End all machines and both sites, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    sites = [(workspace, f"{TENANT}-{environment}") for environment in ("prod", "test")]
    workspaces.remove(workspace, [*sites, (legacy, SERVER), (legacy, TERMINAL)])


def _prepared(workspace: Workspace, legacy: Workspace, folder: str) -> Prepared:
    keys = {email: workspaces.key_file(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    return Prepared(workspace, legacy, Path(folder), keys)


def connect(outputs: dict[str, Any], ca: Path, *, dbname: str = DATABASE, role: str = "migration") -> Any:
    """Open a session on the server, as the role that the machine's outputs name."""
    return machines.connect(outputs, ca, dbname=dbname, role=role, options="-c search_path=")


def _install(workspace: Workspace, outputs: dict[str, Any], *, cases: int) -> None:
    """Make the baseline from a reference installation, and install the municipality's, unless there."""
    folder, ca = workspace.root / "products" / "websak", workspace.state / "secrets" / f"{TENANT}-ca.pem"
    product, delivery = load_product(folder), (folder / "deliveries" / FIRST / "schema.sql").read_bytes()
    if not (folder_of(product, folder, FIRST) / "manifest.yaml").exists():
        reference = sql.Identifier("reference")
        with connect(outputs, ca) as session:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(reference))
            session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(reference))
            with connect(outputs, ca, dbname="reference") as installed:
                installed.execute(delivery)
                write_baseline(product, folder, FIRST, in_database(installed, product))
            session.execute(sql.SQL("DROP DATABASE {}").format(reference))
    with connect(outputs, ca, role="owner") as session, session.transaction():
        (there,) = session.execute("SELECT to_regclass('websak.system') IS NOT NULL").fetchone()
        if there:
            return
        session.execute(delivery)
        session.execute((HERE / "database" / "data.sql").read_text().replace("{cases}", str(cases)).encode())
        people = sql.Identifier(outputs["people"])
        for grant in (
            "GRANT USAGE ON SCHEMA websak TO {}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA websak TO {}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA websak TO {}",
        ):
            session.execute(sql.SQL(grant).format(people))


def _load_files(workspace: Workspace) -> None:
    """Copy documents and programs to the server."""
    with tempfile.TemporaryDirectory(prefix="fjordvik-") as folder:
        tree = Path(folder)
        (tree / "files" / "dokumenter").mkdir(parents=True)
        for number in range(30):
            document = tree / "files" / "dokumenter" / f"Søknad {number:03}.txt"
            document.write_bytes(bytes([65 + number % 26]) * 5000)
        (tree / "files").chmod(0o750)
        shutil.copytree(HERE / "product" / "deliveries" / FIRST / "programs", tree / "programs")
        for part in ("files", "programs"):
            machines.send(workspace, SERVER, tree / part, f"{part}/")


if __name__ == "__main__":
    workspaces.main("the municipality's", lambda folder, scale: prepare(folder, scale).workspace, remove)
