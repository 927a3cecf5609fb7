"""
Make a workspace for the accounting firm Belledonne: a server with its databases, a workstation, a disk.

    python -m examples.belledonne.prepare FOLDER --remove

Promise: may be stopped at any point and called again; what is there already is not made again. Private
keys, passwords and tokens lie below ``.state`` with mode 0600 and stand in no argument.
"""

import argparse
import json
import secrets
import shutil
import socket
import sqlite3
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from examples import identity, workspaces
from migrate.case import write_whole
from migrate.connections import write_access
from provisioning.engine import Stack
from provisioning.errors import SiteError, WorkspaceError
from provisioning.local import ports
from provisioning.site import SshAccess
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
TENANT = "belledonne"
SERVER, WORKSTATION = "belledonne-legacy", "belledonne-poste"
RESPONSIBLE = "elodie.chef@belledonne.example"
VENDOR_PERSON = "marc.delay@compta.example"
ENTRIES = 200
"""Of each file of a client, at scale 1."""
_DISK, _PROVIDER = "/media/disque", "http://127.0.0.1:1/v2"
"""What the manifest's example has for places that are this machine's own."""


@dataclass(frozen=True)
class Prepared:
    """What demo and tests need to know; the passwords are in the files that the manifest names."""

    workspace: Workspace
    legacy: Workspace
    keys: dict[str, Path]

    @property
    def disk(self) -> Path:
        """The external disk, as a folder."""
        return self.workspace.root / "disque"

    @contextmanager
    def provider(self) -> Iterator[None]:
        """Have the provider of accounts answer as long as the block lasts."""
        token = (self.workspace.state / "secrets" / f"{TENANT}-scim").read_text().strip()
        port = json.loads((self.workspace.state / "prepared.json").read_text())["provider"]
        with identity.serving(token, port=port):
            yield

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """Open a session on the server's bookkeeping, as its migration role."""
        return _connect(Stack(self.legacy, SERVER).raw_outputs(), self.workspace)


def prepare(folder: Path, scale: float = 1.0) -> Prepared:
    """
    Make the workspace in `folder` and stand the machines up, as far as that is not done yet.

    Raises:
        WorkspaceError: The folder was prepared with another scale, or holds something else.
        EngineError: A machine could not be stood up.
    """
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    marker = workspace.state / "prepared.json"
    was = json.loads(marker.read_text()) if marker.exists() else None
    if was is not None and was["scale"] != scale:
        raise WorkspaceError(
            f"{folder} was prepared with scale {was['scale']}, not {scale}",
            next_step=f"python -m examples.belledonne.prepare {folder} --remove",
        )
    prepared = Prepared(
        workspace,
        legacy,
        {email: workspaces.key_file(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)},
    )
    if was is not None and ports.answers(was["address"], ports.SSH):
        return prepared
    provider = was["provider"] if was else _free_port()
    _lay_out(workspace, legacy, provider)
    prepared.disk.mkdir(exist_ok=True)
    keys = {email: workspaces.signing_key(workspace, email) for email in (RESPONSIBLE, VENDOR_PERSON)}
    workspaces.write_allowed_signers(workspace, keys, vendor=VENDOR_PERSON)
    with ThreadPoolExecutor(2) as pool:
        outputs, station = pool.map(lambda name: _stood_up(legacy, name), (SERVER, WORKSTATION))
    for name, each in ((SERVER, outputs), (WORKSTATION, station)):
        write_access(workspace, name, SshAccess.model_validate(each["ssh"]))
    _write_secrets(workspace, outputs)
    if was is None:
        _fill(workspace, outputs, max(5, round(ENTRIES * scale)))
        _load_files(workspace)
    content = {"scale": scale, "address": outputs["address"], "provider": provider}
    write_whole(marker, json.dumps(content).encode())
    return prepared


