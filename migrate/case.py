"""
A case: the folder of one tenant's migration, with its journal, documents and evidence.

Promise: evidence and documents are written whole or not at all, and each writing is journalled
with its digest, so that what the dossier shows is what was measured. Holds no secret.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from migrate.errors import EvidenceError
from migrate.journal import Journal
from provisioning.manifest import Manifest
from provisioning.manifest_file import load_manifest
from provisioning.workspace import Workspace

M = TypeVar("M", bound=BaseModel)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` in one move, so that a reader or a crash never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


@dataclass(frozen=True)
class Case:
    """One tenant's migration. `folder` is ``.state/cases/<tenant>`` of the workspace."""

    workspace: Workspace
    manifest: Manifest

    @classmethod
    def of(cls, workspace: Workspace, tenant: str) -> "Case":
        """Open the case of a tenant; its manifest is read and checked."""
        return cls(workspace, load_manifest(workspace, tenant))

    @property
    def folder(self) -> Path:
        return self.workspace.case_folder(self.manifest.tenant)

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "journal.jsonl")

    def document(self, name: str) -> Path:
        """Path of a document that people read and sign; its signature lies beside it, ``<name>.sig``."""
        return self.folder / "documents" / name

    def write_document(self, name: str, content: bytes) -> Path:
        """Write a document and journal its digest. The same content again changes nothing."""
        path = self.document(name)
        if path.exists() and path.read_bytes() == content:
            return path
        write_whole(path, content)
        self.journal.append("document", name, sha256=digest_of(path), bytes=len(content))
        return path

    def write_evidence(self, name: str, content: BaseModel) -> Path:
        """Write ``evidence/<name>.json`` and journal its digest."""
        path = self.folder / "evidence" / f"{name}.json"
        write_whole(path, (content.model_dump_json(indent=1) + "\n").encode())
        self.journal.append("evidence", name, sha256=digest_of(path))
        return path

    def read_evidence(self, name: str, kind: type[M]) -> M:
        """
        Return evidence as it was written.

        Raises:
            EvidenceError: It is missing, or differs from what the journal says was written.
        """
        path = self.folder / "evidence" / f"{name}.json"
        written = self.journal.last("evidence", name)
        if written is None or not path.exists():
            raise EvidenceError(
                f"no evidence {name!r} for {self.manifest.tenant} yet",
                next_step=f"fab status --tenant {self.manifest.tenant}",
            )
        if written.data["sha256"] != digest_of(path):
            raise EvidenceError(
                f"{path} was changed after it was written", next_step="measure it again; do not edit evidence"
            )
        return kind.model_validate_json(path.read_bytes())

    def raw_evidence(self) -> dict[str, Any]:
        """Return all evidence by name, as plain JSON, for the dossier."""
        folder = self.folder / "evidence"
        return (
            {p.stem: json.loads(p.read_text()) for p in sorted(folder.glob("*.json"))}
            if folder.exists()
            else {}
        )
