"""
Make a workspace for the municipality Fjordvik, with a server that people work on and a terminal server for
tests.

    python -m examples.fjordvik.prepare FOLDER --remove

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

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from examples import workspaces
from migrate.case import write_whole
from migrate.connections import write_access
from migrate.product.baseline import folder_of, write_baseline
from migrate.product.description import load_product
from migrate.product.objects import in_database
from provisioning.engine import Stack
from provisioning.errors import SiteError, WorkspaceError
from provisioning.local import ports
from provisioning.site import SshAccess
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
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
    marker = workspace.state / "prepared.json"
    if marker.exists():
        was = json.loads(marker.read_text())
        if ports.answers(was["address"], ports.SSH):
            return _prepared(workspace, legacy, was["folder"])
    _lay_out(workspace, legacy)
    keys = {email: workspaces.signing_key(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    workspaces.write_allowed_signers(workspace, keys, vendor=VENDOR_PERSON)
    with ThreadPoolExecutor(2) as pool:
        outputs, terminal = pool.map(lambda name: _stood_up(legacy, name), (SERVER, TERMINAL))
    for name, each in ((SERVER, outputs), (TERMINAL, terminal)):
        write_access(workspace, name, SshAccess.model_validate(each["ssh"]))
    secrets = workspace.state / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    password = outputs["migration"]["password"]
    for name, text in ((f"{TENANT}-migration", f"{password}\n"), (f"{TENANT}-ca.pem", outputs["ca"])):
        write_whole(secrets / name, text.encode())
        (secrets / name).chmod(0o600)
    _install(workspace, outputs, cases=int(2000 * scale))
    _load_files(workspace)
    write_whole(marker, json.dumps({"address": outputs["address"], "folder": outputs["folder"]}).encode())
    return _prepared(workspace, legacy, outputs["folder"])


def remove(folder: Path) -> None:
    """End all machines and both sites, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    sites = [(workspace, f"{TENANT}-{environment}") for environment in ("prod", "test")]
    workspaces.remove(workspace, [*sites, (legacy, SERVER), (legacy, TERMINAL)])


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
        (HERE / "app", workspace.root / "artifacts" / "websak"),
        (HERE / "product", workspace.root / "products" / "websak"),
    ):
        if not target.exists():
            fresh = target.with_name(f".{target.name}")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("__pycache__"))
            fresh.rename(target)


def connect(outputs: dict[str, Any], ca: Path, *, dbname: str = DATABASE, role: str = "migration") -> Any:
    """Open a session on the server, as the role that the machine's outputs name."""
    conninfo = make_conninfo(
        host=outputs["address"],
        port=ports.POSTGRESQL,
        dbname=dbname,
        user=outputs[role]["name"],
        password=outputs[role]["password"],
        sslmode="verify-full",
        sslrootcert=str(ca),
    )
    return psycopg.connect(conninfo, autocommit=True, options="-c search_path=")


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
    config = workspace.ssh_config(SERVER)
    with tempfile.TemporaryDirectory(prefix="fjordvik-") as folder:
        tree = Path(folder)
        (tree / "files" / "dokumenter").mkdir(parents=True)
        for number in range(30):
            document = tree / "files" / "dokumenter" / f"Søknad {number:03}.txt"
            document.write_bytes(bytes([65 + number % 26]) * 5000)
        (tree / "files").chmod(0o750)
        shutil.copytree(HERE / "product" / "deliveries" / FIRST / "programs", tree / "programs")
        for part in ("files", "programs"):
            command = ["rsync", "-rlpt", "-e", f"ssh -F '{config}'", f"{tree / part}/", f"{SERVER}:{part}/"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
            if done.returncode != 0:
                raise SiteError(f"rsync ended with {done.returncode}: {done.stderr.strip()}")


def main() -> None:
    """Prepare or remove what the arguments name."""
    parser = argparse.ArgumentParser(description="Make the municipality's workspace and machines.")
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