def remove(folder: Path) -> None:
    """End both machines and the site, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    stacks = [(workspace, f"{TENANT}-prod"), (legacy, SERVER), (legacy, WORKSTATION)]
    workspaces.remove(workspace, stacks)


def _stood_up(legacy: Workspace, name: str) -> dict[str, Any]:
    stack = Stack(legacy, name)
    stack.ensure()
    stack.up()
    return stack.raw_outputs()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _lay_out(workspace: Workspace, legacy: Workspace, provider: int) -> None:
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
        for source in folder.iterdir():
            if not (space.stacks / source.name).exists():
                text = source.read_text()
                text = text.replace(_DISK, str(workspace.root / "disque"))
                text = text.replace(_PROVIDER, f"http://127.0.0.1:{provider}/v2")
                write_whole(space.stacks / source.name, text.encode())
    for name, target in (("app", "artifacts/compta"), ("packages", "packages")):
        if not (workspace.root / target).exists():
            shutil.copytree(
                HERE / name, workspace.root / target, ignore=shutil.ignore_patterns("__pycache__")
            )


def _write_secrets(workspace: Workspace, outputs: dict[str, Any]) -> None:
    """Write what the manifest names: the migration role's password, the authority, the provider's token."""
    folder = workspace.state / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, text in {
        f"{TENANT}-migration": outputs["migration"]["password"] + "\n",
        f"{TENANT}-ca.pem": outputs["ca"],
        f"{TENANT}-scim": secrets.token_urlsafe(24) + "\n",
    }.items():
        if name.endswith("scim") and (folder / name).exists():
            continue
        write_whole(folder / name, text.encode())
        (folder / name).chmod(0o600)


def _connect(
    outputs: dict[str, Any], workspace: Workspace, dbname: str = "compta"
) -> "psycopg.Connection[tuple[Any, ...]]":
    conninfo = make_conninfo(
        host=outputs["address"],
        port=ports.POSTGRESQL,
        dbname=dbname,
        user=outputs["migration"]["name"],
        password=outputs["migration"]["password"],
        sslmode="verify-full",
        sslrootcert=str(workspace.state / "secrets" / f"{TENANT}-ca.pem"),
    )
    return psycopg.connect(conninfo, autocommit=True)


def _fill(workspace: Workspace, outputs: dict[str, Any], entries: int) -> None:
    with _connect(outputs, workspace) as session, session.transaction():
        session.execute("DROP SCHEMA IF EXISTS compta CASCADE")
        for name in ("schema.sql", "data.sql"):
            text = (HERE / "database" / name).read_text().replace(":entries", str(entries))
            session.execute(text.encode())
    with _connect(outputs, workspace, "essais") as session:
        session.execute("CREATE TABLE IF NOT EXISTS essai AS SELECT n FROM generate_series(1, 100) n")


def _load_files(workspace: Workspace) -> None:
    """Copy the firm's files to the server: client files, a cash book in SQLite, tables of long ago."""
    config = workspace.ssh_config(SERVER)
    with tempfile.TemporaryDirectory(prefix="belledonne-") as folder:
        root = Path(folder)
        (root / "dossiers" / "caisse").mkdir(parents=True)
        (root / "anciens").mkdir()
        for number in range(40):
            content = f"Dossier {number}\n".encode() * 400
            (root / "dossiers" / f"Dossier {number:03} – bilan.txt").write_bytes(content)
        with closing(sqlite3.connect(root / "dossiers" / "caisse" / "suivi.dat")) as made, made:
            made.execute("CREATE TABLE recette (le TEXT, montant REAL)")
            made.executemany("INSERT INTO recette VALUES (?, ?)", [("2026-01-02", 12.5)] * 50)
        (root / "anciens" / "CLIENTS98.DBF").write_bytes(_dbase(30))
        command = ["rsync", "-rlpt", "-e", f"ssh -F '{config}'", f"{root}/", f"{SERVER}:"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != 0:
        raise SiteError(f"rsync ended with {done.returncode}: {done.stderr.strip()}")


def _dbase(rows: int) -> bytes:
    """A dBase III table of one text field of ten characters."""
    field = b"NOM".ljust(11, b"\0") + b"C" + bytes(4) + bytes([10, 0]) + bytes(14)
    header = struct.pack("<BBBBIHH", 0x03, 98, 6, 1, rows, 32 + len(field) + 1, 11) + bytes(20)
    return header + field + b"\r" + b"".join(b" " + f"client{n}".encode().ljust(10) for n in range(rows))


def main() -> None:
    """Prepare or remove what the arguments name."""
    parser = argparse.ArgumentParser(description="Make the firm's workspace and machines.")
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
