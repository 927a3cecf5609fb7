"""
Make a workspace for the accounting firm Belledonne: a server with its databases, a workstation, a disk.

    python -m examples.belledonne.prepare FOLDER --remove

Promise: may be stopped at any point and called again; what is there already is not made again. Private
keys, passwords and tokens lie below ``.state`` with mode 0600 and stand in no argument.
"""

import secrets
import socket
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from examples import identity, machines, workspaces
from provisioning.engine import Stack
from provisioning.workspace import Workspace

HERE = Path(__file__).resolve().parent
TENANT = "belledonne"
SERVER, WORKSTATION = "belledonne-legacy", "belledonne-poste"
RESPONSIBLE = "elodie.chef@belledonne.example"
VENDOR_PERSON = "marc.delay@compta.example"
ENTRIES = 200
"""Of each file of a client, at scale 1."""
TOKENS = (f"{TENANT}-scim", f"{TENANT}-scim-lecture")
"""Files with what Bascule changes accounts with, and what the site may only read them with."""
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
        folder = self.workspace.state / "secrets"
        token, reader = ((folder / name).read_text().strip() for name in TOKENS)
        port = (workspaces.known(self.workspace) or {})["provider"]
        with identity.serving(token, port=port, reader=reader):
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
    wanted = {"scale": scale}
    was = workspaces.known_before(workspace, wanted, "examples.belledonne.prepare")
    people = (RESPONSIBLE, VENDOR_PERSON)
    prepared = Prepared(workspace, legacy, {email: workspaces.key_file(workspace, email) for email in people})
    if workspaces.is_up(was):
        return prepared
    provider = was["provider"] if was else _free_port()

    def of_this_machine(text: str) -> str:
        return text.replace(_DISK, str(prepared.disk)).replace(_PROVIDER, f"http://127.0.0.1:{provider}/v2")

    copies = {"app": "artifacts/compta", "packages": "packages"}
    workspaces.lay_out(workspace, legacy, HERE, copies, of_this_machine)
    prepared.disk.mkdir(exist_ok=True)
    workspaces.make_keys(workspace, people, vendor=VENDOR_PERSON)
    outputs = machines.stand_up(workspace, legacy, (SERVER, WORKSTATION))[0]
    _write_secrets(workspace, outputs)
    if was is None:
        _fill(workspace, outputs, max(5, round(ENTRIES * scale)))
        _load_files(workspace)
    workspaces.remember(workspace, wanted, {"address": outputs["address"], "provider": provider})
    return prepared


def remove(folder: Path) -> None:
    """End both machines and the site, and remove the workspace. Nothing to do where there is none."""
    workspace, legacy = Workspace(folder.resolve()), Workspace(folder.resolve() / "legacy")
    stacks = [(workspace, f"{TENANT}-prod"), (legacy, SERVER), (legacy, WORKSTATION)]
    workspaces.remove(workspace, stacks)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _write_secrets(workspace: Workspace, outputs: dict[str, Any]) -> None:
    """Write what the manifest names: the migration role's password, the authority, the provider's token."""
    texts = {
        f"{TENANT}-migration": outputs["migration"]["password"] + "\n",
        f"{TENANT}-ca.pem": outputs["ca"],
    }
    for token in TOKENS:
        if not (workspace.state / "secrets" / token).exists():
            texts[token] = secrets.token_urlsafe(24) + "\n"
    workspaces.write_secrets(workspace, texts)


def _connect(
    outputs: dict[str, Any], workspace: Workspace, dbname: str = "compta"
) -> "psycopg.Connection[tuple[Any, ...]]":
    return machines.connect(outputs, workspace.state / "secrets" / f"{TENANT}-ca.pem", dbname=dbname)


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
        machines.send(workspace, SERVER, root)


def _dbase(rows: int) -> bytes:
    """A dBase III table of one text field of ten characters."""
    field = b"NOM".ljust(11, b"\0") + b"C" + bytes(4) + bytes([10, 0]) + bytes(14)
    header = struct.pack("<BBBBIHH", 0x03, 98, 6, 1, rows, 32 + len(field) + 1, 11) + bytes(20)
    return header + field + b"\r" + b"".join(b" " + f"client{n}".encode().ljust(10) for n in range(rows))


if __name__ == "__main__":
    workspaces.main("the firm's", lambda folder, scale: prepare(folder, scale).workspace, remove)
